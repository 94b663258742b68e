//! Real packets can be broken on Linux only.

use std::convert::Infallible;
use std::task::{Context, Poll};

use super::Forward;
use crate::link::connection::Met;
use crate::link::finale::Finale;

/// A connection whose packets are broken, of which there are none here.
#[derive(Debug)]
pub(super) struct Crossing(Infallible);

impl Forward {
    pub(super) fn cross(&mut self, _faults: &[Met]) {}

    pub(super) fn poll_crossing(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

impl Crossing {
    pub(super) fn end_like(&self, _finale: &Finale) {
        match self.0 {}
    }
}
