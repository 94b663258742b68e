//! Addresses to listen at, as the original reads and writes them.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// An address to listen at: as it was given, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListenAddress {
    given: String,
    resolved: Result<SocketAddr, String>,
}

impl ListenAddress {
    /// Looks up what the address means. This may take a while, for a host name.
    ///
    /// Nothing at all means a free port of all addresses.
    pub(super) fn resolve(given: &str) -> Self {
        let resolved = if given.is_empty() { Ok(wildcard(0)) } else { resolve(given) };
        Self { given: given.to_owned(), resolved }
    }

    /// The address as it was given.
    pub(super) fn given(&self) -> &str {
        &self.given
    }

    /// The address to bind, or why there is none.
    pub(super) fn socket(&self) -> Result<SocketAddr, String> {
        self.resolved.clone()
    }

    /// Whether this is another address than `known`, which was given or is listened at.
    ///
    /// Host names are looked up for that: `localhost:80` is `127.0.0.1:80`.
    pub(super) fn differs_from(&self, known: &str) -> Result<bool, String> {
        if self.given == known {
            return Ok(false);
        }
        Ok(self.socket()?.to_string() != known)
    }

    /// What the original says when the address cannot be listened at.
    pub(super) fn bind_error(&self, error: &io::Error) -> String {
        let address = self.socket().map_or_else(|_| self.given.clone(), |it| it.to_string());
        format!("listen tcp {address}: bind: {}", Lower(error))
    }
}

fn resolve(given: &str) -> Result<SocketAddr, String> {
    let (host, port) = split(given)?;
    let port = port_number(port)?;
    if host.is_empty() {
        return Ok(wildcard(port));
    }
    let host = host.split('%').next().unwrap_or_default();
    let found: Vec<SocketAddr> = (host, port)
        .to_socket_addrs()
        .map_err(|_| format!("lookup {host}: no such host"))?
        .collect();
    // Like the original: IPv4 where there is a choice, and both of them for all addresses.
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    match first {
        None => Err(format!("lookup {host}: no such host")),
        Some(address) if address.ip().is_unspecified() => Ok(wildcard(port)),
        Some(address) => Ok(*address),
    }
}

/// All addresses, of IPv6 and IPv4 where there are both.
fn wildcard(port: u16) -> SocketAddr {
    let both = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    // Only on Unix can one socket listen for both.
    if cfg!(unix) && std::net::UdpSocket::bind(both).is_ok() {
        SocketAddr::new(both.ip(), port)
    } else {
        SocketAddr::new(IpAddr::from([0, 0, 0, 0]), port)
    }
}

/// The host and the port.
fn split(given: &str) -> Result<(&str, &str), String> {
    let wrong = |what: &str| Err(format!("address {given}: {what}"));
    let Some((host, port)) = given.rsplit_once(':') else {
        return wrong("missing port in address");
    };
    match host.strip_prefix('[') {
        Some(inner) => match inner.strip_suffix(']') {
            Some(host) => Ok((host, port)),
            None => wrong("missing port in address"),
        },
        None if host.contains(':') => wrong("too many colons in address"),
        None => Ok((host, port)),
    }
}

fn port_number(port: &str) -> Result<u16, String> {
    if port.is_empty() {
        return Ok(0);
    }
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    port.parse().map_err(|_| {
        if is_number {
            format!("address {port}: invalid port")
        } else {
            format!("lookup tcp/{port}: unknown port")
        }
    })
}

/// An error of the operating system without its number and without a capital.
struct Lower<'error>(&'error io::Error);

impl fmt::Display for Lower<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let text = text.split(" (os error").next().unwrap_or_default();
        let mut letters = text.chars();
        if let Some(first) = letters.next() {
            write!(f, "{}{}", first.to_lowercase(), letters.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(given: &str) -> String {
        match ListenAddress::resolve(given).socket() {
            Ok(address) => address.to_string(),
            Err(why) => why,
        }
    }

    #[test]
    fn addresses_mean_what_they_mean_to_the_original() {
        for (given, expected) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("localhost:0", "127.0.0.1:0"),
            ("[::1]:80", "[::1]:80"),
            ("localhost:", "127.0.0.1:0"),
            ("nonsense", "address nonsense: missing port in address"),
            ("::1:80", "address ::1:80: too many colons in address"),
            ("localhost:99999", "address 99999: invalid port"),
            ("localhost:what", "lookup tcp/what: unknown port"),
            ("no-such-host.invalid:80", "lookup no-such-host.invalid: no such host"),
        ] {
            assert_eq!(resolved(given), expected, "{given}");
        }
        // All addresses are one, however they are written.
        for given in ["", ":0", "0.0.0.0:0", "[::]:0"] {
            assert_eq!(resolved(given), wildcard(0).to_string(), "{given}");
        }
    }

    #[test]
    fn a_host_name_does_not_differ_from_its_address() {
        let differs = |given, known| ListenAddress::resolve(given).differs_from(known);
        assert_eq!(differs("localhost:80", "127.0.0.1:80"), Ok(false));
        assert_eq!(differs("localhost:80", "localhost:80"), Ok(false));
        assert_eq!(differs("localhost:0", "127.0.0.1:80"), Ok(true));
        assert!(differs("nonsense", "127.0.0.1:80").is_err());
        // What was given for a proxy that never listened stays as it is, wrong or not.
        assert_eq!(differs("nonsense", "nonsense"), Ok(false));
    }
}
