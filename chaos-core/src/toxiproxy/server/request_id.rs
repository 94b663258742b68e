//! The value of `X-Toxiproxy-Request-Id`: 20 letters and digits, later ones behind earlier ones.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::seed::Seed;

/// Numbers requests: the time, this server, and a count, in base 32 with the digits before the
/// letters (RFC 4648, extended hex).
#[derive(Debug)]
pub(super) struct RequestIds {
    server: u64,
    next: AtomicU32,
}

impl RequestIds {
    pub(super) fn new() -> Self {
        Self { server: Seed::random().0, next: AtomicU32::new(0) }
    }

    pub(super) fn next(&self) -> String {
        const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        // 32 bits of time, 40 of the server, 24 of the count: 96, which 20 digits have room for.
        let number = (u128::from(time & 0xffff_ffff) << 64)
            | (u128::from(self.server & 0xff_ffff_ffff) << 24)
            | u128::from(count & 0xff_ffff);
        let digit = |place: u32| DIGITS[((number << 4 >> (5 * (19 - place))) & 31) as usize];
        (0..20).map(|place| char::from(digit(place))).collect()
    }
}

#[test]
fn ids_have_20_digits_and_come_in_order() {
    let ids = RequestIds::new();
    let all: Vec<_> = (0..100).map(|_| ids.next()).collect();
    assert!(all.iter().all(|id| id.len() == 20));
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
}
