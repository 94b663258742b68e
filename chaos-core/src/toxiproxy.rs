//! Toxiproxy.
mod server;
mod toxics;
pub use self::server::{
    InvalidLogLevel, LogLevel, PopulateError, Server, ServerError, ServerOptions,
};
