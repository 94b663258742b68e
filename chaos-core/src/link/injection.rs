//! Faults that are active, and end when they are dropped.

use std::marker::PhantomData;
use std::sync::Arc;

use super::Link;
use crate::scope::FaultRecord;

/// A fault that is active until it is dropped.
#[derive(Debug)]
pub(crate) struct ActiveFault {
    link: Link,
    record: Arc<FaultRecord>,
}

impl ActiveFault {
    pub(super) fn new(link: Link, record: Arc<FaultRecord>) -> Self {
        Self { link, record }
    }

    pub(crate) fn record(&self) -> &Arc<FaultRecord> {
        &self.record
    }
}

impl Drop for ActiveFault {
    fn drop(&mut self) {
        self.link.open.tcp.end(&self.record);
    }
}

/// A fault that is active; it ends when this is cleared or dropped.
#[derive(Debug)]
#[must_use = "dropping the guard ends the fault; bind it to a named variable"]
pub struct Injection<'target> {
    active: ActiveFault,
    target: PhantomData<&'target ()>,
}

impl Injection<'_> {
    pub(super) fn new(active: ActiveFault) -> Self {
        Self { active, target: PhantomData }
    }

    /// Ends the fault.
    pub fn clear(self) {
        drop(self);
    }

    /// How often the fault acted so far: chunks of data that it affected, or connections that it
    /// ended.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.active.record().hits()
    }

    /// How many connections it touched so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.active.record().connections()
    }
}
