//! Every route: status, headers and body, byte by byte as the original has them.

use std::io::Write;

use serde_json::json;

use crate::support::{Answer, Proxy, connect, echo, raw, request, request_as, server};

fn error(status: u16, message: &str) -> (u16, String) {
    (status, format!("{}\n", json!({"error": message, "status": status})))
}

fn seen(answer: Answer) -> (u16, String) {
    (answer.status, answer.body)
}

#[test]
fn the_version_is_the_one_whose_api_it_is() {
    let server = server();
    let answer = request(server.address(), "GET", "/version", "");
    assert_eq!((answer.status, &*answer.body), (200, "{\"version\": \"2.12.0\"}\n"));
    assert_eq!(answer.header("content-type"), Some("application/json;charset=utf-8"));
    assert_eq!(answer.header("x-toxiproxy-request-id").map(str::len), Some(20));
    assert_eq!(answer.header("content-length"), Some("22"));
}

#[test]
fn a_proxy_is_created_shown_listed_changed_and_deleted() {
    let (server, upstream) = (server(), echo());
    let server = server.address();
    assert_eq!(seen(request(server, "GET", "/proxies", "")), (200, "{}".to_owned()));

    let body = format!(r#"{{"name":"db","listen":"localhost:0","upstream":"{upstream}"}}"#);
    let created = request(server, "POST", "/proxies", &body);
    let listen = created.json()["listen"].as_str().unwrap().to_owned();
    assert!(listen.starts_with("127.0.0.1:") && !listen.ends_with(":0"), "{listen}");
    let expected = format!(
        r#"{{"name":"db","listen":"{listen}","upstream":"{upstream}","enabled":true,"Logger":{{}},"toxics":[]}}"#
    );
    assert_eq!((created.status, &created.body), (201, &expected));
    assert_eq!(created.header("content-type"), Some("application/json"));

    assert_eq!(seen(request(server, "GET", "/proxies/db", "")), (200, expected.clone()));
    let listed = format!(r#"{{"db":{expected}}}"#);
    assert_eq!(seen(request(server, "GET", "/proxies", "")), (200, listed));

    // With POST as well as with PATCH, and whatever is left out stays.
    for (method, enabled) in [("POST", false), ("PATCH", true)] {
        let body = format!(r#"{{"enabled":{enabled},"name":"ignored","color":"red"}}"#);
        let expected = expected.replace("true", &enabled.to_string());
        assert_eq!(seen(request(server, method, "/proxies/db", &body)), (200, expected));
    }

    let deleted = request(server, "DELETE", "/proxies/db", "");
    assert_eq!((deleted.status, &*deleted.body), (204, ""));
    assert_eq!(deleted.header("content-type"), None);
    assert_eq!(seen(request(server, "GET", "/proxies/db", "")), error(404, "proxy not found"));
    assert_eq!(seen(request(server, "DELETE", "/proxies/db", "")), error(404, "proxy not found"));
}

#[test]
fn errors_are_the_originals() {
    let (server, upstream) = (server(), echo());
    let proxy = Proxy::create(server.address(), "db", upstream);
    let server = server.address();
    let taken = format!(r#"{{"name":"x","listen":"{}","upstream":"y:1"}}"#, proxy.address);
    let in_use = format!("listen tcp {}: bind: address already in use", proxy.address);
    for (method, path, body, expected) in [
        ("POST", "/proxies", "", error(400, "bad request body: EOF")),
        ("POST", "/proxies", "{", error(400, "bad request body: unexpected EOF")),
        (
            "POST",
            "/proxies",
            "hello",
            error(400, "bad request body: invalid character 'h' looking for beginning of value"),
        ),
        (
            "POST",
            "/proxies",
            "[]",
            error(
                400,
                "bad request body: json: cannot unmarshal array into Go value of type toxiproxy.Proxy",
            ),
        ),
        ("POST", "/proxies", "{}", error(400, "missing required field: name")),
        ("POST", "/proxies", "null", error(400, "missing required field: name")),
        ("POST", "/proxies", r#"{"name":"x"}"#, error(400, "missing required field: upstream")),
        (
            "POST",
            "/proxies",
            r#"{"name":"db","upstream":"y:1"}"#,
            error(409, "proxy already exists"),
        ),
        ("POST", "/proxies", &taken, error(500, &in_use)),
        (
            "POST",
            "/proxies",
            r#"{"name":"x","listen":"nonsense","upstream":"y:1"}"#,
            error(500, "listen tcp: address nonsense: missing port in address"),
        ),
        ("GET", "/proxies/no", "", error(404, "proxy not found")),
        ("POST", "/proxies/no", "garbage", error(404, "proxy not found")),
        ("PATCH", "/proxies/db", "", error(400, "bad request body: EOF")),
        ("GET", "/proxies/no/toxics", "", error(404, "proxy not found")),
        ("POST", "/proxies/no/toxics", "", error(404, "proxy not found")),
        ("POST", "/proxies/db/toxics", "", error(400, "bad request body: EOF")),
        ("POST", "/proxies/db/toxics", "{}", error(400, "invalid toxic type")),
        ("POST", "/proxies/db/toxics", r#"{"type":"x"}"#, error(400, "invalid toxic type")),
        (
            "POST",
            "/proxies/db/toxics",
            r#"{"type":"latency","stream":"both"}"#,
            error(400, "stream was invalid, can be either upstream or downstream"),
        ),
        ("GET", "/proxies/db/toxics/no", "", error(404, "toxic not found")),
        ("POST", "/proxies/db/toxics/no", "{}", error(404, "toxic not found")),
        ("PATCH", "/proxies/db/toxics/no", "{}", error(404, "toxic not found")),
        ("DELETE", "/proxies/db/toxics/no", "", error(404, "toxic not found")),
        ("GET", "/nothing", "", (404, "404 page not found\n".to_owned())),
        ("GET", "/proxies/", "", (404, "404 page not found\n".to_owned())),
        ("GET", "/metrics", "", (404, "404 page not found\n".to_owned())),
        ("GET", "/reset", "", (405, String::new())),
        ("PUT", "/proxies", "", (405, String::new())),
    ] {
        let answer = request(server, method, path, body);
        let is_text = answer.header("content-type") == Some("text/plain; charset=utf-8");
        assert!(is_text || answer.status == 405, "{answer:?}");
        assert_eq!(seen(answer), expected, "{method} {path} {body}");
    }
    // Nothing of it has changed anything.
    let names = request(server, "GET", "/proxies", "").json();
    assert_eq!(names.as_object().unwrap().keys().collect::<Vec<_>>(), ["db"]);
    assert_eq!(names["db"]["enabled"], true);
}

#[test]
fn toxics_are_as_lax_as_the_originals() {
    let (server, upstream) = (server(), echo());
    let proxy = Proxy::create(server.address(), "db", upstream);
    let (server, path) = (server.address(), "/proxies/db/toxics");
    let written = |attributes: &str, name: &str, kind: &str, stream: &str, toxicity: &str| {
        format!(
            r#"{{"attributes":{attributes},"name":"{name}","type":"{kind}","stream":"{stream}","toxicity":{toxicity}}}"#
        )
    };
    let latency =
        written(r#"{"latency":0,"jitter":0}"#, "latency_downstream", "latency", "downstream", "1");
    // 200, and not 201.
    assert_eq!(
        seen(request(server, "POST", path, r#"{"type":"latency"}"#)),
        (200, latency.clone())
    );
    let again = request(server, "POST", path, r#"{"type":"latency"}"#);
    assert_eq!(seen(again), error(409, "toxic already exists"));

    let odd = r#"{"name":"odd","type":"slicer","stream":"UPSTREAM","toxicity":-3.5,
        "attributes":{"average_size":-1,"delay":7,"unheard":"of"}} and more"#;
    let slicer = r#"{"average_size":-1,"size_variation":0,"delay":7}"#;
    let odd_written = written(slicer, "odd", "slicer", "UPSTREAM", "-3.5");
    assert_eq!(seen(request(server, "POST", path, odd)), (200, odd_written.clone()));

    // Those of the upstream come first.
    let both = format!("[{odd_written},{latency}]");
    assert_eq!(seen(request(server, "GET", path, "")), (200, both.clone()));
    let shown = request(server, "GET", "/proxies/db", "").body;
    assert!(shown.ends_with(&format!(r#""toxics":{both}}}"#)), "{shown}");

    // An update merges, and does not know of names and streams.
    let update = r#"{"name":"new","stream":"downstream","toxicity":0.2,"attributes":{"delay":8}}"#;
    let expected = written(&slicer.replace('7', "8"), "odd", "slicer", "UPSTREAM", "0.2");
    for method in ["POST", "PATCH"] {
        let updated = request(server, method, "/proxies/db/toxics/odd", update);
        assert_eq!(seen(updated), (200, expected.clone()));
    }
    assert_eq!(seen(request(server, "GET", "/proxies/db/toxics/odd", "")), (200, expected));
    let wrong = r#"{"attributes":{"delay":"soon"}}"#;
    let refused = request(server, "PATCH", "/proxies/db/toxics/odd", wrong);
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("json: cannot unmarshal string into Go struct field"));

    proxy.cure("odd");
    for (kind, attributes) in [
        ("noop", "{}"),
        ("bandwidth", r#"{"rate":0}"#),
        ("slow_close", r#"{"delay":0}"#),
        ("timeout", r#"{"timeout":0}"#),
        ("reset_peer", r#"{"timeout":0}"#),
        ("slicer", r#"{"average_size":0,"size_variation":0,"delay":0}"#),
        ("limit_data", r#"{"bytes":0}"#),
    ] {
        let answer = request(server, "POST", path, &format!(r#"{{"type":"{kind}"}}"#));
        let name = format!("{kind}_downstream");
        assert_eq!(seen(answer), (200, written(attributes, &name, kind, "downstream", "1")));
    }
    let escaped = request(server, "POST", path, r#"{"type":"noop","name":"a<b>&c"}"#);
    assert!(escaped.body.contains(r#""name":"a\u003cb\u003e\u0026c""#), "{escaped:?}");
}

#[test]
fn populate_creates_replaces_and_leaves_alone() {
    let (server, upstream) = (server(), echo());
    let server = server.address();
    let populate = |body: String| request(server, "POST", "/populate", &body);
    let one = |name: &str, listen: &str| {
        format!(r#"{{"name":"{name}","listen":"{listen}","upstream":"{upstream}"}}"#)
    };
    let created = populate(format!("[{},{}]", one("a", "localhost:0"), one("b", "localhost:0")));
    assert_eq!(created.status, 201);
    assert_eq!(created.header("content-type"), Some("application/json"));
    let proxies = created.json()["proxies"].clone();
    let listen = |index: usize| proxies[index]["listen"].as_str().unwrap().to_owned();
    assert_eq!((&proxies[0]["name"], &proxies[1]["name"]), (&json!("a"), &json!("b")));

    // The same addresses, however they are written: the connections go on, and so do the toxics.
    let mut open = connect(listen(0).parse().unwrap());
    request(server, "POST", "/proxies/a/toxics", r#"{"type":"noop"}"#);
    let same = populate(format!("[{}]", one("a", &listen(0).replace("127.0.0.1", "localhost"))));
    assert_eq!(same.json()["proxies"][0]["toxics"][0]["type"], "noop");
    crate::support::round_trip(&mut open, b"still open");
    // Another address: a proxy in its place.
    let other = populate(format!("[{}]", one("a", "localhost:0")));
    assert_eq!(other.json()["proxies"][0]["toxics"], json!([]));
    assert!(std::net::TcpStream::connect(listen(0)).is_err());
    let disabled = format!(
        r#"[{{"name":"c","listen":"localhost:1","upstream":"{upstream}","enabled":false}}]"#
    );
    let disabled = populate(disabled).json();
    assert_eq!(disabled["proxies"][0]["enabled"], false);
    assert_eq!(disabled["proxies"][0]["listen"], "localhost:1");

    // All of it is looked at before anything is done; what fails later leaves what was done before.
    let missing = populate(format!("[{},{{}}]", one("d", "localhost:0")));
    let expected =
        r#"{"error":"missing required field: name at proxy 2","status":400,"proxies":null}"#;
    assert_eq!((missing.status, &*missing.body), (400, expected));
    assert_eq!(missing.header("content-type"), Some("application/json"));
    assert_eq!(request(server, "GET", "/proxies/d", "").status, 404);
    let failed = populate(format!("[{},{}]", one("e", "localhost:0"), one("f", &listen(1))));
    let in_use = format!("listen tcp {}: bind: address already in use", listen(1));
    assert_eq!((failed.status, &failed.json()["error"]), (500, &json!(in_use)));
    assert_eq!(failed.json()["proxies"].as_array().map(Vec::len), Some(1));
    assert_eq!(request(server, "GET", "/proxies/e", "").status, 200);
    assert_eq!(seen(populate("[]".to_owned())), (201, r#"{"proxies":null}"#.to_owned()));
    assert_eq!(populate("{}".to_owned()).status, 400);
}

#[test]
fn browsers_are_turned_away_and_garbage_harms_nobody() {
    let server = server();
    let server = server.address();
    let browser = request_as(server, "Mozilla/5.0 (X11)", "POST", "/reset", "");
    assert_eq!((browser.status, &*browser.body), (403, "User agent not allowed\n"));
    assert_eq!(browser.header("content-type"), Some("text/plain; charset=utf-8"));
    let moved = request(server, "GET", "//proxies/../version", "");
    assert_eq!((moved.status, moved.header("location")), (301, Some("/version")));

    for garbage in ["\r\n\r\n", "GET\r\n\r\n", "\u{0}\u{1}", "GET / HTTP/9.9\r\n\r\n"] {
        let mut stream = connect(server);
        stream.write_all(garbage.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let _answer = std::io::copy(&mut stream, &mut std::io::sink());
    }
    // A body that ends too early.
    let mut stream = connect(server);
    stream.write_all(b"POST /proxies HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{").unwrap();
    drop(stream);
    let long = "[".repeat(100_000);
    for path in ["/proxies", "/populate"] {
        assert_eq!(request(server, "POST", path, &long).status, 400);
    }
    let chunked = "POST /proxies HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                   Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    assert_eq!(seen(raw(server, chunked)), error(400, "missing required field: name"));
    assert_eq!(request(server, "GET", "/version", "").status, 200);
}
