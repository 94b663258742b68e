//! Faults of real packets, on real sockets, by a helper process that is this test binary again.
//!
//! Where the kernel refuses private networks, the tests say so and pass; `probe` is tested
//! everywhere.
#![cfg(target_os = "linux")]

#[path = "../support/client.rs"]
mod client;
mod faults;
mod lives;
#[path = "../link_faults/support.rs"]
#[allow(dead_code, reason = "every test file uses a part of it")]
mod support;

use chaos_core::packets;
use chaos_core::prelude::*;
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Where helper processes begin, and those that tests start to kill them.
#[test]
fn entry() {
    if lives::refuses_to_be_a_wire() {
        return;
    }
    packets::serve_if_asked();
    lives::play_if_asked();
}

/// Held by whoever sends something over the wire of this process, and alone by those who look at what
/// the kernel counted there: it counts for all connections together.
static WIRE: RwLock<()> = RwLock::new(());

/// The wire, beside other tests; says so where there is none.
fn shared_wire() -> Option<RwLockReadGuard<'static, ()>> {
    is_possible().then(|| WIRE.read())
}

/// The wire, without any other test on it.
fn wire_alone() -> Option<RwLockWriteGuard<'static, ()>> {
    is_possible().then(|| WIRE.write())
}

/// Whether packets can be broken here; says so if not.
fn is_possible() -> bool {
    chaos_core::reexec::set_arguments(["--exact", "entry", "--nocapture"].map(Into::into));
    match loss(1.percent()).in_kernel() {
        Ok(_) => true,
        Err(error) => {
            eprintln!("not tested: {error}");
            false
        }
    }
}
