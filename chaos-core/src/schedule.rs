//! Faults on a timeline.
//!
//! A [`Schedule`] is a value: it can be printed before it is run, and written to the journal. Its
//! faults are injected and cleared by [`Chaos::run`](crate::Chaos::run), so there is no guard that
//! could be forgotten.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::duration;
use crate::fault::Fault;
use crate::link::{Link, Target};

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

/// A fault and the link it is going to be injected into.
#[derive(Debug, Clone, Serialize)]
pub struct Planned {
    #[serde(serialize_with = "link_name", rename = "target")]
    link: Link,
    fault: Fault,
}

impl Schedule {
    /// A schedule without steps.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step without faults.
    ///
    /// Begin with one: the operations in it show that the system was in its steady state before
    /// the first fault. And end with one: without it no recovery can be seen.
    pub fn calm(mut self, duration: Duration) -> Self {
        self.steps.push(Step { duration, faults: Vec::new() });
        self
    }

    /// Adds a step in which one fault is active.
    pub fn hold(
        mut self,
        duration: Duration,
        target: &impl Target,
        fault: impl Into<Fault>,
    ) -> Self {
        let planned = Planned { link: target.link().clone(), fault: fault.into() };
        self.steps.push(Step { duration, faults: vec![planned] });
        self
    }

    /// Adds a fault to the last step, to be active together with what is already there.
    ///
    /// # Panics
    ///
    /// When there is no step yet.
    #[track_caller]
    pub fn and(mut self, target: &impl Target, fault: impl Into<Fault>) -> Self {
        let step =
            self.steps.last_mut().expect("`and` adds to a step; begin with `hold` or `calm`");
        step.faults.push(Planned { link: target.link().clone(), fault: fault.into() });
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
    /// The link.
    #[must_use]
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// The fault.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        &self.fault
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
        for (index, Planned { link, fault }) in self.faults.iter().enumerate() {
            let separator = if index > 0 { " + " } else { "" };
            write!(f, "{separator}{fault} on {}", link.name())?;
        }
        if self.is_calm() {
            f.write_str("calm")?;
        }
        write!(f, " {}", duration::Display(self.duration))
    }
}

fn link_name<S: Serializer>(link: &Link, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(link.name())
}
