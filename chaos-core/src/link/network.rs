//! Several links that break together.

use super::{Injection, Link, Target};
use crate::fault::{Fault, partition};

/// Several links that break together, such as those to all services in a lost data centre.
///
/// A link leads from the code under test to one service. So a partition of a network is one between
/// the code under test and these services: they can be reached no longer, and all others can. Where
/// services reach each other through links too, a network of those links parts them.
///
/// ```
/// use chaos_core::prelude::*;
/// # use chaos_core::{journal::Journal, link::Upstream, scope::Scope, seed::Seed};
/// # let server = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let scope = Scope::new(Seed(7), Journal::in_memory());
/// # let pg = Link::tcp(&scope, "postgres", Upstream::Tcp(server.local_addr()?))?;
/// # let redis = Link::tcp(&scope, "redis", Upstream::Tcp(server.local_addr()?))?;
///
/// let lost = Network::of([&pg, &redis]).partition();
/// // Neither of them can be reached here.
/// lost.heal();
///
/// // One way only: requests arrive, answers do not.
/// let deaf = Network::of([&pg, &redis]).inject(partition().downstream());
/// # drop(deaf);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a network does nothing until a fault is injected into it"]
pub struct Network<'targets> {
    links: Vec<&'targets Link>,
}

impl<'targets> Network<'targets> {
    /// The network of these links. A target that is no link gives its own: `pg.link()`.
    pub fn of(links: impl IntoIterator<Item = &'targets Link>) -> Self {
        Self { links: links.into_iter().collect() }
    }

    /// Parts the code under test from all of these services, until it is healed: see
    /// [`partition`](crate::fault::partition()).
    pub fn partition(&self) -> Injections<'targets> {
        self.inject(partition())
    }

    /// Injects a fault into all links, until the returned guard is healed or dropped.
    ///
    /// The report lists it once for each link, and each has to meet traffic unless it
    /// [may be idle](crate::fault::Partition::may_be_idle).
    pub fn inject(&self, fault: impl Into<Fault>) -> Injections<'targets> {
        let fault = fault.into();
        Injections { each: self.links.iter().map(|link| link.inject(fault.clone())).collect() }
    }
}

/// A fault that is active on several links; it ends when this is healed or dropped.
#[derive(Debug)]
#[must_use = "dropping the guard ends the faults; bind it to a named variable"]
pub struct Injections<'targets> {
    each: Vec<Injection<'targets>>,
}

impl<'targets> Injections<'targets> {
    /// Ends the fault on all links.
    pub fn heal(self) {
        drop(self);
    }

    /// The fault on each link, in the order of the network.
    pub fn each(&self) -> &[Injection<'targets>] {
        &self.each
    }
}
