//! A server that the user runs: `CHAOS_POSTGRES_URL`.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::postgres::directory::{flag, given};
use crate::postgres::endpoint::{Address, Endpoint, Login};
use crate::postgres::error::PostgresError;

const VARIABLE: &str = "CHAOS_POSTGRES_URL";

/// The server that the user asked for, if any.
pub(super) fn endpoint() -> Result<Option<Endpoint>, PostgresError> {
    let Some(value) = given(VARIABLE) else { return Ok(None) };
    let text = value.to_str().ok_or_else(|| refused("is not UTF-8"))?;
    parse(text, flag("CHAOS_ALLOW_REMOTE")?).map(Some)
}

fn refused(problem: impl Into<String>) -> PostgresError {
    PostgresError::Variable { variable: VARIABLE, problem: problem.into() }
}

/// What a URL says. Nothing of it is repeated in an error, because it may hold a password.
fn parse(text: &str, allow_remote: bool) -> Result<Endpoint, PostgresError> {
    let config: Config = text.parse().map_err(|error: tokio_postgres::Error| {
        let error = std::error::Error::source(&error)
            .map_or_else(String::new, |error| format!(" ({error})"));
        refused(format!(
            "is no URL of a server{error}; write postgresql://user:password@127.0.0.1:5432/postgres"
        ))
    })?;
    if matches!(config.get_ssl_mode(), SslMode::Require) {
        return Err(refused("asks for TLS, which links do not speak; write sslmode=disable"));
    }
    let user = config
        .get_user()
        .ok_or_else(|| refused("names no user; write postgresql://user@127.0.0.1:5432/postgres"))?;
    let password = config.get_password().map(|bytes| {
        String::from_utf8(bytes.to_vec()).map_err(|_| refused("has a password that is not UTF-8"))
    });
    let address = address(&config, allow_remote)?;
    let user = user.to_owned();
    let maintenance = config.get_dbname().unwrap_or("postgres").to_owned();
    Ok(Endpoint {
        tcp: match &address {
            Address::Tcp(address) => Some(*address),
            Address::Unix { .. } => None,
        },
        address,
        admin: Login { user, password: password.transpose()? },
        owner_password: None,
        options: config.get_options().map(str::to_owned),
        maintenance,
        version: String::new(),
        max_connections: None,
    })
}

fn address(config: &Config, allow_remote: bool) -> Result<Address, PostgresError> {
    let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
    if hosts.len() > 1 || addresses.len() > 1 {
        return Err(refused("names several hosts; write one"));
    }
    let port = match config.get_ports() {
        [] => 5432,
        [port] => *port,
        _ => return Err(refused("names several ports; write one")),
    };
    let candidates: Vec<SocketAddr> = match (addresses, hosts) {
        ([address], _) => vec![SocketAddr::new(*address, port)],
        (_, [Host::Unix(directory)]) => return unix(directory.clone(), port),
        (_, [Host::Tcp(name)]) => match name.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            // Known without asking anyone, because the answer may come from another machine.
            Err(_) if name == "localhost" => vec![SocketAddr::from(([127, 0, 0, 1], port))],
            Err(_) if !allow_remote => Vec::new(),
            Err(_) => (name.as_str(), port)
                .to_socket_addrs()
                .map_err(|error| refused(format!("names a host that is not known: {error}")))?
                .collect(),
        },
        _ => return Err(refused("names no host; write postgresql://user@127.0.0.1:5432/postgres")),
    };
    let local = |address: &&SocketAddr| allow_remote || address.ip().is_loopback();
    candidates.iter().find(local).copied().map(Address::Tcp).ok_or_else(|| {
        refused(
            "leads to another machine, which faults would reach; write a loopback address or the \
             directory of a unix socket, or set CHAOS_ALLOW_REMOTE=1 if you are sure",
        )
    })
}

fn unix(directory: PathBuf, port: u16) -> Result<Address, PostgresError> {
    if !directory.is_dir() {
        let problem = format!("names {}, which is no directory", directory.display());
        return Err(refused(problem));
    }
    Ok(Address::Unix { directory, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        parse(text, false).unwrap_err().to_string()
    }

    #[test]
    fn a_server_on_this_machine_is_taken() {
        for (text, address) in [
            ("postgresql://me@127.0.0.1/db", "127.0.0.1:5432"),
            ("postgres://me:secret@localhost:5433", "127.0.0.1:5433"),
            ("postgresql://me@[::1]:5434/db?sslmode=disable", "[::1]:5434"),
            ("host=127.0.0.2 user=me port=1", "127.0.0.2:1"),
        ] {
            let endpoint = parse(text, false).unwrap();
            assert_eq!(endpoint.tcp, Some(address.parse().unwrap()), "{text}");
            assert_eq!(endpoint.admin.user, "me");
        }
        let endpoint = parse("postgresql://me@/db?host=/tmp&port=5", false).unwrap();
        assert!(matches!(endpoint.address, Address::Unix { port: 5, .. }));
        assert_eq!(endpoint.maintenance, "db");
    }

    #[test]
    fn anything_else_is_refused_with_what_to_write_instead() {
        assert!(refusal("postgresql://me@10.0.0.1/db").contains("CHAOS_ALLOW_REMOTE=1"));
        assert!(refusal("postgresql://me@db.example.com/db").contains("CHAOS_ALLOW_REMOTE=1"));
        assert!(
            refusal("postgresql://me@localhost/db?hostaddr=10.0.0.1").contains("another machine")
        );
        assert!(refusal("postgresql://me@127.0.0.1,127.0.0.2/db").contains("several hosts"));
        assert!(
            refusal("postgresql://me@127.0.0.1/db?sslmode=require").contains("sslmode=disable")
        );
        assert!(refusal("postgresql://127.0.0.1/db").contains("names no user"));
        assert!(refusal("postgresql://me@/db").contains("names no host"));
        assert!(refusal("postgresql://me@/db?host=/no/such").contains("/no/such"));
        assert!(refusal("hello").contains("is no URL of a server"));
        assert!(parse("postgresql://me@10.0.0.1/db", true).is_ok());
    }

    #[test]
    fn a_password_is_never_repeated() {
        for text in ["postgresql://me:hunter2@10.0.0.1/db", "postgresql://me:hunter2@:x/"] {
            assert!(!refusal(text).contains("hunter2"), "{}", refusal(text));
        }
    }
}
