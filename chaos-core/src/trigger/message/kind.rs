//! The kinds of messages that a PostgreSQL client and server send each other.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares the kinds of one side: `Name = tag, ...;` with a sentence for its documentation.
macro_rules! kinds {
    (
        $(#[$doc:meta])* $name:ident: $($(#[$kind_doc:meta])* $kind:ident = $tag:expr),* $(,)?
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$kind_doc])* $kind,)*
        }

        impl $name {
            /// The kind that begins with this byte after the start-up, if the protocol knows one.
            pub(crate) const fn from_tag(tag: u8) -> Option<Self> {
                const NONE: u8 = 0;
                match tag {
                    NONE => None,
                    $(tag if tag == $tag => Some(Self::$kind),)*
                    _ => None,
                }
            }

            /// Its name in the documentation of PostgreSQL.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($kind),)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

kinds! {
    /// A kind of message that a client sends, under the name that the documentation of PostgreSQL
    /// gives it ("Message Formats").
    Frontend:
    /// The first message of a session: who wants which database.
    Startup = 0,
    /// Asks for TLS, before the start-up.
    SslRequest = 0,
    /// Asks for GSSAPI encryption, before the start-up.
    GssEncRequest = 0,
    /// Asks to cancel the query of another connection; nothing else passes on its own.
    CancelRequest = 0,
    /// A simple query.
    Query = b'Q',
    /// Prepares a statement.
    Parse = b'P',
    /// Gives a prepared statement its parameters.
    Bind = b'B',
    /// Asks what a statement takes and returns.
    Describe = b'D',
    /// Runs a portal, which is a statement with its parameters.
    Execute = b'E',
    /// Closes a statement or a portal.
    Close = b'C',
    /// Ends a batch of the extended protocol.
    Sync = b'S',
    /// Asks for what has been answered so far.
    Flush = b'H',
    /// Calls a function (fast path).
    FunctionCall = b'F',
    /// A piece of what is copied to the server.
    CopyData = b'd',
    /// The end of what is copied.
    CopyDone = b'c',
    /// Gives a copy up.
    CopyFail = b'f',
    /// A password, or any other answer to a request for authentication.
    Password = b'p',
    /// Ends the session.
    Terminate = b'X',
}

kinds! {
    /// A kind of message that a server sends, under the name that the documentation of PostgreSQL
    /// gives it ("Message Formats").
    Backend:
    /// The answer to a request for encryption: one byte.
    EncryptionAnswer = 0,
    /// Asks for authentication, or says that it is done.
    Authentication = b'R',
    /// The value of a setting.
    ParameterStatus = b'S',
    /// What it takes to cancel queries of this session.
    BackendKeyData = b'K',
    /// A request is done; the session is idle, in a transaction, or in one that failed.
    ReadyForQuery = b'Z',
    /// The columns of the rows that follow.
    RowDescription = b'T',
    /// The parameters of a statement.
    ParameterDescription = b't',
    /// A row.
    DataRow = b'D',
    /// A statement was carried out; with its tag, such as `INSERT 0 1` or `COMMIT`.
    CommandComplete = b'C',
    /// The query was empty.
    EmptyQueryResponse = b'I',
    /// The statement is prepared.
    ParseComplete = b'1',
    /// The parameters are taken.
    BindComplete = b'2',
    /// The statement or portal is closed.
    CloseComplete = b'3',
    /// The statement returns no rows.
    NoData = b'n',
    /// As many rows as were asked for have been sent.
    PortalSuspended = b's',
    /// An error.
    ErrorResponse = b'E',
    /// A notice or a warning.
    NoticeResponse = b'N',
    /// A notification (`NOTIFY`).
    NotificationResponse = b'A',
    /// The client may copy to the server.
    CopyInResponse = b'G',
    /// The server will copy to the client.
    CopyOutResponse = b'H',
    /// Both copy to each other (replication).
    CopyBothResponse = b'W',
    /// A piece of what is copied to the client.
    CopyData = b'd',
    /// The end of what is copied.
    CopyDone = b'c',
    /// The result of a function call.
    FunctionCallResponse = b'V',
    /// The server speaks an older version of the protocol.
    NegotiateProtocolVersion = b'v',
}

/// A kind of message of either side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// The client sends it.
    Frontend(Frontend),
    /// The server sends it.
    Backend(Backend),
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frontend(kind) => kind.fmt(f),
            Self::Backend(kind) => kind.fmt(f),
        }
    }
}
