//! From a request to its answer.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::USER_AGENT;
use hyper::{Method, Request, Response, StatusCode};
use parking_lot::Mutex;

use super::answer::{Answer, ApiError};
use super::collection::{Collection, NewProxy};
use super::log::{Log, LogLevel};
use super::metrics::{self, Ledger, Published};
use super::proxy::Wanted;
use super::request_id::RequestIds;
use super::route::{self, NoRoute, Route};

/// The version of Toxiproxy whose API this is.
pub(super) const VERSION: &str = "2.12.0";

/// How long the original takes for an answer at most.
const PATIENCE: Duration = Duration::from_secs(25);

/// How long the original waits for a request to come in.
const READING: Duration = Duration::from_secs(15);

/// More than any list of proxies has; the original has no limit.
const LARGEST_BODY: usize = 64 << 20;

/// What all requests of a server share.
#[derive(Debug)]
pub(super) struct State {
    pub(super) collection: Mutex<Collection>,
    pub(super) published: Published,
    pub(super) ledger: Arc<Ledger>,
    pub(super) log: Log,
    pub(super) request_ids: RequestIds,
}

/// Answers a request.
pub(super) async fn handle(state: Arc<State>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let has_metrics = state.published.proxies || state.published.process;
    let route = match route::of(&method, &path, has_metrics) {
        Ok(route) => route,
        // Like the original, which numbers and filters only requests that there are.
        Err(NoRoute::NotFound) => return Answer::not_found().into_response(None),
        Err(NoRoute::MethodNotAllowed) => return Answer::method_not_allowed().into_response(None),
        Err(NoRoute::Moved(to)) => return Answer::moved(&to).into_response(None),
    };
    let id = state.request_ids.next();
    let agent = request.headers().get(USER_AGENT).map(|agent| agent.as_bytes().to_vec());
    let agent = agent.unwrap_or_default();
    let answer = if agent.starts_with(b"Mozilla/") {
        Answer::browser()
    } else {
        answer_in_time(&state, &method, route, request).await
    };
    state.log.line(
        LogLevel::Debug,
        "",
        &[
            ("method", method.as_str()),
            ("url", &path),
            ("user_agent", &String::from_utf8_lossy(&agent)),
            ("status", answer.status().as_str()),
            ("size", &answer.size().to_string()),
            ("request_id", &id),
        ],
    );
    answer.into_response(Some(&id))
}

async fn answer_in_time(
    state: &Arc<State>,
    method: &Method,
    route: Route,
    request: Request<Incoming>,
) -> Answer {
    let answering = async {
        let body = match read(request.into_body()).await {
            Ok(body) => body,
            Err(why) => return Answer::from(ApiError::bad_body(&why)),
        };
        let (shared, method) = (Arc::clone(state), method.clone());
        // Looking up names and closing connections may take a moment, in which others are served.
        let answering =
            tokio::task::spawn_blocking(move || answer(&shared, &method, &route, &body));
        answering.await.unwrap_or_else(|error| {
            Answer::from(ApiError::internal(format!("the request could not be served: {error}")))
        })
    };
    tokio::time::timeout(PATIENCE, answering).await.unwrap_or_else(|_| Answer::timed_out())
}

/// The whole body, or what the original says where it does not come.
async fn read(body: Incoming) -> Result<Bytes, String> {
    let collecting = Limited::new(body, LARGEST_BODY).collect();
    match tokio::time::timeout(READING, collecting).await {
        Err(_) => Err("i/o timeout".to_owned()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err("http: request body too large".to_owned())
        }
        Ok(Err(_)) => Err("unexpected EOF".to_owned()),
        Ok(Ok(body)) => Ok(body.to_bytes()),
    }
}

fn answer(state: &State, method: &Method, route: &Route, body: &[u8]) -> Answer {
    if *method == Method::POST && matches!(route, Route::UpdateProxy(_) | Route::UpdateToxic(..)) {
        let message = "HTTP method POST is deprecated here. Use HTTP PATCH instead.";
        state.log.line(LogLevel::Warn, message, &[]);
    }
    match carry_out(state, route, body) {
        Ok(answer) => answer,
        Err(error) => {
            if error.status() == StatusCode::INTERNAL_SERVER_ERROR {
                state.log.line(LogLevel::Warn, "failed", &[("error", &error.to_string())]);
            }
            Answer::from(error)
        }
    }
}

fn carry_out(state: &State, route: &Route, body: &[u8]) -> Result<Answer, ApiError> {
    let ok = StatusCode::OK;
    let collection = || state.collection.lock();
    Ok(match route {
        Route::Version => Answer::version(VERSION),
        Route::Metrics => Answer::metrics(metrics::text(state.published, &state.ledger)),
        Route::Reset => {
            collection().reset()?;
            Answer::no_content()
        }
        Route::Populate => populate(state, body),
        Route::Proxies => Answer::json(ok, collection().all()),
        Route::CreateProxy => {
            let new = NewProxy::read(body)?;
            Answer::json(StatusCode::CREATED, collection().add(&new)?)
        }
        Route::Proxy(name) => Answer::json(ok, collection().get(name)?),
        Route::UpdateProxy(name) => {
            // First of all: a body for a proxy that there is not is not looked at.
            collection().get(name)?;
            let wanted = Wanted::read(body)?;
            Answer::json(ok, collection().update(name, wanted)?)
        }
        Route::DeleteProxy(name) => {
            collection().remove(name)?;
            Answer::no_content()
        }
        Route::Toxics(proxy) => Answer::json(ok, &collection().get(proxy)?.toxics()),
        Route::CreateToxic(proxy) => {
            Answer::json(ok, collection().get_mut(proxy)?.add_toxic(body)?)
        }
        Route::Toxic(proxy, toxic) => Answer::json(ok, collection().get(proxy)?.toxic(toxic)?),
        Route::UpdateToxic(proxy, toxic) => {
            Answer::json(ok, collection().get_mut(proxy)?.update_toxic(toxic, body)?)
        }
        Route::DeleteToxic(proxy, toxic) => {
            collection().get_mut(proxy)?.remove_toxic(toxic)?;
            Answer::no_content()
        }
    })
}

/// The answer to `/populate`, whose errors are JSON and come with what was done before.
fn populate(state: &State, body: &[u8]) -> Answer {
    let new = NewProxy::read_all(body);
    let mut collection = state.collection.lock();
    let populated = match &new {
        Ok(new) => collection.populate(new),
        Err(error) => super::collection::Populated { error: Some(error.clone()), proxies: None },
    };
    let status = populated.error.as_ref().map_or(StatusCode::CREATED, ApiError::status);
    Answer::json(status, &populated)
}
