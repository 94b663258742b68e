//! Buffers that connections share, so that an idle one holds none.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// As much as one read takes. Larger ones no longer fit into the cache beside what they carry.
const SIZE: usize = 128 << 10;

/// How many unused buffers a thread keeps.
const KEPT: usize = 8;

thread_local! {
    static UNUSED: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer that goes back to its thread's stock when it is dropped.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Box<[u8]>,
}

impl Buffer {
    /// A buffer with arbitrary content.
    pub(super) fn take() -> Self {
        let unused = UNUSED.with_borrow_mut(Vec::pop);
        Self { bytes: unused.unwrap_or_else(|| vec![0; SIZE].into_boxed_slice()) }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        // While the thread ends there is no stock any more, and the buffer is freed.
        let _gone = UNUSED.try_with(|unused| {
            let mut unused = unused.borrow_mut();
            if unused.len() < KEPT {
                unused.push(bytes);
            }
        });
    }
}
