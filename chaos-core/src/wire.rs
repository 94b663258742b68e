//! Bytes framed into the messages of a protocol, without any input or output.
//!
//! What passes on a connection is shown to a [`Session`](postgres::Session), piece by piece and torn
//! anywhere. It knows then where messages begin and end, what they are, and what state client and
//! server are in. It never holds a whole message: of each it keeps what tells it apart, and the rest
//! streams by.

pub(crate) mod postgres;
pub(crate) mod sql;
