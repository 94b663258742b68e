//! Our faults, injected into servers that speak Toxiproxy's API.

use std::fmt;

use crate::chaos::Chaos;
use crate::error::Error;
use crate::fault::Fault;
use crate::sabotage::{Prepared, Sabotages, Sabotaging};
use crate::schedule::{Injectable, Planned};
use crate::scope::Scope;

mod apply;
mod error;
mod http;
mod translation;

pub use self::error::ToxiproxyError;
use self::http::Api;

/// A server that speaks Toxiproxy's API, on this machine or another one.
///
/// ```no_run
/// use chaos_core::prelude::*;
///
/// # async fn example(cx: Chaos) -> TestResult {
/// let toxiproxy = cx.toxiproxy("localhost:8474")?;
/// toxiproxy.reset().await?; // what an earlier run that was killed may have left
/// let redis = toxiproxy.proxy("redis");
///
/// // A guard, a block, and a step of a schedule.
/// let slow = redis.sabotage(latency(80.ms()..=120.ms()).downstream()).await?;
/// slow.clear().await?;
/// redis.sabotage(cut()).during(async { /* redis is gone */ }).await?;
/// let plan = Schedule::new().calm(1.secs()).hold(2.secs(), &redis, stall());
/// # drop(plan);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Toxiproxy {
    scope: Scope,
    api: Api,
}

impl Toxiproxy {
    /// The server at `address`, a host and a port with or without `http://` before them. Nothing is
    /// asked of it yet.
    ///
    /// # Errors
    ///
    /// When this is no address.
    pub fn at(scope: &Scope, address: &str) -> Result<Self, ToxiproxyError> {
        Ok(Self { scope: scope.clone(), api: Api::at(address)? })
    }

    /// The version that it says it has.
    ///
    /// # Errors
    ///
    /// When it cannot be reached, or does not answer as it should.
    pub async fn version(&self) -> Result<String, ToxiproxyError> {
        self.api.version().await
    }

    /// Enables all of its proxies and removes all toxics, as when it was started.
    ///
    /// # Errors
    ///
    /// When it cannot be reached, or refuses.
    pub async fn reset(&self) -> Result<(), ToxiproxyError> {
        self.api.reset().await
    }

    /// One of its proxies, by its name. Whether it exists is seen when a fault is injected into it.
    #[must_use]
    pub fn proxy(&self, name: &str) -> ToxiproxyProxy {
        ToxiproxyProxy {
            scope: self.scope.clone(),
            apis: vec![self.api.clone()],
            name: name.to_owned(),
        }
    }
}

/// Several servers that speak Toxiproxy's API, which break together.
///
/// ```no_run
/// use chaos_core::prelude::*;
/// use chaos_core::toxiproxy::ToxiproxyFleet;
///
/// # async fn example(cx: Chaos) -> TestResult {
/// let fleet = ToxiproxyFleet::of([cx.toxiproxy("10.0.0.1:8474")?, cx.toxiproxy("10.0.0.2:8474")?]);
/// // On all of them, or on none.
/// let lost = fleet.proxy("postgres").sabotage(black_hole()).await?;
/// lost.clear().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ToxiproxyFleet {
    servers: Vec<Toxiproxy>,
}

impl ToxiproxyFleet {
    /// The fleet of these servers.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn of(servers: impl IntoIterator<Item = Toxiproxy>) -> Self {
        let servers: Vec<_> = servers.into_iter().collect();
        assert!(!servers.is_empty(), "a fleet has at least 1 server");
        Self { servers }
    }

    /// The proxies of this name, one of each server.
    #[must_use]
    pub fn proxy(&self, name: &str) -> ToxiproxyProxy {
        ToxiproxyProxy {
            scope: self.servers[0].scope.clone(),
            apis: self.servers.iter().map(|server| server.api.clone()).collect(),
            name: name.to_owned(),
        }
    }
}

/// A proxy of a server, or the proxies of one name of a fleet.
///
/// Faults are injected by [`sabotage`](Self::sabotage): see [there](crate::sabotage) for guards and
/// what becomes of them. What a fault is to Toxiproxy:
///
/// | fault | there |
/// |---|---|
/// | `latency(50.ms())`, `latency(80.ms()..=120.ms())` | `latency`, of whole milliseconds |
/// | `bandwidth(..)` | `bandwidth`, of 1000 bytes a second, rounded by no more than 1 % |
/// | `stall()` | `bandwidth` of 0 |
/// | `slice(..)` | `slicer` |
/// | `slow_close(..)` | `slow_close` |
/// | `limit(..)` | `limit_data` |
/// | `black_hole()` | `timeout` of 0; on clearing connections are ended (FIN), not reset |
/// | `reset()` | `reset_peer`: connections are reset when data moves on them. By Toxiproxy itself only those that are opened later; those that are open are ended |
/// | `cut()` | the proxy is disabled: connections are ended, and new ones refused |
///
/// Faults without a direction, or with both, are a toxic in each. `.on(5.percent())` is its
/// toxicity. All else is refused with a sentence, [`ToxiproxyError::Unsupported`], before anything
/// is asked of a server.
///
/// Toxiproxy does not tell what a toxic touched, so a fault may have been idle, and nobody knows.
#[derive(Debug, Clone)]
pub struct ToxiproxyProxy {
    scope: Scope,
    apis: Vec<Api>,
    name: String,
}

impl ToxiproxyProxy {
    /// Injects a fault: await it for a guard, or wrap it around a future with
    /// [`during`](Sabotaging::during).
    ///
    /// # Errors
    ///
    /// [`ToxiproxyError`] when Toxiproxy has no such fault, there is no such proxy, or a server cannot
    /// be reached or refuses. Then nothing is injected anywhere.
    pub fn sabotage(&self, fault: impl Sabotages<Self>) -> Sabotaging {
        Sabotaging::new(fault.prepare(self))
    }
}

/// `redis at localhost:8474`
impl fmt::Display for ToxiproxyProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at ", self.name)?;
        for (index, api) in self.apis.iter().enumerate() {
            write!(f, "{}{api}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl<F: Into<Fault>> Sabotages<ToxiproxyProxy> for F {
    fn prepare(self, target: &ToxiproxyProxy) -> Prepared {
        // Nobody can tell whether it touched something.
        let fault = Fault { may_be_idle: true, ..self.into() };
        let (proxy, wanted) = (target.clone(), fault.clone());
        Prepared::new(&target.scope, &target.to_string(), fault, move |_| {
            apply::to_all(proxy.apis.clone(), proxy.name.clone(), wanted.clone())
        })
    }
}

impl<F: Into<Fault>> Injectable<ToxiproxyProxy> for F {
    fn plan(self, target: &ToxiproxyProxy) -> Planned {
        Planned::sabotage(Sabotages::prepare(self, target))
    }
}

impl Chaos {
    /// A server that speaks Toxiproxy's API, by its host and port: see [`Toxiproxy`].
    ///
    /// # Errors
    ///
    /// When this is no address.
    pub fn toxiproxy(&self, address: &str) -> Result<Toxiproxy, Error> {
        Ok(Toxiproxy::at(self.scope(), address)?)
    }
}
