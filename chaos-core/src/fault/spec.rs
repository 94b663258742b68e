//! Any fault, whatever it is injected into: what the ledger, the journal and schedules hold.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Fault, FaultKind, PoolFault, ServerFault, SessionFault};
use crate::postgres::Damage;
use crate::trigger::AfterBytes;

/// Any fault, whatever it is injected into.
///
/// Each domain has a type of its own, so that the compiler knows what can be injected where; this
/// one is for those who keep and show faults of all domains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultSpec {
    /// A fault of the sessions of a database, and of what they share.
    Session(SessionFault),
    /// A fault of a pool of connections.
    Pool(PoolFault),
    /// A fault of the processes of a server, or of what they need.
    Server(ServerFault),
    /// Damage to what a server keeps, which nothing undoes.
    Damage(Damage),
    /// A fault of a link. It is stored as itself, without a word around it.
    #[serde(untagged)]
    Link(Fault),
}

impl FaultSpec {
    /// Whether it may end without having touched anything. Otherwise that fails the test.
    #[must_use]
    pub const fn may_be_idle(&self) -> bool {
        match self {
            Self::Session(fault) => fault.may_be_idle,
            Self::Pool(fault) => fault.may_be_idle,
            Self::Server(fault) => fault.may_be_idle,
            Self::Damage(_) => false,
            Self::Link(fault) => fault.may_be_idle,
        }
    }

    /// Whether it can be known that the fault touched something.
    #[must_use]
    pub const fn is_observable(&self) -> bool {
        match self {
            Self::Session(fault) => fault.kind.is_observable(),
            Self::Pool(fault) => fault.kind.is_observable(),
            Self::Server(fault) => fault.kind.is_observable(),
            Self::Damage(_) => true,
            Self::Link(fault) => fault.kind.is_observable(),
        }
    }

    /// What it means that the fault touched nothing, and what the reason may be.
    pub(crate) fn silence(&self) -> &'static str {
        match self {
            Self::Session(fault) => fault.kind.silence(),
            Self::Link(Fault { message: Some(_), .. }) => {
                "met no message that it waits for; is the client connected through the link \
                 (`pg.pool(..)`, `pg.config()`), does the link know the protocol \
                 (`Link::postgres(..)`), and is it sent such a message?"
            }
            Self::Pool(fault) => fault.kind.silence(),
            Self::Server(fault) => fault.kind.silence(),
            Self::Damage(_) => "it was not done.",
            Self::Link(Fault { seen: Some(_), .. }) => {
                "met no bytes such as it waits for; is the client connected through the link \
                 (`pg.pool(..)`, `pg.config()`, `link.address()`), and does it send them in that \
                 direction and in the clear, not behind TLS?"
            }
            Self::Link(Fault { after: AfterBytes(1..), .. })
            | Self::Link(Fault { kind: FaultKind::Limit { bytes: 1.. }, .. }) => {
                "met fewer bytes than it waits for; is the client connected through the link \
                 (`pg.pool(..)`, `pg.config()`, `link.address()`), and does it send so much?"
            }
            Self::Link(_) => {
                "met no traffic; is the client connected through the link (`pg.pool(..)`, \
                 `pg.config()`, `link.address()`)?"
            }
        }
    }
}

impl From<Fault> for FaultSpec {
    fn from(fault: Fault) -> Self {
        Self::Link(fault)
    }
}

impl From<SessionFault> for FaultSpec {
    fn from(fault: SessionFault) -> Self {
        Self::Session(fault)
    }
}

impl From<PoolFault> for FaultSpec {
    fn from(fault: PoolFault) -> Self {
        Self::Pool(fault)
    }
}

impl From<ServerFault> for FaultSpec {
    fn from(fault: ServerFault) -> Self {
        Self::Server(fault)
    }
}

/// The label of the fault in every report.
impl fmt::Display for FaultSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(fault) => fault.fmt(f),
            Self::Pool(fault) => fault.fmt(f),
            Self::Server(fault) => fault.fmt(f),
            Self::Damage(damage) => damage.fmt(f),
            Self::Link(fault) => fault.fmt(f),
        }
    }
}
