//! What a proxy does: where it listens, how it goes down and comes back.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use chaos_core::toxiproxy::Server;
use serde_json::{Value, json};

use crate::support::{Proxy, connect, echo, request, round_trip, server};

/// The end of a stream: nothing more, or an error.
fn end(stream: &mut TcpStream) -> io::Result<usize> {
    stream.read(&mut [0; 16])
}

#[test]
fn a_proxy_that_is_disabled_ends_its_connections_and_comes_back_at_the_same_port() {
    let server = server();
    let proxy = Proxy::create(server.address(), "db", echo());
    let mut open = proxy.connect();
    round_trip(&mut open, b"hello");
    proxy.poison("latency", "downstream", &json!({"latency": 60}));
    let disabled = proxy.request("POST", "", &json!({"enabled": false}));
    assert_eq!(disabled.json()["enabled"], false);
    // An orderly end, and nobody listens any longer.
    assert_eq!(end(&mut open).unwrap(), 0);
    let refused = TcpStream::connect(proxy.address).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    // Toxics can be added and changed meanwhile.
    proxy.poison("noop", "upstream", &json!({}));
    proxy.change("latency", &json!({"attributes": {"latency": 80}}));

    let enabled = proxy.request("PATCH", "", &json!({"enabled": true}));
    assert_eq!(enabled.json()["listen"], proxy.address.to_string());
    assert_eq!(enabled.json()["toxics"].as_array().map(Vec::len), Some(2));
    let began = std::time::Instant::now();
    round_trip(&mut proxy.connect(), b"hello again");
    assert!(began.elapsed().as_millis() >= 80, "the toxics act from the first connection on");
}

#[test]
fn reset_enables_all_proxies_and_removes_all_toxics() {
    let server = server();
    let one = Proxy::create(server.address(), "one", echo());
    let two = Proxy::create(server.address(), "two", echo());
    one.request("POST", "", &json!({"enabled": false}));
    two.poison("bandwidth", "upstream", &json!({}));
    two.poison("timeout", "downstream", &json!({}));
    let reset = request(server.address(), "POST", "/reset", "");
    assert_eq!((reset.status, &*reset.body), (204, ""));
    for proxy in [&one, &two] {
        assert_eq!(proxy.request("GET", "/toxics", &Value::Null).body, "[]");
        round_trip(&mut proxy.connect(), b"well again");
    }
}

#[test]
fn addresses_are_changed_and_only_a_change_ends_connections() {
    let server = server();
    let (old, new) =
        (echo(), crate::support::upstream(|mut stream| drop(stream.write_all(b"new"))));
    let proxy = Proxy::create(server.address(), "db", old);
    let mut open = proxy.connect();
    round_trip(&mut open, b"old");
    let same = format!("localhost:{}", proxy.address.port());
    proxy.request("PATCH", "", &json!({"listen": same, "upstream": old.to_string()}));
    round_trip(&mut open, b"still old");

    proxy.request("PATCH", "", &json!({"upstream": new.to_string()}));
    assert_eq!(end(&mut open).unwrap(), 0);
    let mut text = String::new();
    proxy.connect().read_to_string(&mut text).unwrap();
    assert_eq!(text, "new");

    let moved = proxy.request("PATCH", "", &json!({"listen": "127.0.0.1:0"})).json();
    let address: SocketAddr = moved["listen"].as_str().unwrap().parse().unwrap();
    assert_ne!(address, proxy.address);
    assert!(TcpStream::connect(proxy.address).is_err());
    assert!(TcpStream::connect(address).is_ok());
    // Where it cannot listen it is disabled, with the address that was asked for.
    let failed = proxy.request("PATCH", "", &json!({"listen": "203.0.113.1:80"}));
    assert_eq!(failed.status, 500, "{failed:?}");
    let shown = proxy.request("GET", "", &Value::Null).json();
    assert_eq!((&shown["enabled"], &shown["listen"]), (&json!(false), &json!("203.0.113.1:80")));
}

#[test]
fn all_addresses_and_host_names_can_be_listened_at() {
    let server = server();
    let port = echo().port();
    // An upstream by its name, too.
    for (name, listen) in [("a", None), ("b", Some("[::]:0")), ("c", Some("0.0.0.0:0"))] {
        let upstream = format!("localhost:{port}");
        let body = json!({"name": name, "listen": listen, "upstream": upstream});
        let answer = request(server.address(), "POST", "/proxies", &body.to_string());
        assert_eq!(answer.status, 201, "{answer:?}");
        let listen = answer.json()["listen"].as_str().unwrap().to_owned();
        let address: SocketAddr = listen.parse().unwrap();
        assert!(address.ip().is_unspecified() && address.port() > 0, "{listen}");
        for host in ["127.0.0.1", "[::1]"] {
            if host == "[::1]" && std::net::TcpListener::bind("[::1]:0").is_err() {
                eprintln!("skipped: this machine has no IPv6");
                continue;
            }
            let to = format!("{host}:{}", address.port()).parse().unwrap();
            round_trip(&mut connect(to), b"hello");
        }
    }
}

#[test]
fn an_upstream_that_is_gone_is_seen_as_an_error() {
    let server = server();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (name, upstream) in [("a", gone.to_string()), ("b", "no-such-host.invalid:1".to_owned())] {
        let body = json!({"name": name, "listen": "127.0.0.1:0", "upstream": upstream});
        let answer = request(server.address(), "POST", "/proxies", &body.to_string()).json();
        let mut stream = connect(answer["listen"].as_str().unwrap().parse().unwrap());
        assert_eq!(end(&mut stream).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_server_that_is_dropped_leaves_no_port_behind() {
    let server = server();
    let proxy = Proxy::create(server.address(), "db", echo());
    let mut open = proxy.connect();
    round_trip(&mut open, b"hello");
    let api = server.address();
    drop(server);
    assert_eq!(end(&mut open).unwrap(), 0);
    for address in [api, proxy.address] {
        let refused = TcpStream::connect(address).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }
}

#[test]
fn metrics_count_what_passed_under_the_names_of_the_original() {
    let server = Server::options().proxy_metrics().runtime_metrics().start("127.0.0.1:0").unwrap();
    let upstream = echo();
    let proxy = Proxy::create(server.address(), "db", upstream);
    proxy.poison("limit_data", "downstream", &json!({"bytes": 3}));
    for _ in 0..2 {
        let mut stream = proxy.connect();
        stream.write_all(b"hello").unwrap();
        let mut back = Vec::new();
        stream.read_to_end(&mut back).unwrap();
        assert_eq!(back, b"hel");
    }
    // They are counted when connections end, which the client may know first.
    let line = |metric: &str, direction: &str, bytes: u32| {
        format!(
            "toxiproxy_proxy_{metric}_bytes_total{{direction=\"{direction}\",listener=\"{}\",\
             proxy=\"db\",upstream=\"{upstream}\"}} {bytes}\n",
            proxy.address
        )
    };
    let expected = [
        line("received", "downstream", 10),
        line("received", "upstream", 10),
        line("sent", "downstream", 6),
        line("sent", "upstream", 10),
    ];
    let mut answer = request(server.address(), "GET", "/metrics", "");
    let until = std::time::Instant::now() + crate::support::PATIENCE;
    while !expected.iter().all(|line| answer.body.contains(line)) {
        assert!(std::time::Instant::now() < until, "{expected:?} not in {}", answer.body);
        std::thread::yield_now();
        answer = request(server.address(), "GET", "/metrics", "");
    }
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(answer.body.contains("# TYPE toxiproxy_proxy_received_bytes_total counter\n"));
    if cfg!(target_os = "linux") {
        assert!(answer.body.contains("\nprocess_open_fds "), "{}", answer.body);
    }
}
