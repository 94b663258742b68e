//! The flags, written as the original has them: `-port 8474`, `--port=8474`.

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Serve(Flags),
    Version,
    Help,
}

/// How the server is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) host: String,
    pub(crate) port: String,
    pub(crate) config: Option<String>,
    pub(crate) seed: Option<u64>,
    pub(crate) runtime_metrics: bool,
    pub(crate) proxy_metrics: bool,
    /// Not in the original.
    pub(crate) end_with_stdin: bool,
}

pub(crate) const USAGE: &str = "\
Usage of chaos-toxiproxy:
  -config string
    \tJSON file containing proxies to create on startup
  -end-with-stdin
    \tend when standard input does, as it does when whoever started this is gone
  -host string
    \tHost for toxiproxy's API to listen on (default \"localhost\")
  -port string
    \tPort for toxiproxy's API to listen on (default \"8474\")
  -proxy-metrics
    \tenable toxiproxy-specific prometheus metrics
  -runtime-metrics
    \tenable runtime-related prometheus metrics
  -seed int
    \tSeed for randomizing toxics with: the same seed makes the same decisions
  -version
    \tprint the version
The level of the log is read from LOG_LEVEL (default \"info\").
";

/// Why a command line is not understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misuse {
    #[error("flag provided but not defined: -{0}")]
    Unknown(String),
    #[error("flag needs an argument: -{0}")]
    NoValue(String),
    #[error("invalid value {value:?} for flag -{flag}")]
    Invalid { flag: String, value: String },
    #[error("{0:?} is no flag; flags begin with a dash")]
    Stray(String),
}

pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Asked, Misuse> {
    let mut arguments = arguments.into_iter();
    let mut flags = Flags {
        host: "localhost".to_owned(),
        port: "8474".to_owned(),
        config: None,
        seed: None,
        runtime_metrics: false,
        proxy_metrics: false,
        end_with_stdin: false,
    };
    let mut version = false;
    while let Some(argument) = arguments.next() {
        let dashless = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-'));
        let Some(flag) = dashless.filter(|flag| !flag.is_empty()) else {
            return Err(Misuse::Stray(argument));
        };
        let (flag, mut value) = match flag.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (flag, None),
        };
        let switch = |value: Option<String>| match value.as_deref() {
            None | Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            Some(value) => Err(Misuse::Invalid { flag: flag.to_owned(), value: value.to_owned() }),
        };
        let mut text = || {
            let value = value.take().or_else(|| arguments.next());
            value.ok_or_else(|| Misuse::NoValue(flag.to_owned()))
        };
        match flag {
            "host" => flags.host = text()?,
            "port" => flags.port = text()?,
            "config" => flags.config = Some(text()?).filter(|config| !config.is_empty()),
            "seed" => flags.seed = Some(seed(flag, text()?)?),
            "runtime-metrics" => flags.runtime_metrics = switch(value)?,
            "proxy-metrics" => flags.proxy_metrics = switch(value)?,
            "end-with-stdin" => flags.end_with_stdin = switch(value)?,
            "version" => version = switch(value)?,
            "h" | "help" => return Ok(Asked::Help),
            unknown => return Err(Misuse::Unknown(unknown.to_owned())),
        }
    }
    Ok(if version { Asked::Version } else { Asked::Serve(flags) })
}

/// A seed may be below 0, as it may in the original, or as large as ours are.
fn seed(flag: &str, text: String) -> Result<u64, Misuse> {
    let signed = || text.parse::<i64>().map(|seed| u64::from_ne_bytes(seed.to_ne_bytes()));
    let invalid = |_| Misuse::Invalid { flag: flag.to_owned(), value: text.clone() };
    text.parse::<u64>().or_else(|_| signed()).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Asked, Misuse> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    fn served(line: &str) -> Flags {
        match parsed(line) {
            Ok(Asked::Serve(flags)) => flags,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn flags_are_written_in_all_four_ways() {
        for line in ["-port 1 -host h", "--port 1 --host h", "-port=1 -host=h", "--port=1 --host=h"]
        {
            let flags = served(line);
            assert_eq!((&*flags.port, &*flags.host), ("1", "h"), "{line}");
        }
        let flags = served("-seed -1 -proxy-metrics -runtime-metrics=false -config c.json");
        assert_eq!(flags.seed, Some(u64::MAX));
        assert_eq!((flags.proxy_metrics, flags.runtime_metrics), (true, false));
        assert_eq!(flags.config.as_deref(), Some("c.json"));
        assert_eq!((&*served("").host, &*served("").port), ("localhost", "8474"));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert_eq!(parsed("-version"), Ok(Asked::Version));
        assert_eq!(parsed("-help"), Ok(Asked::Help));
        assert_eq!(parsed("-nothing 1"), Err(Misuse::Unknown("nothing".to_owned())));
        assert_eq!(parsed("-port"), Err(Misuse::NoValue("port".to_owned())));
        assert_eq!(parsed("port"), Err(Misuse::Stray("port".to_owned())));
        let invalid = Misuse::Invalid { flag: "seed".to_owned(), value: "x".to_owned() };
        assert_eq!(parsed("-seed x"), Err(invalid));
    }
}
