//! A connection that was taken from a pool which knows where.

use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

use deadpool_postgres::Client;

use super::watch::PoolWatch;

/// A connection of a [`ChaosPool`](super::ChaosPool), which is returned when this is dropped.
///
/// It is used as the [`deadpool_postgres::Client`] that it dereferences to.
#[derive(Debug)]
pub struct PooledClient {
    client: Client,
    taken: Taken,
}

/// Tells the pool when it is dropped.
#[derive(Debug)]
struct Taken {
    at: Instant,
    place: &'static Location<'static>,
    process: Option<i32>,
    watch: Arc<PoolWatch>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.watch.returned(self.process, self.at.elapsed(), self.place);
    }
}

impl PooledClient {
    pub(super) fn new(
        client: Client,
        place: &'static Location<'static>,
        process: Option<i32>,
        watch: &Arc<PoolWatch>,
    ) -> Self {
        let taken = Taken { at: Instant::now(), place, process, watch: Arc::clone(watch) };
        Self { client, taken }
    }

    /// Where it was taken from the pool.
    #[must_use]
    pub fn place(&self) -> &'static Location<'static> {
        self.taken.place
    }

    /// The connection itself, for code that asks for one; `deadpool_postgres::Object::take` removes
    /// it from its pool.
    pub fn into_inner(self) -> Client {
        self.client
    }
}

impl Deref for PooledClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for PooledClient {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}
