//! A Toxiproxy-compatible server to compare with, where there is one.
//!
//! Its API is at the address in `CHAOS_BENCH_TOXIPROXY`, such as `127.0.0.1:8474`. Only what the
//! documentation of Toxiproxy says of its HTTP API is used, so that any such server will do.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A proxy in the server; it is deleted when this is dropped.
#[derive(Debug)]
pub struct Toxiproxy {
    api: String,
    name: String,
    address: SocketAddr,
}

impl Toxiproxy {
    /// A proxy to this server, or `None` with a sentence that says why there is none.
    pub fn to(upstream: SocketAddr) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Ok(api) = std::env::var("CHAOS_BENCH_TOXIPROXY") else {
            println!("(no Toxiproxy to compare with: CHAOS_BENCH_TOXIPROXY has no address)");
            return None;
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("chaos-bench-{}-{number}", std::process::id());
        match Self::create(&api, &name, upstream) {
            Ok(proxy) => Some(proxy),
            Err(error) => {
                println!("(no Toxiproxy to compare with: {api}: {error})");
                None
            }
        }
    }

    fn create(api: &str, name: &str, upstream: SocketAddr) -> io::Result<Self> {
        // Not every server tells which port it took when it is left to choose.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let body = format!(
            r#"{{"name":"{name}","listen":"{address}","upstream":"{upstream}","enabled":true}}"#
        );
        request(api, "POST", "/proxies", &body)?;
        Ok(Self { api: api.to_owned(), name: name.to_owned(), address })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Delays what is sent upstream, in whole milliseconds, until this is called again.
    pub fn set_latency(&self, latency: Duration) -> io::Result<()> {
        let toxics = format!("/proxies/{}/toxics", self.name);
        let body = format!(
            r#"{{"name":"slow","type":"latency","stream":"upstream","toxicity":1.0,"attributes":{{"latency":{},"jitter":0}}}}"#,
            latency.as_millis()
        );
        if latency.is_zero() {
            request(&self.api, "DELETE", &format!("{toxics}/slow"), "")
        } else {
            request(&self.api, "POST", &toxics, &body)
        }
    }
}

impl Drop for Toxiproxy {
    fn drop(&mut self) {
        let path = format!("/proxies/{}", self.name);
        if let Err(error) = request(&self.api, "DELETE", &path, "") {
            println!("(the proxy {} is left behind in {}: {error})", self.name, self.api);
        }
    }
}

/// Makes a request over a connection of its own; an error unless the answer is a success.
fn request(api: &str, method: &str, path: &str, body: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(api)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {api}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    if status.starts_with('2') {
        return Ok(());
    }
    Err(io::Error::other(format!("{method} {path} was answered with {answer}")))
}
