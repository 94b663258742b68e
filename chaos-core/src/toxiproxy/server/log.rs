//! What the server tells of itself: lines of JSON, as the original writes them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::proxy::Proxy;

/// How much a line matters. Each level stands for those after it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LogLevel {
    /// Every request.
    Debug,
    /// Proxies that come and go.
    Info,
    /// What is deprecated, or did not work.
    Warn,
    /// What keeps the server from working.
    Error,
    /// Nothing.
    Off,
}

/// A word that is no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no level of the log; write trace, debug, info, warn, error, fatal, panic or disabled"
)]
pub struct InvalidLogLevel(String);

impl FromStr for LogLevel {
    type Err = InvalidLogLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match &*text.to_lowercase() {
            "trace" | "debug" => Self::Debug,
            "" | "info" => Self::Info,
            "warn" | "warning" => Self::Warn,
            "error" | "fatal" | "panic" => Self::Error,
            "disabled" => Self::Off,
            _ => return Err(InvalidLogLevel(text.to_owned())),
        })
    }
}

impl LogLevel {
    const fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error | Self::Off => "error",
        }
    }
}

type Write = dyn Fn(&str) + Send + Sync;

/// Where lines go, and from which level on.
#[derive(Clone)]
pub(super) struct Log {
    from: LogLevel,
    write: Arc<Write>,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("from", &self.from).finish_non_exhaustive()
    }
}

impl Log {
    pub(super) fn new(from: LogLevel, write: Arc<Write>) -> Self {
        Self { from, write }
    }

    pub(super) fn nowhere() -> Self {
        Self::new(LogLevel::Off, Arc::new(|_| {}))
    }

    pub(super) fn line(&self, level: LogLevel, message: &str, fields: &[(&str, &str)]) {
        if level < self.from || self.from == LogLevel::Off {
            return;
        }
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
        put("level", level.name().into());
        for (name, value) in fields {
            put(name, (*value).into());
        }
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        put("time", time.as_secs_f64().into());
        put("message", message.into());
        (self.write)(&Value::Object(line).to_string());
    }

    pub(super) fn proxy(&self, message: &str, proxy: &Proxy) {
        let fields =
            [("name", proxy.name()), ("proxy", proxy.listen()), ("upstream", proxy.upstream())];
        self.line(LogLevel::Info, message, &fields);
    }
}
