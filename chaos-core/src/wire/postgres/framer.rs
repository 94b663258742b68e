//! Where the messages of one direction begin and end.

use crate::direction::Direction;
use crate::trigger::message::{Backend, Frontend, MessageKind};

/// As much of a message as is kept, at most: enough of every statement that a person wrote.
pub(super) const MOST_KEPT: u64 = 16 << 10;

/// As much as is kept of a message that tells itself apart by names.
const NAMES: u64 = 1 << 10;

/// The longest message: PostgreSQL allocates at most 1 GiB at once (`MaxAllocSize`).
const LONGEST: u32 = 1 << 30;

/// The longest packet of the start-up (`MAX_STARTUP_PACKET_LENGTH`).
const LONGEST_STARTUP: u32 = 10_000;

const SSL_REQUEST: u32 = 80_877_103;
const GSS_ENC_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;
/// The first byte of a TLS handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// Why bytes are no messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("the client speaks TLS")]
    Tls,
    #[error("client and server agreed to encrypt")]
    Encrypted,
    #[error("the client asks for version {major}.{minor} of the protocol, and 3 is understood")]
    Version { major: u16, minor: u16 },
    #[error("a message of the start-up cannot be {length} B long")]
    StartupLength { length: u32 },
    #[error("no message begins with the byte {tag:#04x}")]
    Tag { tag: u8 },
    #[error("a message {kind} cannot be {length} B long")]
    Length { kind: MessageKind, length: u32 },
    #[error("more than {most} of its requests wait for an answer")]
    Unanswered { most: usize },
}

/// A message whose beginning was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Framed {
    pub(crate) kind: MessageKind,
    /// How long it is, with its header.
    pub(crate) length: u64,
}

/// Whether a connection that begins with these bytes asks to cancel a query of another one.
pub(crate) fn is_cancel_request(first: &[u8]) -> bool {
    first.get(4..8) == Some(&CANCEL_REQUEST.to_be_bytes())
}

/// What a client asks for before its session.
#[cfg(feature = "tls")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// TLS.
    Tls,
    /// TLS, without asking first (`sslnegotiation=direct`, from PostgreSQL 17 on).
    DirectTls,
    /// Encryption by GSSAPI.
    Gss,
}

/// The encryption that a connection asks for which begins with these bytes, if any.
#[cfg(feature = "tls")]
pub(crate) fn encryption_asked_for(first: &[u8]) -> Option<Encryption> {
    match first {
        [TLS_HANDSHAKE, ..] => Some(Encryption::DirectTls),
        [0, 0, 0, 8, code @ ..] if code == SSL_REQUEST.to_be_bytes() => Some(Encryption::Tls),
        [0, 0, 0, 8, code @ ..] if code == GSS_ENC_REQUEST.to_be_bytes() => Some(Encryption::Gss),
        _ => None,
    }
}

/// Where the messages of one direction begin and end.
#[derive(Debug, Clone)]
pub(crate) struct Framer {
    direction: Direction,
    state: State,
    header: [u8; 8],
    /// How much of the header was seen.
    have: usize,
    framed: Option<Framed>,
    /// What is kept of the message.
    head: Vec<u8>,
    /// How much of it is kept in the end.
    wanted: usize,
    /// How much of the message was not seen yet, without its header.
    left: u64,
    /// How much is kept of any message, at most.
    most: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a packet of the start-up, which has no byte for its kind.
    Startup,
    /// Before the answer to a request for encryption.
    Answer,
    /// Before a message, or inside its header.
    Header,
    /// Before the end of what is kept.
    Head,
    /// Before the end of the message.
    Body,
    /// The bytes are no messages.
    Opaque,
}

impl Framer {
    pub(crate) fn new(direction: Direction) -> Self {
        let state = direction.pick(State::Startup, State::Header);
        Self {
            direction,
            state,
            header: [0; 8],
            have: 0,
            framed: None,
            head: Vec::new(),
            wanted: 0,
            left: 0,
            most: MOST_KEPT,
        }
    }

    /// Keeps no more than so much of any message, and so knows it for what it is as soon.
    pub(crate) fn keeping(direction: Direction, most: u64) -> Self {
        Self { most, ..Self::new(direction) }
    }

    /// Looks at bytes that come next, up to where a message is known for what it is or ends, or to
    /// their own end. Says how many were looked at.
    pub(crate) fn step(&mut self, bytes: &[u8]) -> (usize, Result<Option<Framed>, Unreadable>) {
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            match self.state {
                State::Opaque => return (bytes.len(), Ok(None)),
                State::Body => {
                    let hop = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
                    self.skip(hop as u64);
                    return (at + hop, Ok(None));
                }
                State::Head => {
                    let take = (self.wanted - self.head.len()).min(rest.len());
                    self.head.extend_from_slice(&rest[..take]);
                    self.left -= take as u64;
                    at += take;
                    if self.head.len() < self.wanted {
                        return (at, Ok(None));
                    }
                    self.state = State::Body;
                    self.skip(0);
                    return (at, Ok(self.framed));
                }
                State::Answer => {
                    let Some(&answer) = rest.first() else { return (at, Ok(None)) };
                    if answer == b'E' {
                        // A server that knows nothing of encryption complains.
                        self.state = State::Header;
                        continue;
                    }
                    self.begin(MessageKind::Backend(Backend::EncryptionAnswer), 1, 0);
                    self.head.push(answer);
                    self.state = State::Header;
                    return (at + 1, Ok(self.framed));
                }
                State::Startup | State::Header => {
                    let whole = if self.state == State::Startup { 8 } else { 5 };
                    let take = (whole - self.have).min(rest.len());
                    self.header[self.have..self.have + take].copy_from_slice(&rest[..take]);
                    self.have += take;
                    at += take;
                    if self.state == State::Startup
                        && self.have > 0
                        && self.header[0] == TLS_HANDSHAKE
                    {
                        return (bytes.len(), Err(self.give_up(Unreadable::Tls)));
                    }
                    if self.have < whole {
                        return (at, Ok(None));
                    }
                    self.have = 0;
                    let read = if whole == 8 { self.read_startup() } else { self.read_header() };
                    if let Err(why) = read {
                        return (bytes.len(), Err(self.give_up(why)));
                    }
                    self.state = State::Head;
                }
            }
        }
    }

    /// What is kept of the message that was framed last: its beginning, behind its length.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Whether it stands between two messages.
    pub(crate) fn is_between(&self) -> bool {
        self.have == 0 && matches!(self.state, State::Startup | State::Answer | State::Header)
    }

    /// Whether it stands inside a message that is not known for what it is yet.
    pub(crate) fn is_in_head(&self) -> bool {
        self.have > 0 || self.state == State::Head
    }

    /// Whether what comes next belongs to a message that was framed, or to none.
    pub(crate) fn is_past_head(&self) -> bool {
        matches!(self.state, State::Body | State::Opaque)
    }

    /// Skips so much of the message that was framed last.
    pub(crate) fn skip(&mut self, bytes: u64) {
        self.left = self.left.saturating_sub(bytes);
        if self.left == 0 && self.state == State::Body {
            self.state = State::Header;
        }
    }

    /// Expects the answer to a request for encryption.
    pub(crate) fn expect_answer(&mut self) {
        self.state = State::Answer;
    }

    /// Goes on with packets of the start-up: encryption was asked for, and there is none.
    pub(crate) fn expect_startup(&mut self) {
        debug_assert!(self.left == 0, "inside a message");
        self.state = State::Startup;
    }

    /// Stops to look for messages.
    pub(crate) fn give_up(&mut self, why: Unreadable) -> Unreadable {
        self.state = State::Opaque;
        self.head = Vec::new();
        why
    }

    pub(crate) fn is_opaque(&self) -> bool {
        self.state == State::Opaque
    }

    fn read_startup(&mut self) -> Result<(), Unreadable> {
        let [a, b, c, d, e, f, g, h] = self.header;
        let (length, code) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
        if !(8..=LONGEST_STARTUP).contains(&length) {
            return Err(Unreadable::StartupLength { length });
        }
        let kind = match code {
            // They are nothing but their code; what follows it would be taken for the start-up.
            SSL_REQUEST | GSS_ENC_REQUEST if length > 8 => {
                return Err(Unreadable::StartupLength { length });
            }
            SSL_REQUEST => Frontend::SslRequest,
            GSS_ENC_REQUEST => Frontend::GssEncRequest,
            CANCEL_REQUEST => Frontend::CancelRequest,
            _ if code >> 16 == 3 => Frontend::Startup,
            _ => {
                let (major, minor) = (u16::from_be_bytes([e, f]), u16::from_be_bytes([g, h]));
                return Err(Unreadable::Version { major, minor });
            }
        };
        self.begin(MessageKind::Frontend(kind), u64::from(length), u64::from(length) - 8);
        Ok(())
    }

    fn read_header(&mut self) -> Result<(), Unreadable> {
        let [tag, a, b, c, d, ..] = self.header;
        let kind = self.direction.pick(
            Frontend::from_tag(tag).map(MessageKind::Frontend),
            Backend::from_tag(tag).map(MessageKind::Backend),
        );
        let kind = kind.ok_or(Unreadable::Tag { tag })?;
        let length = u32::from_be_bytes([a, b, c, d]);
        if !(4..=LONGEST).contains(&length) {
            return Err(Unreadable::Length { kind, length });
        }
        self.begin(kind, u64::from(length) + 1, u64::from(length) - 4);
        Ok(())
    }

    fn begin(&mut self, kind: MessageKind, length: u64, left: u64) {
        self.framed = Some(Framed { kind, length });
        self.left = left;
        self.head.clear();
        self.wanted = usize::try_from(kept(kind).min(self.most).min(left)).unwrap_or(usize::MAX);
    }
}

/// How much of a message is kept, at most.
const fn kept(kind: MessageKind) -> u64 {
    match kind {
        MessageKind::Frontend(Frontend::Query | Frontend::Parse) => MOST_KEPT,
        MessageKind::Frontend(
            Frontend::Bind | Frontend::Describe | Frontend::Execute | Frontend::Close,
        )
        | MessageKind::Backend(
            Backend::BackendKeyData
            | Backend::CommandComplete
            | Backend::ErrorResponse
            | Backend::ReadyForQuery,
        ) => NAMES,
        _ => 0,
    }
}
