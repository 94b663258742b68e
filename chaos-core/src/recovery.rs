//! How long the system takes to come back to its steady state after a fault.
//!
//! For each fault that ended while a workload ran, the operations between its end and the next fault (or
//! the end of the run) decide. An operation that the next fault met is left out, unless it had
//! begun before the end of this fault and did not succeed. Faults that end together, as those of one step
//! do, have one recovery.
//!
//! * the *first success* is the end of the first successful operation that began after the fault
//!   had ended;
//! * the *recovery time* is when the last operation that did not succeed ended, or the first
//!   success if that is later: from then on every operation succeeded.
//!
//! The stricter figure is the one that counts: a system that answers once and then fails again has
//! not recovered.

use std::time::Duration;

use crate::duration::{Display, rounded};
use crate::event::FaultId;
use crate::outcome::Outcome;
use crate::run::Operation;

/// How the system came back after one fault.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// Which fault.
    pub fault: FaultId,
    /// The fault as text, with its target: `cut on postgres`.
    pub label: String,
    /// When the fault ended, since the attempt began.
    pub healed: Duration,
    /// How long the system was watched: until the next fault, or the end of the run.
    pub watched: Duration,
    /// How long after the end of the fault the first operation succeeded.
    pub first_success: Option<Duration>,
    /// How long after the end of the fault every operation succeeded; absent when they did not.
    pub time: Option<Duration>,
    /// The last error that was seen.
    pub last_error: Option<String>,
}

/// When a fault was active, for the calculation of recoveries.
#[derive(Debug, Clone)]
pub(crate) struct Disturbance {
    pub(crate) fault: FaultId,
    pub(crate) label: String,
    pub(crate) started: Duration,
    pub(crate) ended: Option<Duration>,
}

/// The recoveries from all disturbances that ended before `end`.
///
/// A fault that ended while another one was active, or in the moment in which the next one began,
/// has none: nothing can be said of it.
pub(crate) fn recoveries(
    disturbances: &[Disturbance],
    operations: &[Operation],
    end: Duration,
) -> Vec<Recovery> {
    disturbances
        .iter()
        .filter_map(|disturbance| {
            let healed = healed_together(disturbance, disturbances)?;
            if healed >= end {
                return None;
            }
            let next = disturbances
                .iter()
                .filter(|other| other.fault != disturbance.fault)
                .filter(|other| other.ended.is_none_or(|ended| ended > healed))
                .map(|other| other.started.max(healed))
                .min();
            let window = Window { healed, until: next.unwrap_or(end).min(end), next };
            // Guards may follow one another within microseconds.
            (window.length() >= SHORTEST_WATCH).then(|| recovery(disturbance, window, operations))
        })
        .collect()
}

/// When the fault and those that were cleared with it had all ended, if they have.
fn healed_together(disturbance: &Disturbance, all: &[Disturbance]) -> Option<Duration> {
    let ended = disturbance.ended?;
    let was_active = |other: &&Disturbance| other.started <= ended;
    all.iter()
        .filter(was_active)
        .filter_map(|other| other.ended)
        .filter(|other| *other >= ended && *other - ended <= TOGETHER)
        .max()
}

/// The faults of one step are cleared one after the other, on a machine that may be busy.
const TOGETHER: Duration = Duration::from_millis(20);

/// A pause between two faults that is shorter than this is no time to recover in.
const SHORTEST_WATCH: Duration = Duration::from_millis(5);

/// The time in which a recovery is watched.
#[derive(Debug, Clone, Copy)]
struct Window {
    healed: Duration,
    until: Duration,
    /// When the next fault began, if it is what ends the window.
    next: Option<Duration>,
}

impl Window {
    fn length(&self) -> Duration {
        self.until - self.healed
    }

    /// Whether an operation shows anything of how the system comes back.
    fn shows(&self, operation: &Operation) -> bool {
        let ended_in_time = self.next.is_none_or(|next| operation.ended <= next);
        // What the fault had hold of until the next one began has not come back, whichever of them
        // it then fell victim to.
        let was_held = operation.began < self.healed && operation.outcome != Outcome::Ok;
        operation.began < self.until
            && operation.ended >= self.healed
            && (ended_in_time || was_held)
    }
}

fn recovery(disturbance: &Disturbance, window: Window, operations: &[Operation]) -> Recovery {
    let Window { healed, .. } = window;
    let seen = || operations.iter().filter(|operation| window.shows(operation));
    let succeeded =
        || seen().filter(|operation| operation.began >= healed && operation.outcome == Outcome::Ok);
    let first_success = succeeded().map(|operation| operation.ended - healed).min();
    // Operations that the fault had broken already may end after it did.
    let last_bad = seen()
        .filter(|operation| operation.outcome != Outcome::Ok)
        .max_by_key(|operation| operation.ended);
    let last_bad_after = last_bad.map_or(Duration::ZERO, |operation| operation.ended - healed);
    // Recovered means that something succeeded after the last thing that did not.
    let succeeded_later = succeeded().any(|operation| operation.ended >= healed + last_bad_after);
    Recovery {
        fault: disturbance.fault,
        label: disturbance.label.clone(),
        healed,
        watched: window.length(),
        first_success,
        time: first_success.filter(|_| succeeded_later).map(|first| first.max(last_bad_after)),
        last_error: last_bad.and_then(|operation| operation.error.clone()),
    }
}

/// The system did not recover, or not in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecoveryError {
    /// It took too long.
    #[error(
        "recovery after `{label}` took {}, more than the {} allowed{}",
        Display(rounded(*.took)), Display(*.bound), and_the_last_error(.last_error)
    )]
    TooSlow {
        /// The fault.
        label: String,
        /// How long it took.
        took: Duration,
        /// How long it may take.
        bound: Duration,
        /// The last error that was seen.
        last_error: Option<String>,
    },
    /// Operations still failed, or none ended, when the next fault began or the run ended.
    #[error(
        "no recovery after `{label}` in the {} that followed it{}",
        Display(rounded(*.watched)), and_the_last_error(.last_error)
    )]
    Never {
        /// The fault.
        label: String,
        /// How long the system was watched.
        watched: Duration,
        /// The last error that was seen.
        last_error: Option<String>,
    },
    /// No fault ended early enough in the run, and with no other one active, to watch a recovery.
    #[error(
        "no recovery could be watched: no fault was followed by a time without faults before the \
         run ended; end the schedule with `.calm(..)`, and faults that were injected beside it \
         before that"
    )]
    NotWatched,
}

fn and_the_last_error(error: &Option<String>) -> String {
    error.as_ref().map(|error| format!("; the last error was: {error}")).unwrap_or_default()
}

/// Checks that the system recovered from each fault within `bound`.
pub(crate) fn within(recoveries: &[Recovery], bound: Duration) -> Result<(), RecoveryError> {
    if recoveries.is_empty() {
        return Err(RecoveryError::NotWatched);
    }
    for recovery in recoveries {
        let (label, last_error) = (recovery.label.clone(), recovery.last_error.clone());
        match recovery.time {
            Some(took) if took <= bound => {}
            Some(took) => return Err(RecoveryError::TooSlow { label, took, bound, last_error }),
            None => {
                return Err(RecoveryError::Never { label, watched: recovery.watched, last_error });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::DurationUnits;

    fn operation(began: u64, ended: u64, outcome: Outcome) -> Operation {
        let error = (outcome != Outcome::Ok).then(|| format!("error at {ended}"));
        Operation {
            client: 0,
            began: began.ms(),
            ended: ended.ms(),
            outcome,
            error,
            sqlstate: None,
            resolution: None,
        }
    }

    fn disturbance(fault: u64, started: u64, ended: u64) -> Disturbance {
        let label = format!("fault {fault}");
        Disturbance { fault: FaultId(fault), label, started: started.ms(), ended: Some(ended.ms()) }
    }

    #[test]
    fn one_success_followed_by_a_failure_is_no_recovery_yet() {
        let operations = [
            operation(0, 10, Outcome::Ok),
            operation(110, 190, Outcome::Failed),
            operation(200, 220, Outcome::Ok),
            operation(220, 250, Outcome::Unknown),
            operation(250, 260, Outcome::Ok),
        ];
        let all = recoveries(&[disturbance(1, 100, 200)], &operations, 400.ms());
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].first_success, Some(20.ms()));
        assert_eq!(all[0].time, Some(50.ms()));
        assert_eq!(within(&all, 50.ms()), Ok(()));
        assert!(matches!(within(&all, 49.ms()), Err(RecoveryError::TooSlow { .. })));
    }

    #[test]
    fn an_operation_that_the_fault_broke_counts_although_it_began_before_the_end_of_the_fault() {
        let operations = [
            operation(150, 290, Outcome::Failed),
            operation(205, 210, Outcome::Ok),
            operation(210, 300, Outcome::Ok),
        ];
        let all = recoveries(&[disturbance(1, 100, 200)], &operations, 400.ms());
        assert_eq!(all[0].time, Some(90.ms()));
    }

    #[test]
    fn failing_to_the_end_is_never_and_so_is_doing_nothing() {
        for operations in [
            vec![operation(200, 210, Outcome::Ok), operation(390, 395, Outcome::Failed)],
            vec![operation(10, 20, Outcome::Ok)],
        ] {
            let all = recoveries(&[disturbance(1, 100, 200)], &operations, 400.ms());
            assert_eq!(all[0].time, None);
            let error = within(&all, 10.secs()).unwrap_err();
            assert!(error.to_string().contains("in the 200ms that followed it"), "{error}");
        }
    }

    #[test]
    fn a_fault_is_only_watched_until_the_next_one() {
        let operations = [
            operation(200, 210, Outcome::Ok),
            operation(310, 320, Outcome::Failed),
            operation(450, 460, Outcome::Ok),
        ];
        let faults = [disturbance(1, 100, 200), disturbance(2, 300, 400), disturbance(3, 400, 440)];
        let all = recoveries(&faults, &operations, 500.ms());
        let watched: Vec<_> =
            all.iter().map(|recovery| (recovery.fault.0, recovery.watched)).collect();
        assert_eq!(watched, [(1, 100.ms()), (3, 60.ms())]);
        assert_eq!(all[0].time, Some(10.ms()));
    }

    #[test]
    fn what_the_next_fault_breaks_is_not_charged_to_the_one_before() {
        let operations = [
            operation(150, 210, Outcome::Failed),
            operation(215, 225, Outcome::Ok),
            operation(295, 305, Outcome::Failed),
            operation(296, 350, Outcome::Unknown),
            operation(410, 420, Outcome::Ok),
        ];
        let faults = [disturbance(1, 100, 200), disturbance(2, 300, 400)];
        let all = recoveries(&faults, &operations, 500.ms());
        assert_eq!(all[0].time, Some(25.ms()));
        assert_eq!(all[0].last_error.as_deref(), Some("error at 210"));
        assert_eq!(all[1].time, Some(20.ms()));
    }

    #[test]
    fn what_a_fault_held_until_the_next_one_began_has_not_recovered() {
        let operations = [
            operation(150, 310, Outcome::Failed),
            operation(205, 215, Outcome::Ok),
            operation(410, 420, Outcome::Ok),
        ];
        let faults = [disturbance(1, 100, 200), disturbance(2, 300, 400)];
        let all = recoveries(&faults, &operations, 500.ms());
        assert_eq!(all[0].time, None);
        assert_eq!(all[1].time, Some(20.ms()));
    }

    #[test]
    fn a_success_that_came_after_the_next_fault_began_shows_no_recovery_from_the_one_before() {
        let operations = [operation(290, 450, Outcome::Ok), operation(450, 460, Outcome::Ok)];
        let faults = [disturbance(1, 100, 200), disturbance(2, 300, 400)];
        let all = recoveries(&faults, &operations, 500.ms());
        assert_eq!(all[0].time, None);
        assert_eq!(all[0].first_success, None);
    }

    #[test]
    fn faults_that_end_together_are_recovered_from_together() {
        let operations = [operation(150, 240, Outcome::Failed), operation(250, 260, Outcome::Ok)];
        let faults = [disturbance(1, 100, 200), disturbance(2, 100, 201)];
        let all = recoveries(&faults, &operations, 500.ms());
        let times: Vec<_> = all.iter().map(|recovery| (recovery.healed, recovery.time)).collect();
        assert_eq!(times, [(201.ms(), Some(59.ms())), (201.ms(), Some(59.ms()))]);
        // One that goes on for longer keeps the other from being recovered from.
        let faults = [disturbance(1, 100, 200), disturbance(2, 100, 300)];
        let all = recoveries(&faults, &operations, 500.ms());
        assert_eq!(all.iter().map(|recovery| recovery.fault.0).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_run_that_ends_with_its_last_fault_shows_nothing() {
        let all = recoveries(&[disturbance(1, 100, 400)], &[], 400.ms());
        assert_eq!(within(&all, 1.secs()), Err(RecoveryError::NotWatched));
    }
}
