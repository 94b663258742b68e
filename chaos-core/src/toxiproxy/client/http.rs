//! The requests to a server.

use std::fmt;
use std::io;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::ToxiproxyError;

/// How long a server may take for one request.
const PATIENCE: Duration = Duration::from_secs(10);

/// More than any answer has.
const LARGEST: usize = 64 << 20;

/// The API of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Api {
    /// The host and the port.
    authority: String,
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.authority)
    }
}

/// What a server answered.
struct Answer {
    status: StatusCode,
    body: Bytes,
}

impl Api {
    pub(super) fn at(address: &str) -> Result<Self, ToxiproxyError> {
        let authority = address.strip_prefix("http://").unwrap_or(address).trim_end_matches('/');
        let uri: Option<Uri> = format!("http://{authority}/").parse().ok();
        let is_one = uri.is_some_and(|uri| {
            let host = uri.host().unwrap_or_default();
            uri.port_u16().is_some() && !host.is_empty() && uri.path() == "/"
        });
        if is_one && !authority.contains('@') {
            Ok(Self { authority: authority.to_owned() })
        } else {
            Err(ToxiproxyError::InvalidAddress { address: address.to_owned() })
        }
    }

    pub(super) async fn version(&self) -> Result<String, ToxiproxyError> {
        let answer = self.ask(Method::GET, "/version", None).await?;
        let body = self.json(&answer)?;
        let version = body["version"].as_str().map(str::to_owned);
        version.ok_or_else(|| self.garbled("its answer names no version"))
    }

    pub(super) async fn reset(&self) -> Result<(), ToxiproxyError> {
        self.ask(Method::POST, "/reset", None).await.map(drop)
    }

    /// Adds a toxic to a proxy.
    pub(super) async fn add(&self, proxy: &str, toxic: &Value) -> Result<(), ToxiproxyError> {
        let path = format!("/proxies/{}/toxics", encoded(proxy));
        let added = self.ask(Method::POST, &path, Some(toxic)).await;
        self.of_proxy(proxy, added).await.map(drop)
    }

    /// Removes a toxic, which may be gone already.
    pub(super) async fn remove(&self, proxy: &str, toxic: &str) -> Result<(), ToxiproxyError> {
        let path = format!("/proxies/{}/toxics/{}", encoded(proxy), encoded(toxic));
        match self.ask(Method::DELETE, &path, None).await {
            Err(ToxiproxyError::Api { status: 404, .. }) => Ok(()),
            removed => removed.map(drop),
        }
    }

    /// Whether a proxy is enabled.
    pub(super) async fn is_enabled(&self, proxy: &str) -> Result<bool, ToxiproxyError> {
        let shown = self.ask(Method::GET, &format!("/proxies/{}", encoded(proxy)), None).await;
        let body = self.json(&self.of_proxy(proxy, shown).await?)?;
        body["enabled"].as_bool().ok_or_else(|| self.garbled("its proxy is neither up nor down"))
    }

    /// Enables or disables a proxy.
    pub(super) async fn enable(&self, proxy: &str, enabled: bool) -> Result<(), ToxiproxyError> {
        // With POST, which servers of all versions know.
        let (path, body) = (format!("/proxies/{}", encoded(proxy)), json!({ "enabled": enabled }));
        self.ask(Method::POST, &path, Some(&body)).await.map(drop)
    }

    /// Tells a proxy that is not there from other failures.
    async fn of_proxy(
        &self,
        proxy: &str,
        answer: Result<Answer, ToxiproxyError>,
    ) -> Result<Answer, ToxiproxyError> {
        let is_unknown = matches!(answer, Err(ToxiproxyError::Api { status: 404, .. }));
        if !is_unknown {
            return answer;
        }
        let all = self.json(&self.ask(Method::GET, "/proxies", None).await?)?;
        let known = all.as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default();
        let (server, proxy) = (self.authority.clone(), proxy.to_owned());
        Err(ToxiproxyError::UnknownProxy { server, proxy, known })
    }

    fn json(&self, answer: &Answer) -> Result<Value, ToxiproxyError> {
        serde_json::from_slice(&answer.body)
            .map_err(|error| self.garbled(&format!("its answer is no JSON ({error})")))
    }

    fn garbled(&self, what: &str) -> ToxiproxyError {
        ToxiproxyError::Protocol { server: self.authority.clone(), what: what.to_owned() }
    }

    fn unreachable(&self, source: io::Error) -> ToxiproxyError {
        ToxiproxyError::Unreachable { server: self.authority.clone(), source }
    }

    /// Makes a request, and takes any answer of the 200s for a success.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, ToxiproxyError> {
        let asked = tokio::time::timeout(PATIENCE, self.exchange(method, path, body)).await;
        let answer = asked.unwrap_or_else(|_| {
            let sentence = format!("no answer within {} s", PATIENCE.as_secs());
            Err(self.unreachable(io::Error::new(io::ErrorKind::TimedOut, sentence)))
        })?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let told = serde_json::from_slice::<Value>(&answer.body).ok();
        let message = told.as_ref().and_then(|told| told["error"].as_str());
        let text = String::from_utf8_lossy(&answer.body);
        Err(ToxiproxyError::Api {
            server: self.authority.clone(),
            status: answer.status.as_u16(),
            message: message.unwrap_or(text.trim()).to_owned(),
        })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, ToxiproxyError> {
        let stream = TcpStream::connect(&self.authority).await;
        let stream = stream.map_err(|source| self.unreachable(source))?;
        let broken = |error: hyper::Error| self.garbled(&crate::error::with_sources(&error));
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let connection = tokio::spawn(connection);
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.authority)
            .header(USER_AGENT, concat!("chaos-core/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json")
            .header(CONNECTION, "close")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| self.garbled(&format!("no request can be made to it ({error})")))?;
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        let body =
            body.map_err(|error| self.garbled(&format!("its answer breaks off ({error})")))?;
        // Its error, if it has one, was that of the request.
        connection.abort();
        Ok(Answer { status, body: body.to_bytes() })
    }
}

/// A name as a part of a path.
fn encoded(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for (address, authority) in [
            ("localhost:8474", "localhost:8474"),
            ("http://10.0.0.1:8474/", "10.0.0.1:8474"),
            ("[::1]:8474", "[::1]:8474"),
        ] {
            assert_eq!(Api::at(address).unwrap().to_string(), authority);
        }
        for address in
            ["", "localhost", ":8474", "https://x:1", "x:1/path", "a b:1", "u@x:1", "x:y"]
        {
            let error = Api::at(address).unwrap_err().to_string();
            assert!(error.contains("write a host and a port"), "{address}: {error}");
        }
    }
}
