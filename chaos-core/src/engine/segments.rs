//! What TCP makes of packets that are lost, doubled or overtaken: a delay of the bytes in them.
//!
//! The stream is thought of as cut into segments as a sender would cut it: each chunk into pieces
//! of [`SIZE`] bytes. What happens to a segment is a hash of its ordinal, so it does not depend on
//! what happened before.
//!
//! Which TCP this is a model of, by which formulas, and how far it is from the kernel's, stands at the
//! faults: `fault::packets`.

use std::time::Duration;

use super::pace::NEVER;
use crate::fault::PacketEffect;
use crate::probability::Probability;
use crate::seed::Seed;

/// What an Ethernet frame carries of a TCP stream: 1500 bytes less the headers and a timestamp.
pub(super) const SIZE: usize = 1448;

/// How many later segments have to arrive until the sender takes one for lost at once (RFC 5681).
const GIVEN_AWAY_BY: usize = 3;

/// How much later than a segment each of those came that give it away, if it did.
pub(super) type Lags = [Option<Duration>; GIVEN_AWAY_BY];

/// For which part of a round trip a sender that fewer of them have reached takes the missing one for
/// overtaken (RFC 8985, section 6.2: the reordering window of RACK).
const REORDERING_WINDOW: u32 = 4;

/// The shortest time after which Linux sends again what was not acknowledged.
const TIMEOUT: Duration = Duration::from_millis(200);

/// After so many times in a row (`tcp_retries2`) Linux gives a connection up, and the model lets
/// the segment pass.
const MOST_LOSSES: u32 = 15;

/// Linux has no less under way.
const SMALLEST_WINDOW: f64 = 2.0;

/// How long a segment is on a wire of 1 Gbit/s.
const TIME_ON_THE_WIRE: Duration = Duration::from_micros(12);

/// The segments of one direction.
#[derive(Debug)]
pub(super) struct Segments {
    effect: PacketEffect,
    probability: Probability,
    round_trip: Duration,
    seed: Seed,
    /// The number of the segment that is next, or has begun.
    ordinal: u64,
    /// How many bytes of it left.
    begun: usize,
    /// How many segments of the same chunk, and so sent with it, are before it.
    earlier: u64,
    /// When the last one left: TCP delivers in order.
    last: Duration,
    /// How many may be under way at a time, as their sender takes losses for congestion.
    window: f64,
    /// When the window would have passed all that left, at a steady rate.
    paced: Duration,
}

impl Segments {
    pub(super) fn new(
        effect: PacketEffect,
        probability: Probability,
        round_trip: Duration,
        seed: Seed,
    ) -> Self {
        let window = match effect {
            PacketEffect::Loss | PacketEffect::Corruption => window(probability, round_trip),
            PacketEffect::Duplication | PacketEffect::Reordering => f64::INFINITY,
        };
        let (last, paced) = (Duration::ZERO, Duration::ZERO);
        Self {
            effect,
            probability,
            round_trip,
            seed,
            ordinal: 0,
            begun: 0,
            earlier: 0,
            last,
            window,
            paced,
        }
    }

    /// How many of the next `whole` bytes may leave in one piece: a segment to which something
    /// happens, or all before the next such segment.
    pub(super) fn most(&self, whole: usize) -> usize {
        let mut most = SIZE - self.begun;
        if self.strikes(self.ordinal) > 0 {
            return most;
        }
        let mut next = self.ordinal + 1;
        let window = self.ordinal.saturating_add(self.window as u64);
        while most < whole && next < window && self.strikes(next) == 0 {
            most += SIZE;
            next += 1;
        }
        most
    }

    /// When what comes at time `at` leaves. Later segments came so much later.
    pub(super) fn schedule(&self, at: Duration, length: usize, lags: Lags) -> Duration {
        self.sent(at, length).saturating_add(self.delay(lags)).max(self.last)
    }

    /// When so many bytes that come at time `at` are sent: as many as the window holds at once, and no
    /// more than that in a round trip.
    fn sent(&self, at: Duration, length: usize) -> Duration {
        let passed = self.paced.saturating_add(self.pace(length));
        at.max(passed.saturating_sub(self.round_trip))
    }

    /// How long the window takes to pass so many bytes.
    fn pace(&self, length: usize) -> Duration {
        let segments = length as f64 / SIZE as f64;
        self.round_trip.mul_f64((segments / self.window).min(1.0))
    }

    /// When the end of the stream leaves if it comes at time `at`.
    pub(super) fn schedule_end(&self, at: Duration) -> Duration {
        at.max(self.last)
    }

    /// Notes that bytes left, and says when they left by the plan.
    pub(super) fn commit(
        &mut self,
        at: Duration,
        written: usize,
        chunk_done: bool,
        lags: Lags,
    ) -> Duration {
        let left_at = self.schedule(at, written, lags);
        // Nothing is sent while a timeout is waited for. What tells of a loss sooner is on its way.
        let silence = self.delay(lags).saturating_sub(self.round_trip);
        let silence = if silence < TIMEOUT { Duration::ZERO } else { silence };
        let sent = self.sent(at, written).saturating_add(silence);
        self.paced = self.paced.max(sent).saturating_add(self.pace(written));
        let is_doubled = self.effect == PacketEffect::Duplication && self.strikes_now();
        self.last =
            left_at.saturating_add(if is_doubled { TIME_ON_THE_WIRE } else { Duration::ZERO });
        let before = self.ordinal;
        self.begun += written;
        self.ordinal += (self.begun / SIZE) as u64;
        self.begun %= SIZE;
        if chunk_done && self.begun > 0 {
            self.ordinal += 1;
            self.begun = 0;
        }
        self.earlier = if chunk_done { 0 } else { self.earlier + self.ordinal - before };
        left_at
    }

    /// Whether something happens to the segment that is to begin now.
    pub(super) fn strikes_now(&self) -> bool {
        self.begun == 0 && self.strikes(self.ordinal) > 0
    }

    /// How much later the next piece leaves by what happens to it.
    fn delay(&self, lags: Lags) -> Duration {
        // What is left of a segment comes with its beginning.
        let strikes = if self.begun == 0 { self.strikes(self.ordinal) } else { 0 };
        match self.effect {
            _ if strikes == 0 => Duration::ZERO,
            // The copy is thrown away when it comes; only what is behind it has to wait for it.
            PacketEffect::Duplication => Duration::ZERO,
            PacketEffect::Reordering => self.round_trip / 2,
            PacketEffect::Loss | PacketEffect::Corruption => {
                let by_timeout = self.round_trip.saturating_add(timeouts(strikes));
                self.given_away(lags)
                    .or_else(|| self.probed(lags))
                    .map_or(NEVER, |noticed| noticed.saturating_add(timeouts(strikes - 1)))
                    .min(by_timeout)
            }
        }
    }

    /// How long after it sent the next segment a sender knows by later ones that it is lost, if any
    /// of them arrives.
    fn given_away(&self, lags: Lags) -> Option<Duration> {
        let later = (self.ordinal + 1..).zip(lags);
        let mut acknowledged = later
            .filter_map(|(ordinal, lag)| lag.filter(|_| self.strikes(ordinal) == 0))
            .map(|lag| lag.saturating_add(self.round_trip));
        // One that came that much later shows at once that the missing one was not overtaken.
        let window = self.round_trip / REORDERING_WINDOW;
        let by_first = acknowledged.next()?.max(self.round_trip.saturating_add(window));
        let by_all = acknowledged.nth(GIVEN_AWAY_BY - 2);
        Some(by_all.map_or(by_first, |by_all| by_all.min(by_first)))
    }

    /// How long after it sent the next segment, and none that arrives behind it, a sender has sent
    /// again what a probe can tell of, if it probes before its timeout.
    ///
    /// That takes two segments that are not acknowledged (RFC 8985, section 7.2).
    fn probed(&self, lags: Lags) -> Option<Duration> {
        let behind = lags.iter().flatten().count() as u64;
        let is_second_lost =
            self.earlier > 0 && self.ordinal.checked_sub(1).is_some_and(|it| self.strikes(it) > 0);
        if behind == 0 && !is_second_lost && !self.is_earlier_unacknowledged() {
            return None;
        }
        if behind > 0 && self.strikes(self.ordinal + behind) > 1 {
            // The last one is the probe.
            return None;
        }
        // It starts anew when an acknowledgement comes, and two segments have one.
        let since = if self.earlier < 2 { Duration::ZERO } else { self.round_trip };
        let probe = since.saturating_add(self.round_trip.saturating_mul(2));
        // The answer to the probe tells of those before it.
        Some(if behind == 0 { probe } else { probe.saturating_add(self.round_trip) })
    }

    /// Whether the receiver keeps to itself for a while that the segment before this one came: at
    /// most that of every second one (RFC 5681, section 4.2), and in Linux not at the beginning and
    /// after losses. It did so half of the time where the two were compared.
    fn is_earlier_unacknowledged(&self) -> bool {
        let mut draws = self.seed.named("acknowledgement").numbered(self.ordinal).draws();
        self.earlier % 2 == 1 && draws.unit() < 0.5
    }

    /// How often in a row something happens to this segment.
    fn strikes(&self, ordinal: u64) -> u32 {
        let mut draws = self.seed.numbered(ordinal).draws();
        let most = match self.effect {
            PacketEffect::Loss | PacketEffect::Corruption => MOST_LOSSES,
            PacketEffect::Duplication | PacketEffect::Reordering => 1,
        };
        let mut strikes = 0;
        while strikes < most && draws.hits(self.probability) {
            strikes += 1;
        }
        strikes
    }
}

/// How many segments a sender has under way on average when this part of them is lost (RFC 9438,
/// section 5.1: the congestion control CUBIC, which Linux has unless told otherwise, and which does
/// as Reno would, RFC 5681, where that is more).
fn window(probability: Probability, round_trip: Duration) -> f64 {
    let lost = probability.get();
    let reno = (1.5 / lost).sqrt();
    let cubic = 1.054 * (round_trip.as_secs_f64() / lost).powf(0.75);
    reno.max(cubic).max(SMALLEST_WINDOW)
}

/// How long a sender waits altogether until it has sent again so often.
///
/// The first time is a probe, after which the timeout is not doubled yet; so the sum is what
/// doubles.
fn timeouts(times: u32) -> Duration {
    match times.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => TIMEOUT.saturating_mul(1 << doublings),
    }
}
