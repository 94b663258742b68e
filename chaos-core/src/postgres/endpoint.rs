//! Where a server is, who may do what on it, and the settings of connections that follow.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Connection};

use super::error::PostgresError;
use super::quoting::literal;
use super::version::Version;
use crate::link::Upstream;

/// How long opening a connection may take, the handshake included.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How the names of all sessions begin that the library opens for itself (`application_name`), by
/// which they are told from those of the application.
pub(super) const OURS: &str = "chaos: ";

/// What the sessions of a test are called that pass by its link, unless the test names them.
pub(super) const PAST_LINK: &str = "past the link";

/// A condition on `pg_stat_activity`: the session is none of the library's own.
pub(super) fn not_ours() -> String {
    format!("application_name NOT LIKE {}", literal(&format!("{OURS}%")))
}

/// Where a server listens.
#[derive(Clone, Serialize, Deserialize)]
pub(super) enum Address {
    /// A directory that holds its socket, and the number that stands in the socket's name.
    Unix { directory: PathBuf, port: u16 },
    /// A TCP port.
    Tcp(SocketAddr),
}

/// A role and its password.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: Option<String>,
}

/// A server, as its clients need to know it. It holds secrets: it never shows itself.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Endpoint {
    pub(super) address: Address,
    /// Where it listens on TCP, if it does.
    pub(super) tcp: Option<SocketAddr>,
    /// Who may create databases.
    pub(super) admin: Login,
    /// The password of the roles that own one database each; without it `admin` owns them all.
    pub(super) owner_password: Option<String>,
    /// Options that a given URL asked for.
    pub(super) options: Option<String>,
    /// The database to connect to while creating others.
    pub(super) maintenance: String,
    /// Its version, such as `15.18`.
    pub(super) version: String,
    /// How many connections it takes, if that is known.
    #[serde(default)]
    pub(super) max_connections: Option<usize>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("version", &self.version).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// What a link to the server leads to.
    pub(super) fn upstream(&self) -> Upstream {
        match &self.address {
            Address::Tcp(address) => Upstream::Tcp(*address),
            #[cfg(unix)]
            Address::Unix { directory, port } => {
                Upstream::Unix(directory.join(format!(".s.PGSQL.{port}")))
            }
            #[cfg(not(unix))]
            Address::Unix { .. } => unreachable!("no such address is made on this platform"),
        }
    }

    /// Who owns a database.
    pub(super) fn owner(&self, database: &str) -> Login {
        match &self.owner_password {
            None => self.admin.clone(),
            Some(password) => Login { user: database.to_owned(), password: Some(password.clone()) },
        }
    }

    /// The settings of a connection of the owner of a database to this address: a link.
    pub(super) fn through(&self, address: SocketAddr, database: &str) -> Config {
        let mut config = self.settings(&self.owner(database), database);
        config.host(address.ip().to_string()).port(address.port());
        config
    }

    /// The settings of a connection of the owner of a database to the server itself.
    pub(super) fn direct(&self, database: &str) -> Config {
        let mut config = self.at_server(&self.owner(database), database);
        config.application_name(PAST_LINK);
        config
    }

    /// The settings of a connection of the administrator to the server itself.
    ///
    /// Its name says that it is the library's own. Whoever has a better one gives it that. It waits
    /// for no standby, which a fault may make up.
    pub(super) fn administrator(&self, database: &str) -> Config {
        let mut config = self.at_server(&self.admin, database);
        config.application_name(format!("{OURS}admin"));
        let given = self.options.as_deref().unwrap_or_default();
        config.options(format!("{given} -c synchronous_commit=local").trim());
        config
    }

    /// The settings of a session of the library's own: one of the administrator that nothing a test
    /// may set for the database or the server reaches. It waits for a lock no longer than `patience`,
    /// and for a statement twice as long, so that it is known what it waited for.
    pub(super) fn own_session(&self, database: &str, patience: Duration) -> Config {
        let mut config = self.administrator(database);
        let (patience, limit) = (patience.as_millis(), 2 * patience.as_millis());
        let mut options = format!(
            "{} -c lock_timeout={patience} -c statement_timeout={limit} \
             -c idle_in_transaction_session_timeout=0 -c default_transaction_read_only=off \
             -c default_transaction_isolation=read\\ committed -c client_min_messages=warning",
            config.get_options().unwrap_or_default()
        );
        let major = Version::from_text(&self.version).map_or(0, |version| version.major);
        if major >= 14 {
            options.push_str(" -c idle_session_timeout=0");
        }
        if major >= 17 {
            options.push_str(" -c transaction_timeout=0");
        }
        config.options(options.trim());
        config
    }

    fn at_server(&self, login: &Login, database: &str) -> Config {
        let mut config = self.settings(login, database);
        match &self.address {
            #[cfg(unix)]
            Address::Unix { directory, port } => config.host_path(directory).port(*port),
            #[cfg(not(unix))]
            Address::Unix { .. } => &mut config,
            Address::Tcp(address) => config.host(address.ip().to_string()).port(address.port()),
        };
        config
    }

    fn settings(&self, login: &Login, database: &str) -> Config {
        let mut config = Config::new();
        config
            .user(&login.user)
            .dbname(database)
            .ssl_mode(SslMode::Disable)
            .connect_timeout(Duration::from_secs(5));
        if let Some(password) = &login.password {
            config.password(password);
        }
        if let Some(options) = &self.options {
            config.options(options);
        }
        config
    }

    /// The URL of a connection of the owner of a database to this address: a link.
    pub(super) fn url_through(&self, address: SocketAddr, database: &str) -> String {
        let login = self.login_in_url(database);
        format!("postgresql://{login}@{address}/{database}?sslmode=disable{}", self.url_options())
    }

    /// The URL of a connection of the owner of a database to the server itself.
    pub(super) fn url_direct(&self, database: &str) -> String {
        let url = match (self.tcp, &self.address) {
            (Some(address), _) => self.url_through(address, database),
            (None, Address::Tcp(address)) => self.url_through(*address, database),
            (None, Address::Unix { directory, port }) => {
                let login = self.login_in_url(database);
                let host = percent_encoded(&directory.to_string_lossy());
                let options = self.url_options();
                format!("postgresql://{login}@/{database}?host={host}&port={port}{options}")
            }
        };
        format!("{url}&application_name={}", percent_encoded(PAST_LINK))
    }

    fn login_in_url(&self, database: &str) -> String {
        let Login { user, password } = self.owner(database);
        let user = percent_encoded(&user);
        password.map_or(user.clone(), |word| format!("{user}:{}", percent_encoded(&word)))
    }

    fn url_options(&self) -> String {
        let encoded = self.options.as_deref().map(percent_encoded);
        encoded.map_or_else(String::new, |options| format!("&options={options}"))
    }
}

/// Opens a connection and drives it on a task of its own, which drops what it `keeps` at the end
/// of the connection.
pub(super) async fn open<Socket, Tls, Kept>(
    connecting: impl Future<Output = Result<(Client, Connection<Socket, Tls>), tokio_postgres::Error>>,
    what: &str,
    keeps: Kept,
) -> Result<Client, PostgresError>
where
    Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    Tls: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    Kept: Send + 'static,
{
    let action = || format!("open a connection {what}");
    // The driver's own limit does not cover the handshake, which a stopped server never answers.
    let connected = tokio::time::timeout(CONNECT_LIMIT, connecting).await;
    let (client, connection) = connected
        .map_err(|_| PostgresError::TimedOut { action: action(), limit: CONNECT_LIMIT })?
        .map_err(PostgresError::sql(action()))?;
    tokio::spawn(async move {
        // Whoever uses the client sees the same error there.
        connection.await.ok();
        drop(keeps);
    });
    Ok(client)
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::Host;

    use super::*;

    fn given(address: Address) -> Endpoint {
        Endpoint {
            address,
            tcp: None,
            admin: Login { user: "o'neil@home".into(), password: Some("p/w ?&".into()) },
            owner_password: None,
            options: Some("-c search_path=a,b".into()),
            maintenance: "postgres".into(),
            version: "15.18".into(),
            max_connections: None,
        }
    }

    #[test]
    fn urls_say_what_the_settings_say_whatever_letters_a_password_has() {
        let endpoint = given(Address::Tcp("[::1]:5432".parse().unwrap()));
        let read: Config = endpoint.url_direct("chaos_1").parse().unwrap();
        let settings = endpoint.direct("chaos_1");
        assert_eq!(read.get_user(), settings.get_user());
        assert_eq!(read.get_password(), settings.get_password());
        assert_eq!(read.get_options(), settings.get_options());
        assert_eq!(read.get_dbname(), settings.get_dbname());
        assert_eq!(read.get_ports(), settings.get_ports());
        assert_eq!(read.get_ssl_mode(), SslMode::Disable);
        assert_eq!(settings.get_hosts(), [Host::Tcp("::1".into())]);
    }

    #[test]
    #[cfg(unix)]
    fn a_server_that_listens_on_a_unix_socket_only_has_a_url_too() {
        let directory = PathBuf::from("/var/run/post gres");
        let endpoint = given(Address::Unix { directory: directory.clone(), port: 5433 });
        let read: Config = endpoint.url_direct("chaos_1").parse().unwrap();
        assert_eq!(read.get_hosts(), [Host::Unix(directory.clone())]);
        assert_eq!(read.get_ports(), [5433]);
        let socket = directory.join(".s.PGSQL.5433");
        assert_eq!(endpoint.upstream(), Upstream::Unix(socket));
    }

    #[test]
    fn databases_of_our_own_server_have_an_owner_each_and_its_secrets_are_not_shown() {
        let mut endpoint = given(Address::Tcp("127.0.0.1:1".parse().unwrap()));
        endpoint.owner_password = Some("secret".into());
        let config = endpoint.through("127.0.0.1:2".parse().unwrap(), "chaos_1");
        assert_eq!(config.get_user(), Some("chaos_1"));
        assert_eq!(config.get_ports(), [2]);
        assert!(!format!("{endpoint:?}").contains("secret"));
    }
}
