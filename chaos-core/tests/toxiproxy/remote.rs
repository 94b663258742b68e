//! Our faults, injected into servers that speak Toxiproxy's API: our own, in another process, and
//! some that are none.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use chaos_core::Chaos;
use chaos_core::error::Error;
use chaos_core::event::EventKind;
use chaos_core::journal::Journal;
use chaos_core::prelude::*;
use chaos_core::seed::Seed;
use chaos_core::toxiproxy::{ToxiproxyError, ToxiproxyFleet};
use serde_json::{Value, json};

use crate::support::{PATIENCE, Program, Proxy, echo, request, round_trip, upstream};

fn chaos() -> (Chaos, Journal) {
    let journal = Journal::in_memory();
    (Chaos::new(Seed(7), journal.clone()), journal)
}

/// A server in another process, and a proxy of it.
fn program() -> (Program, Proxy) {
    let program = Program::start(&[]);
    let proxy = Proxy::create(program.address, "db", echo());
    (program, proxy)
}

fn toxics(proxy: &Proxy) -> Vec<Value> {
    proxy.request("GET", "/toxics", &Value::Null).json().as_array().unwrap().clone()
}

fn time(stream: &mut TcpStream) -> Duration {
    let began = Instant::now();
    round_trip(stream, b"x");
    began.elapsed()
}

/// The error of Toxiproxy in an error of the library.
fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> ToxiproxyError {
    match result {
        Err(Error::Toxiproxy(error)) => error,
        other => panic!("no error of Toxiproxy: {other:?}"),
    }
}

#[tokio::test]
async fn a_fault_is_a_toxic_until_its_guard_is_cleared_or_dropped() {
    let (program, proxy) = program();
    let (cx, journal) = chaos();
    let toxiproxy = cx.toxiproxy(&program.address.to_string()).unwrap();
    assert_eq!(toxiproxy.version().await.unwrap(), "2.12.0");
    let mut stream = proxy.connect();
    round_trip(&mut stream, b"hello");

    let slow = toxiproxy.proxy("db").sabotage(latency(60.ms()..=100.ms())).await.unwrap();
    assert!(time(&mut stream) >= Duration::from_millis(120));
    let seen = toxics(&proxy);
    assert_eq!(seen[0]["attributes"], json!({"latency": 80, "jitter": 20}));
    assert_eq!(
        (&seen[0]["stream"], &seen[1]["stream"]),
        (&json!("upstream"), &json!("downstream"))
    );
    slow.clear().await.unwrap();
    assert_eq!(toxics(&proxy), [Value::Null; 0]);

    let held = toxiproxy.proxy("db").sabotage(stall().on(50.percent()).downstream()).await.unwrap();
    assert_eq!(toxics(&proxy)[0]["toxicity"], 0.5);
    drop(held);
    assert!(cx.scope().await_undone(PATIENCE));
    assert_eq!(toxics(&proxy), [Value::Null; 0]);

    let names = journal.events().into_iter().filter_map(|event| match event.what {
        EventKind::FaultStarted { target, label, .. } => Some(format!("{label} on {target}")),
        _ => None,
    });
    let names: Vec<_> = names.collect();
    assert_eq!(names[0], format!("latency 60ms–100ms ↕ on db at {}", program.address));
    // Nobody can know whether they touched something, so that does not fail a test.
    assert!(cx.scope().faults().iter().all(|record| record.vacuity().is_none()));
}

#[tokio::test]
async fn a_cut_takes_the_proxy_down_and_back() {
    let (program, proxy) = program();
    let (cx, _) = chaos();
    let db = cx.toxiproxy(&program.address.to_string()).unwrap().proxy("db");
    let mut stream = proxy.connect();
    round_trip(&mut stream, b"hello");
    let while_down = async {
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
        let refused = TcpStream::connect(proxy.address).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let twice = refusal(db.sabotage(cut()).await);
        assert!(matches!(twice, ToxiproxyError::AlreadyDown { .. }), "{twice}");
    };
    db.sabotage(cut()).during(while_down).await.unwrap();
    round_trip(&mut proxy.connect(), b"hello again");
}

#[tokio::test]
async fn a_fault_ends_with_a_panic_and_with_a_future_that_is_given_up() {
    let (program, proxy) = program();
    let (cx, _) = chaos();
    let db = cx.toxiproxy(&program.address.to_string()).unwrap().proxy("db");
    let panicking = tokio::spawn({
        let db = db.clone();
        async move {
            let _held = db.sabotage(reset()).await.unwrap();
            panic!("on purpose");
        }
    });
    assert!(panicking.await.unwrap_err().is_panic());
    let forever = db.sabotage(black_hole()).during(std::future::pending::<()>());
    let given_up = tokio::time::timeout(Duration::from_millis(300), forever).await;
    assert!(given_up.is_err());
    assert!(cx.scope().await_undone(PATIENCE));
    // A server that was asked at the very last moment undoes it a moment later.
    let until = Instant::now() + PATIENCE;
    while !toxics(&proxy).is_empty() {
        assert!(Instant::now() < until, "{:?}", toxics(&proxy));
    }
    round_trip(&mut proxy.connect(), b"well again");
}

#[tokio::test]
async fn every_kind_that_has_a_toxic_acts() {
    let (program, proxy) = program();
    let (cx, _) = chaos();
    let toxiproxy = cx.toxiproxy(&program.address.to_string()).unwrap();
    let db = toxiproxy.proxy("db");

    let lost = db.sabotage(black_hole().downstream()).await.unwrap();
    let mut stream = proxy.connect();
    stream.write_all(b"lost").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(stream.read(&mut [0; 8]).is_err());
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    lost.clear().await.unwrap();
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);

    let mut stream = proxy.connect();
    round_trip(&mut stream, b"hello");
    let _reset = db.sabotage(reset()).await.unwrap();
    stream.write_all(b"hello?").unwrap();
    let error = stream.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    // What `/reset` removed needs no removing.
    toxiproxy.reset().await.unwrap();
    _reset.clear().await.unwrap();

    let _limited = db.sabotage(limit(3).downstream()).await.unwrap();
    let mut stream = proxy.connect();
    stream.write_all(b"hello").unwrap();
    let mut torn = Vec::new();
    stream.read_to_end(&mut torn).unwrap();
    assert_eq!(torn, b"hel");
}

#[tokio::test]
async fn a_fleet_breaks_on_all_machines_or_on_none() {
    let ((one, first), (two, second)) = (program(), program());
    let (cx, _) = chaos();
    let at = |address: SocketAddr| cx.toxiproxy(&address.to_string()).unwrap();
    let fleet = ToxiproxyFleet::of([at(one.address), at(two.address)]);
    let gone = fleet.proxy("db").sabotage(stall()).await.unwrap();
    assert_eq!((toxics(&first).len(), toxics(&second).len()), (2, 2));
    gone.clear().await.unwrap();
    assert_eq!((toxics(&first).len(), toxics(&second).len()), (0, 0));

    second.request("DELETE", "", &Value::Null);
    let error = refusal(fleet.proxy("db").sabotage(stall()).await);
    let ToxiproxyError::Fleet { of: 2, failed } = &error else { panic!("{error:?}") };
    assert!(matches!(&failed[..], [ToxiproxyError::UnknownProxy { .. }]), "{error}");
    assert!(error.to_string().starts_with("1 of 2 servers of Toxiproxy failed: "), "{error}");
    assert_eq!(toxics(&first), [Value::Null; 0], "what was done is undone");
}

#[tokio::test]
async fn a_schedule_holds_faults_of_a_proxy() {
    let (program, proxy) = program();
    let (cx, journal) = chaos();
    let db = cx.toxiproxy(&program.address.to_string()).unwrap().proxy("db");
    let plan = Schedule::new().calm(50.ms()).hold(300.ms(), &db, latency(40.ms())).calm(50.ms());
    assert!(plan.to_string().contains("latency 40ms ↕ on db at "), "{plan}");
    let address = proxy.address;
    let operation = async move |_: Client| {
        tokio::task::spawn_blocking(move || {
            let mut stream = crate::support::connect(address);
            round_trip(&mut stream, b"x");
        })
        .await
        .map_err(io::Error::other)
    };
    let run = cx.run(plan, 2, operation).await.unwrap();
    run.recovers_within(30.secs()).unwrap();
    assert_eq!(toxics(&proxy), [Value::Null; 0]);
    let events = journal.events();
    assert!(events.iter().any(|event| matches!(event.what, EventKind::FaultEnded { .. })));
}

#[tokio::test]
async fn what_goes_wrong_is_told_apart() {
    let (program, proxy) = program();
    let (cx, _) = chaos();
    let toxiproxy = cx.toxiproxy(&program.address.to_string()).unwrap();

    // Before anything is asked of a server.
    let unsupported = refusal(toxiproxy.proxy("db").sabotage(corrupt(5.percent())).await);
    let sentence = unsupported.to_string();
    assert!(
        sentence.starts_with("Toxiproxy cannot do `corrupt 5 % of the chunks ↕`: "),
        "{sentence}"
    );
    assert_eq!(toxics(&proxy), [Value::Null; 0]);

    let unknown = refusal(toxiproxy.proxy("cache").sabotage(stall()).await);
    let expected =
        format!("the Toxiproxy at {} has no proxy `cache`; it has `db`", program.address);
    assert_eq!(unknown.to_string(), expected);
    for fault in [Fault::from(cut()), stall().into()] {
        let unknown = refusal(toxiproxy.proxy("cache").sabotage(fault).await);
        assert!(matches!(unknown, ToxiproxyError::UnknownProxy { .. }), "{unknown}");
    }

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = cx.toxiproxy(&nobody.to_string()).unwrap();
    let unreachable = refusal(gone.proxy("db").sabotage(stall()).await);
    assert!(matches!(unreachable, ToxiproxyError::Unreachable { .. }), "{unreachable}");
    assert!(gone.reset().await.is_err());

    let invalid = cx.toxiproxy("localhost").unwrap_err().to_string();
    assert!(invalid.contains("write a host and a port"), "{invalid}");
}

#[tokio::test]
async fn what_is_no_toxiproxy_is_named_as_such() {
    for (answer, expected) in [
        ("hello\r\n\r\n", "is no Toxiproxy"),
        ("", "is no Toxiproxy"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", "breaks off"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "no JSON"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "names no version"),
        (
            "HTTP/1.1 500 Oops\r\nContent-Length: 18\r\n\r\n{\"error\":\"broken\"}",
            "refused with status 500: broken",
        ),
        (
            "HTTP/1.1 403 No\r\nContent-Length: 8\r\n\r\ngo away\n",
            "refused with status 403: go away",
        ),
    ] {
        let server = upstream(move |mut stream| {
            let _request = stream.read(&mut [0; 4096]);
            let _gone = stream.write_all(answer.as_bytes());
        });
        let (cx, _) = chaos();
        let error = cx.toxiproxy(&server.to_string()).unwrap().version().await.unwrap_err();
        let sentence = chaos_core::error::with_sources(&error);
        assert!(sentence.contains(expected), "{answer:?}: {sentence}");
        assert!(!matches!(error, ToxiproxyError::Unreachable { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_gone_before_a_fault_ends_is_told_of() {
    let (program, _proxy) = program();
    let (cx, journal) = chaos();
    let db = cx.toxiproxy(&program.address.to_string()).unwrap().proxy("db");
    let (cleared, dropped) =
        (db.sabotage(stall()).await.unwrap(), db.sabotage(black_hole()).await.unwrap());
    drop(program);
    let error = refusal(cleared.clear().await);
    assert!(matches!(error, ToxiproxyError::Unreachable { .. }), "{error}");
    drop(dropped);
    assert!(cx.scope().await_undone(PATIENCE));
    let told = |event: &chaos_core::event::Event| match &event.what {
        EventKind::Note { message } => {
            message.contains("could not be undone: cannot reach the Tox")
        }
        _ => false,
    };
    assert!(journal.events().iter().any(told));
}

#[tokio::test]
async fn a_proxy_of_any_name_is_found() {
    let program = Program::start(&[]);
    let (cx, _) = chaos();
    let toxiproxy = cx.toxiproxy(&program.address.to_string()).unwrap();
    for name in ["a b?", "käse & brot", "100%", "#1"] {
        let body = json!({"name": name, "listen": "127.0.0.1:0", "upstream": echo()});
        assert_eq!(request(program.address, "POST", "/proxies", &body.to_string()).status, 201);
        toxiproxy.proxy(name).sabotage(stall()).await.unwrap().clear().await.unwrap();
    }
}
