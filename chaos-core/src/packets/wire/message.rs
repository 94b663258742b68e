//! What a process and its wire tell each other: JSON in packets of a unix socket, file descriptors
//! beside it.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::delay::Delay;
use crate::direction::Directions;
use crate::event::FaultId;
use crate::probability::Probability;
use crate::seed::Seed;

/// The largest message.
const MOST: usize = 64 << 10;

/// What the wire is asked to do.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// Make a pair of sockets that are connected through the wire, with these faults. Both avoid
    /// congestion as the machine does, or by the algorithm of this name.
    Open { flow: u64, faults: Vec<WireFault>, congestion_control: Option<String> },
    /// From now on these faults, and no others.
    Change { flow: u64, version: u64, faults: Vec<WireFault> },
    /// Forget the faults of a pair.
    Close { flow: u64 },
}

/// What the wire says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Report {
    /// It is there.
    Ready { namespace: Namespace },
    /// It cannot be, for this reason.
    Refused { reason: String },
    /// The pair is connected; both ends come with this.
    Opened { flow: u64 },
    /// The pair could not be made.
    Failed { flow: u64, reason: String },
    /// The faults of this version act.
    Changed { flow: u64, version: u64 },
    /// A fault acted on so many packets of a pair.
    Hits { flow: u64, fault: FaultId, times: u64 },
}

/// By which right the wire has networks of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Namespace {
    /// The process may make networks.
    Network,
    /// It may do so in a user namespace of its own.
    User,
}

impl Namespace {
    /// As a helper is told in which one it begins.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::User => "user",
        }
    }
}

/// A fault, as the wire knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WireFault {
    pub(crate) id: FaultId,
    pub(crate) effect: WireEffect,
    pub(crate) directions: Directions,
    /// What its draws derive from.
    pub(crate) seed: Seed,
}

/// What happens to packets on the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WireEffect {
    Loss(Probability),
    Duplication(Probability),
    Reordering(Probability),
    Corruption(Probability),
    Delay(Delay),
}

/// Sends a message.
pub(super) fn send(
    socket: impl AsFd,
    message: &impl Serialize,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    let sent = rustix::io::retry_on_intr(|| {
        sendmsg(&socket, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::NOSIGNAL)
    });
    sent?;
    Ok(())
}

/// Receives a message; none when nobody will send one any more.
pub(super) fn receive<T: DeserializeOwned>(
    socket: impl AsFd,
    flags: RecvFlags,
) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut bytes = vec![0; MOST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        let flags = flags | RecvFlags::CMSG_CLOEXEC;
        recvmsg(&socket, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, flags)
    })?;
    if received.bytes == 0 {
        return Ok(None);
    }
    let mut descriptors = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    Ok(Some((serde_json::from_slice(&bytes[..received.bytes])?, descriptors)))
}
