//! What the server answers: statuses, content types and bodies of the original, byte by byte.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::body::BodyError;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// An error that a client gets to see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("{error}")]
pub(super) struct ApiError {
    error: String,
    status: u16,
}

impl ApiError {
    fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { error: error.into(), status: status.as_u16() }
    }

    pub(super) fn missing(field: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("missing required field: {field}"))
    }

    pub(super) fn invalid_stream() -> Self {
        let error = "stream was invalid, can be either upstream or downstream";
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    pub(super) fn invalid_type() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid toxic type")
    }

    pub(super) fn proxy_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "proxy not found")
    }

    pub(super) fn toxic_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "toxic not found")
    }

    pub(super) fn proxy_exists() -> Self {
        Self::new(StatusCode::CONFLICT, "proxy already exists")
    }

    pub(super) fn toxic_exists() -> Self {
        Self::new(StatusCode::CONFLICT, "toxic already exists")
    }

    /// Anything that the original has no status for, such as an address that is in use.
    pub(super) fn internal(error: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error)
    }

    pub(super) fn bad_body(why: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("bad request body: {why}"))
    }

    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        Self::bad_body(&error.to_string())
    }
}

/// What a request is answered.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    content_type: Option<HeaderValue>,
    body: Vec<u8>,
    /// Whether browsers are told not to guess what it is.
    no_sniffing: bool,
    location: Option<HeaderValue>,
}

impl Answer {
    pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Self {
        Self::new(status, Some(JSON), json(value))
    }

    pub(super) fn no_content() -> Self {
        Self::new(StatusCode::NO_CONTENT, None, String::new())
    }

    pub(super) fn version(version: &str) -> Self {
        let content_type = HeaderValue::from_static("application/json;charset=utf-8");
        let body = format!("{{\"version\": \"{version}\"}}\n");
        Self::new(StatusCode::OK, Some(content_type), body)
    }

    pub(super) fn metrics(body: String) -> Self {
        let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        Self::new(StatusCode::OK, Some(content_type), body)
    }

    /// An error, which the original sends as text although it is JSON.
    pub(super) fn error(error: &ApiError) -> Self {
        Self::plain(error.status(), json(error))
    }

    pub(super) fn browser() -> Self {
        Self::plain(StatusCode::FORBIDDEN, "User agent not allowed".to_owned())
    }

    pub(super) fn not_found() -> Self {
        Self::plain(StatusCode::NOT_FOUND, "404 page not found".to_owned())
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, None, String::new())
    }

    /// What the original answers after 25 seconds.
    pub(super) fn timed_out() -> Self {
        let content_type = HeaderValue::from_static("text/html; charset=utf-8");
        let body = "<html><head><title>Timeout</title></head><body><h1>Timeout</h1></body></html>";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Some(content_type), body.to_owned())
    }

    /// Sends the client to the path without needless slashes and dots.
    pub(super) fn moved(location: &str) -> Self {
        let answer = Self::new(StatusCode::MOVED_PERMANENTLY, None, String::new());
        Self { location: HeaderValue::from_str(location).ok(), ..answer }
    }

    fn plain(status: StatusCode, text: String) -> Self {
        Self { no_sniffing: true, ..Self::new(status, Some(TEXT), text + "\n") }
    }

    fn new(status: StatusCode, content_type: Option<HeaderValue>, body: String) -> Self {
        let body = body.into_bytes();
        Self { status, content_type, body, no_sniffing: false, location: None }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn size(&self) -> usize {
        self.body.len()
    }

    /// The response, with this in `X-Toxiproxy-Request-Id`.
    pub(super) fn into_response(self, request_id: Option<&str>) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from(self.body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let sniffing = self.no_sniffing.then(|| HeaderValue::from_static("nosniff"));
        let request_id = request_id.and_then(|id| HeaderValue::from_str(id).ok());
        for (name, value) in [
            (CONTENT_TYPE, self.content_type),
            (hyper::header::LOCATION, self.location),
            (hyper::header::X_CONTENT_TYPE_OPTIONS, sniffing),
            (HeaderName::from_static("x-toxiproxy-request-id"), request_id),
        ] {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
        response
    }
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        Self::error(&error)
    }
}

/// JSON as the original writes it, which is safe in HTML too.
fn json(value: &impl Serialize) -> String {
    let Ok(json) = serde_json::to_string(value) else { return "null".to_owned() };
    // Outside of strings JSON has none of these.
    if !json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for letter in json.chars() {
        match letter {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            other => escaped.push(other),
        }
    }
    escaped
}
