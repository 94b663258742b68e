//! The labels of faults of pools, as every report has them.

use std::fmt;

use super::{PoolFault, PoolFaultKind};
use crate::trigger::Trigger;

impl fmt::Display for PoolFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        match self.trigger {
            Trigger::Always => Ok(()),
            trigger => write!(f, " on {trigger}"),
        }
    }
}

/// `exhaust leaving 2`, `poison (open transaction)`.
impl fmt::Display for PoolFaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Exhaust { leaving: 0 }
            | Self::FailCheckout
            | Self::FailConnect
            | Self::DieAtRecycle
            | Self::HandOutDead => Ok(()),
            Self::Exhaust { leaving } => write!(f, " leaving {leaving}"),
            Self::SlowCheckout { delay } | Self::SlowConnect { delay } => write!(f, " {delay}"),
            Self::Poison { with } => write!(f, " ({with})"),
        }
    }
}
