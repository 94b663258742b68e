//! Which request is asked for: methods and paths of the original.

use hyper::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str};

/// What is encoded in a path that a client is sent to.
const KEPT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Version,
    Metrics,
    Reset,
    Populate,
    Proxies,
    CreateProxy,
    Proxy(String),
    UpdateProxy(String),
    DeleteProxy(String),
    Toxics(String),
    CreateToxic(String),
    Toxic(String, String),
    UpdateToxic(String, String),
    DeleteToxic(String, String),
}

/// Why a request is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoRoute {
    /// There is nothing of this path.
    NotFound,
    /// There is something, but not with this method.
    MethodNotAllowed,
    /// There may be something of this path, which is the same without needless slashes and dots.
    Moved(String),
}

/// The request of this method and path.
pub(super) fn of(method: &Method, path: &str, has_metrics: bool) -> Result<Route, NoRoute> {
    let path = percent_decode_str(path).decode_utf8_lossy();
    let cleaned = clean(&path);
    if cleaned != path {
        let location = percent_encoding::utf8_percent_encode(&cleaned, KEPT);
        return Err(NoRoute::Moved(location.to_string()));
    }
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (get, post, patch, delete) = (Method::GET, Method::POST, Method::PATCH, Method::DELETE);
    let name = str::to_owned;
    let known = |routes: &[(&Method, Route)]| {
        let found = routes.iter().find(|(known, _)| *known == method);
        found.map(|(_, route)| route.clone()).ok_or(NoRoute::MethodNotAllowed)
    };
    match *parts {
        // A name is never empty.
        [.., ""] | ["proxies", "", ..] => Err(NoRoute::NotFound),
        ["version"] => known(&[(&get, Route::Version)]),
        ["metrics"] if has_metrics => Ok(Route::Metrics),
        ["reset"] => known(&[(&post, Route::Reset)]),
        ["populate"] => known(&[(&post, Route::Populate)]),
        ["proxies"] => known(&[(&get, Route::Proxies), (&post, Route::CreateProxy)]),
        ["proxies", proxy] => {
            let update = Route::UpdateProxy(name(proxy));
            known(&[
                (&get, Route::Proxy(name(proxy))),
                (&post, update.clone()),
                (&patch, update),
                (&delete, Route::DeleteProxy(name(proxy))),
            ])
        }
        ["proxies", proxy, "toxics"] => {
            known(&[(&get, Route::Toxics(name(proxy))), (&post, Route::CreateToxic(name(proxy)))])
        }
        ["proxies", proxy, "toxics", toxic] => {
            let update = Route::UpdateToxic(name(proxy), name(toxic));
            known(&[
                (&get, Route::Toxic(name(proxy), name(toxic))),
                (&post, update.clone()),
                (&patch, update),
                (&delete, Route::DeleteToxic(name(proxy), name(toxic))),
            ])
        }
        _ => Err(NoRoute::NotFound),
    }
}

/// The path without empty parts and those of dots alone.
fn clean(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let end = if path.len() > 1 && path.ends_with('/') && !parts.is_empty() { "/" } else { "" };
    format!("/{}{end}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_methods_are_those_of_the_original() {
        let route = |method, path| of(&method, path, false);
        assert_eq!(route(Method::GET, "/proxies"), Ok(Route::Proxies));
        assert_eq!(route(Method::GET, "/proxies/a%20b"), Ok(Route::Proxy("a b".to_owned())));
        let update = Route::UpdateProxy("x".to_owned());
        assert_eq!(route(Method::PATCH, "/proxies/x"), Ok(update.clone()));
        assert_eq!(route(Method::POST, "/proxies/x"), Ok(update));
        let delete = Route::DeleteToxic("x".to_owned(), "y".to_owned());
        assert_eq!(route(Method::DELETE, "/proxies/x/toxics/y"), Ok(delete));
        assert_eq!(route(Method::HEAD, "/proxies"), Err(NoRoute::MethodNotAllowed));
        assert_eq!(route(Method::PUT, "/proxies/x"), Err(NoRoute::MethodNotAllowed));
        for path in ["/", "/proxies/", "/nothing", "/proxies/x/toxics/y/z", "/metrics"] {
            assert_eq!(route(Method::GET, path), Err(NoRoute::NotFound), "{path}");
        }
        // Decoded, it is one more part of the path.
        assert_eq!(route(Method::GET, "/proxies/a%2Fb"), Err(NoRoute::NotFound));
        let moved = NoRoute::Moved("/proxies/x".to_owned());
        assert_eq!(route(Method::GET, "//proxies/./y/../x"), Err(moved));
        assert_eq!(of(&Method::PUT, "/metrics", true), Ok(Route::Metrics));
    }
}
