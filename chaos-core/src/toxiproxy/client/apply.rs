//! Injecting a fault into proxies of one or several servers: into all of them, or into none.

use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::join_all;

use super::ToxiproxyError;
use super::http::Api;
use super::translation::{self, Deed};
use crate::error::Error;
use crate::fault::Fault;
use crate::sabotage::{Undo, undo};
use crate::seed::Seed;

/// What was done to the proxy of one server.
#[derive(Debug)]
struct Done {
    api: Api,
    proxy: String,
    how: How,
}

#[derive(Debug)]
enum How {
    Disabled,
    /// The names of the toxics.
    Added(Vec<String>),
}

/// Injects a fault into the proxies of this name of all servers.
pub(super) async fn to_all(apis: Vec<Api>, proxy: String, fault: Fault) -> Result<Undo, Error> {
    let deed = translation::of(&fault)?;
    let name = unique_name();
    let done = join_all(apis.iter().map(|api| to_one(api, &proxy, &deed, &name))).await;
    let (mut kept, mut failed) = (Vec::new(), Vec::new());
    for done in done {
        match done {
            Ok(done) => kept.push(done),
            Err(error) => failed.push(error),
        }
    }
    if !failed.is_empty() {
        // What cannot be undone either is the fault of the same server.
        let _undone = join_all(kept.iter().map(Done::undo)).await;
        return Err(one_of(failed, apis.len()).into());
    }
    Ok(undo(async move {
        let undone = join_all(kept.iter().map(Done::undo)).await;
        let failed: Vec<_> = undone.into_iter().filter_map(Result::err).collect();
        if failed.is_empty() { Ok(()) } else { Err(one_of(failed, kept.len()).into()) }
    }))
}

/// The error of a single server as it is, those of a fleet together.
fn one_of(mut failed: Vec<ToxiproxyError>, of: usize) -> ToxiproxyError {
    match failed.pop() {
        Some(error) if of == 1 => error,
        last => {
            failed.extend(last);
            ToxiproxyError::Fleet { of, failed }
        }
    }
}

async fn to_one(api: &Api, proxy: &str, deed: &Deed, name: &str) -> Result<Done, ToxiproxyError> {
    let done = |how| Done { api: api.clone(), proxy: proxy.to_owned(), how };
    let wanted = match deed {
        Deed::Disable => {
            if !api.is_enabled(proxy).await? {
                let (server, proxy) = (api.to_string(), proxy.to_owned());
                return Err(ToxiproxyError::AlreadyDown { server, proxy });
            }
            if let Err(error) = api.enable(proxy, false).await {
                // It may have been done, and only the answer be lost.
                let _enabled = api.enable(proxy, true).await;
                return Err(error);
            }
            return Ok(done(How::Disabled));
        }
        Deed::Toxics(wanted) => wanted,
    };
    let mut names = Vec::new();
    for toxic in wanted {
        let name = format!("{name}-{}", translation::stream(toxic.direction));
        // Known before it is asked for: it may be added, and only the answer be lost.
        names.push(name.clone());
        if let Err(error) = api.add(proxy, &toxic.body(&name)).await {
            let _removed = done(How::Added(names)).undo().await;
            return Err(error);
        }
    }
    Ok(done(How::Added(names)))
}

impl Done {
    async fn undo(&self) -> Result<(), ToxiproxyError> {
        let Self { api, proxy, how } = self;
        match how {
            How::Disabled => api.enable(proxy, true).await,
            How::Added(names) => {
                let mut result = Ok(());
                // The last one first, and all of them even if one fails.
                for name in names.iter().rev() {
                    result = api.remove(proxy, name).await.and(result);
                }
                result
            }
        }
    }
}

/// A name that no other toxic of the server has, whoever else uses it.
fn unique_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let nth = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("chaos-{}-{:x}-{nth}", std::process::id(), Seed::random().0)
}
