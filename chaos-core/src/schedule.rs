//! Faults on a timeline.
//!
//! A [`Schedule`] is a value: it can be printed before it is run, and written to the journal.
//! [`Chaos::run`](crate::Chaos::run) injects and clears its faults, so there is no guard that could be
//! forgotten.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::duration;
use crate::error::Error;
use crate::fault::{Fault, FaultSpec};
use crate::link::{ActiveFault, Link, Target};
use crate::sabotage::{Prepared, Sabotage, Sabotaging};

/// Faults on a timeline, step after step.
///
/// ```
/// # use chaos_core::prelude::*;
/// # fn plan(pg: &Link) -> Schedule {
/// Schedule::new()
///     .calm(1.secs())
///     .hold(3.secs(), pg, latency(80.ms()..=120.ms()).downstream())
///     .hold(1.secs(), pg, cut())
///     .and(pg, refuse())
///     .calm(2.secs())
/// # }
/// ```
#[derive(Debug, Clone, Default, Serialize)]
#[must_use = "a schedule does nothing until it is run: `cx.run(schedule, ..)`"]
pub struct Schedule {
    steps: Vec<Step>,
}

/// One step of a schedule: the faults that are active together, and for how long.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    #[serde(with = "duration::text")]
    duration: Duration,
    faults: Vec<Planned>,
}

/// A fault and what it is going to be injected into.
#[derive(Debug, Clone, Serialize)]
pub struct Planned {
    target: String,
    fault: FaultSpec,
    #[serde(skip)]
    how: How,
}

#[derive(Debug, Clone)]
enum How {
    Inject(Link, Fault),
    Sabotage(Prepared),
}

/// A fault of a schedule that is active. It ends when this is dropped.
#[derive(Debug)]
pub(crate) enum Held {
    Injected(#[expect(dead_code, reason = "it is held, and dropped")] ActiveFault),
    Sabotaged(Sabotage),
}

/// Says that a fault can be injected into a `T`, by whichever means, so that a schedule can hold it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no fault that can be injected into a `{T}`",
    note = "faults of a network are injected into links, those of sessions into a `Postgres`"
)]
pub trait Injectable<T: ?Sized> {
    /// Says what is to be injected where, and does nothing yet.
    #[doc(hidden)]
    fn plan(self, target: &T) -> Planned;
}

impl<T: Target, F: Into<Fault>> Injectable<T> for F {
    fn plan(self, target: &T) -> Planned {
        let (link, fault) = (target.link().clone(), self.into());
        Planned {
            target: link.name().to_owned(),
            fault: fault.clone().into(),
            how: How::Inject(link, fault),
        }
    }
}

impl Schedule {
    /// A schedule without steps.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step without faults.
    ///
    /// Begin with one: its operations show that the system was in its steady state before the first
    /// fault. And end with one: without it no recovery can be observed.
    pub fn calm(mut self, duration: Duration) -> Self {
        self.steps.push(Step { duration, faults: Vec::new() });
        self
    }

    /// Adds a step in which one fault is active.
    ///
    /// The step lasts for `duration` from when the fault is in effect.
    pub fn hold<T>(mut self, duration: Duration, target: &T, fault: impl Injectable<T>) -> Self {
        self.steps.push(Step { duration, faults: vec![fault.plan(target)] });
        self
    }

    /// Adds a fault to the last step, to be active together with the faults that it has.
    ///
    /// # Panics
    ///
    /// When there is no step yet.
    #[track_caller]
    pub fn and<T>(mut self, target: &T, fault: impl Injectable<T>) -> Self {
        let step =
            self.steps.last_mut().expect("`and` adds to a step; begin with `hold` or `calm`");
        step.faults.push(fault.plan(target));
        self
    }

    /// The steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How long all steps take together.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.steps.iter().map(Step::duration).sum()
    }
}

impl Step {
    /// How long the step takes.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// The faults that are active in it, in the order in which they are injected.
    #[must_use]
    pub fn faults(&self) -> &[Planned] {
        &self.faults
    }

    /// Whether no fault is active in it.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.faults.is_empty()
    }
}

impl Planned {
    pub(crate) fn sabotage(prepared: Prepared) -> Self {
        let (target, fault) = (prepared.target().to_owned(), prepared.fault().clone());
        Self { target, fault, how: How::Sabotage(prepared) }
    }

    /// The name of what it is going to be injected into.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The fault.
    #[must_use]
    pub fn fault(&self) -> &FaultSpec {
        &self.fault
    }

    /// Has the fault take effect.
    pub(crate) async fn begin(&self) -> Result<Held, Error> {
        match &self.how {
            How::Inject(link, fault) => Ok(Held::Injected(link.activate(fault.clone()))),
            How::Sabotage(prepared) => Sabotaging::new(prepared.clone()).await.map(Held::Sabotaged),
        }
    }
}

/// `calm 1s → latency 80ms–120ms ↓ on postgres 3s → calm 2s`.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            if index > 0 {
                f.write_str(" → ")?;
            }
            step.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Planned { target, fault, .. }) in self.faults.iter().enumerate() {
            let separator = if index > 0 { " + " } else { "" };
            write!(f, "{separator}{fault} on {target}")?;
        }
        if self.is_calm() {
            f.write_str("calm")?;
        }
        write!(f, " {}", duration::Display(self.duration))
    }
}
