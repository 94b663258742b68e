//! How often, over how long a time and in what order something is measured.
//!
//! Values that are taken one right after another are not independent: within the few milliseconds that
//! thirty queries take, threads stay on the processors where they are. A test that takes them for
//! independent finds differences where there are none. So each value here is the median of a short
//! round of runs, rounds begin some time apart, and what is measured with may be made anew for each
//! (T. Kalibera and R. Jones, "Rigorous Benchmarking in Reasonable Time", ISMM 2013: repeat what varies).

use std::time::{Duration, Instant};

use super::{Baseline, BaselineError, LEAST_SAMPLES, grouping};
use crate::error::TestError;
use crate::stats::{median, relative_width};

/// How many values are taken before it is looked again whether they suffice.
const BATCH: usize = 10;

/// How many runs a value is the median of.
const RUNS: usize = 5;

/// After how long a round takes no further run.
const ROUND: Duration = Duration::from_millis(5);

/// How long after the beginning of a round the next one begins, unless it took longer.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(10);

/// How often something is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use = "it does nothing until something is measured: `cx.baseline_with(name, sampling, ..)`"]
pub struct Sampling {
    warm_up: usize,
    at_least: usize,
    at_most: usize,
    spread: Duration,
    within: Duration,
    width: f64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self::new()
    }
}

impl Sampling {
    /// After 3 runs that do not count: at least 10 values over at least 500 ms, and more until the 95 %
    /// interval of their mean is within 5 % of it, up to 1000 values or 5 seconds.
    ///
    /// A value is the median of up to 5 runs, of as many as begin within 5 ms: of one where a run takes
    /// that long. The runs of the next value begin at least 10 ms after those of this one. Where
    /// neighbours are alike, the interval is that of the medians of groups of 2, 4, 8 … of them, as many
    /// as it takes until the groups are not, and there are at least 10 groups: what was measured while the
    /// machine was in one or two states is measured for longer.
    pub const fn new() -> Self {
        Self {
            warm_up: 3,
            at_least: LEAST_SAMPLES,
            at_most: 1_000,
            spread: Duration::from_millis(500),
            within: Duration::from_secs(5),
            width: 0.05,
        }
    }

    /// How many runs do not count, because they fill caches: the first ones, and those after each setup.
    /// Default: 3.
    pub const fn warm_up(mut self, runs: usize) -> Self {
        self.warm_up = runs;
        self
    }

    /// How many values are taken whatever they are. Default, and least: [`LEAST_SAMPLES`].
    pub const fn at_least(mut self, values: usize) -> Self {
        self.at_least = if values < LEAST_SAMPLES { LEAST_SAMPLES } else { values };
        self
    }

    /// How many values are taken at most. Default: 1000.
    pub const fn at_most(mut self, values: usize) -> Self {
        self.at_most = values;
        self
    }

    /// Over how long a time values are taken at least, unless there are as many as may be or the time is
    /// over. Default: 500 ms.
    pub const fn spread(mut self, time: Duration) -> Self {
        self.spread = time;
        self
    }

    /// How long may be measured once the least number of values is there. Default: 5 s.
    pub const fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Up to which half width of the 95 % interval of the mean, as a share of the mean, it goes on.
    /// Default: 0.05.
    pub const fn width(mut self, share: f64) -> Self {
        self.width = share;
        self
    }

    fn suffices(&self, seconds: &[f64], took: Duration) -> bool {
        let n = seconds.len();
        if n < self.at_least {
            return false;
        }
        if n >= self.at_most || took >= self.within {
            return true;
        }
        // Values of few states of the machine look more certain than they are.
        let independent = || grouping::independent(seconds, LEAST_SAMPLES);
        let width = || independent().and_then(|groups| relative_width(&groups));
        let is_narrow = || width().is_some_and(|width| width <= self.width);
        took >= self.spread && n % BATCH == 0 && is_narrow()
    }

    /// Measures how long `operation` takes, again and again.
    ///
    /// # Errors
    ///
    /// When it fails: what fails has no time to be compared.
    pub async fn measure<T, E: Into<TestError>>(
        self,
        name: &str,
        operation: impl AsyncFn() -> Result<T, E>,
    ) -> Result<Baseline, BaselineError> {
        let mut runs = Runs { name, count: 0 };
        runs.warm_up(self.warm_up, &operation).await?;
        let mut values = Values::new();
        while !self.suffices(&values.seconds, values.began.elapsed()) {
            let round = Instant::now();
            values.put(runs.round(&operation).await?);
            pause_after(round).await;
        }
        values.named(name)
    }

    /// Measures how long `operation` takes with what `setup` makes, which is made anew for each value and
    /// does not count.
    ///
    /// # Errors
    ///
    /// When the setup or the operation fails.
    pub async fn measure_with_setup<S, T, E: Into<TestError>, F: Into<TestError>>(
        self,
        name: &str,
        setup: impl AsyncFn() -> Result<S, E>,
        operation: impl AsyncFn(&S) -> Result<T, F>,
    ) -> Result<Baseline, BaselineError> {
        let mut runs = Runs { name, count: 0 };
        let mut values = Values::new();
        while !self.suffices(&values.seconds, values.began.elapsed()) {
            let round = Instant::now();
            let made = setup().await.map_err(|error| BaselineError::Setup {
                name: name.to_owned(),
                source: error.into(),
            })?;
            let operation = async || operation(&made).await;
            runs.warm_up(self.warm_up, &operation).await?;
            values.put(runs.round(&operation).await?);
            // What ends with it, such as a process of a server, does so in the pause.
            drop(made);
            pause_after(round).await;
        }
        values.named(name)
    }
}

/// Threads that sleep may be placed anew.
async fn pause_after(round: Instant) {
    let left = BETWEEN_ROUNDS.saturating_sub(round.elapsed());
    if !left.is_zero() {
        tokio::time::sleep(left).await;
    }
}

/// The runs of an operation, counted for whoever is told that one failed.
struct Runs<'a> {
    name: &'a str,
    count: usize,
}

impl Runs<'_> {
    async fn run<T, E: Into<TestError>>(
        &mut self,
        operation: &impl AsyncFn() -> Result<T, E>,
    ) -> Result<Duration, BaselineError> {
        self.count += 1;
        let began = Instant::now();
        let result = operation().await;
        let took = began.elapsed();
        match result {
            Ok(_) => Ok(took),
            Err(error) => Err(BaselineError::Operation {
                name: self.name.to_owned(),
                run: self.count,
                source: error.into(),
            }),
        }
    }

    async fn warm_up<T, E: Into<TestError>>(
        &mut self,
        runs: usize,
        operation: &impl AsyncFn() -> Result<T, E>,
    ) -> Result<(), BaselineError> {
        for _ in 0..runs {
            self.run(operation).await?;
        }
        Ok(())
    }

    /// The median of a round of runs, in seconds.
    async fn round<T, E: Into<TestError>>(
        &mut self,
        operation: &impl AsyncFn() -> Result<T, E>,
    ) -> Result<f64, BaselineError> {
        let mut seconds = Vec::with_capacity(RUNS);
        let began = Instant::now();
        while seconds.is_empty() || (seconds.len() < RUNS && began.elapsed() < ROUND) {
            seconds.push(self.run(operation).await?.as_secs_f64());
        }
        Ok(median(&seconds).expect("there is a run"))
    }
}

/// The values so far.
struct Values {
    began: Instant,
    seconds: Vec<f64>,
}

impl Values {
    fn new() -> Self {
        Self { began: Instant::now(), seconds: Vec::new() }
    }

    fn put(&mut self, seconds: f64) {
        self.seconds.push(seconds);
    }

    fn named(self, name: &str) -> Result<Baseline, BaselineError> {
        let durations = self.seconds.into_iter().map(Duration::from_secs_f64);
        Baseline::of(name, durations.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;
    use crate::units::DurationUnits;

    fn spin() {
        std::hint::black_box((0..1_000_u64).sum::<u64>());
    }

    #[tokio::test]
    async fn at_least_ten_values_are_taken_and_no_more_than_was_allowed() {
        let calls = Cell::new(0);
        let operation = async || {
            calls.set(calls.get() + 1);
            // Ever longer, so that no interval is ever narrow.
            let spins = 100_u64 << (calls.get() / RUNS).min(14);
            std::hint::black_box((0..spins).sum::<u64>());
            Ok::<_, TestError>(())
        };
        let sampling = Sampling::new().at_least(3).at_most(25).width(0.0).within(1.minutes());
        let baseline = sampling.measure("spin", operation).await.unwrap();
        assert_eq!(baseline.durations().len(), 25);
        assert!((28..=3 + 25 * RUNS).contains(&calls.get()), "{}", calls.get());
        let hasty = Sampling::new().within(Duration::ZERO).width(0.0);
        assert_eq!(hasty.measure("spin", operation).await.unwrap().summary().n, 10);
    }

    #[tokio::test]
    async fn what_is_short_is_measured_in_rounds_over_the_whole_of_the_spread() {
        let calls = RefCell::new(Vec::new());
        let operation = async || {
            calls.borrow_mut().push(Instant::now());
            spin();
            Ok::<_, TestError>(())
        };
        // Any interval is narrow enough: nothing but the spread asks for more than ten values.
        let sampling = Sampling::new().warm_up(0).spread(200.ms()).width(f64::INFINITY);
        let baseline = sampling.measure("spin", operation).await.unwrap();
        let calls = calls.into_inner();
        assert!(*calls.last().unwrap() - calls[0] >= 150.ms(), "the values are of one moment");
        assert!(baseline.durations().len() < calls.len(), "a value is of several runs");
        let longest = calls.chunk_by(|a, b| *b - *a < 5.ms()).map(<[_]>::len).max().unwrap();
        assert!(longest <= RUNS, "{longest} runs follow each other without a pause");
    }

    #[test]
    fn values_of_few_states_of_the_machine_do_not_suffice() {
        let slow_in = |is_slow: fn(usize) -> bool| {
            (0..200).map(|at| if is_slow(at) { 1.1 } else { 1.0 }).collect::<Vec<_>>()
        };
        let (alternating, one_change) = (slow_in(|at| at % 2 == 0), slow_in(|at| at < 100));
        let sampling = Sampling::new();
        assert!(sampling.suffices(&alternating, 1.secs()));
        assert!(!sampling.suffices(&one_change, 1.secs()));
        assert!(sampling.suffices(&one_change, 5.secs()), "it goes on for ever");
    }

    #[tokio::test]
    async fn what_is_long_is_run_once_for_each_value() {
        let calls = Cell::new(0);
        let operation = async || {
            calls.set(calls.get() + 1);
            tokio::time::sleep(ROUND).await;
            Ok::<_, TestError>(())
        };
        let sampling = Sampling::new().warm_up(2).at_most(12).width(0.0);
        let baseline = sampling.measure("sleep", operation).await.unwrap();
        assert_eq!((baseline.durations().len(), calls.get()), (12, 2 + 12));
    }

    #[tokio::test]
    async fn each_value_has_a_setup_of_its_own_that_does_not_count() {
        let setups = Cell::new(0);
        let setup = async || {
            setups.set(setups.get() + 1);
            tokio::time::sleep(20.ms()).await;
            Ok::<_, TestError>(setups.get())
        };
        let met = RefCell::new(Vec::new());
        let operation = async |setup: &i32| {
            met.borrow_mut().push(*setup);
            spin();
            Ok::<_, TestError>(())
        };
        let sampling = Sampling::new().warm_up(1).at_most(11).width(0.0);
        let baseline = sampling.measure_with_setup("spin", setup, operation).await.unwrap();
        assert_eq!((baseline.durations().len(), setups.get()), (11, 11));
        assert!(baseline.summary().median < 0.015, "the setup is in it: {:?}", baseline.summary());
        for setup in 1..=11 {
            let runs = met.borrow().iter().filter(|it| **it == setup).count();
            assert!((2..=1 + RUNS).contains(&runs), "{runs} runs with setup {setup}");
        }
    }
}
