//! The program `chaos-toxiproxy`: its flags, its log and its end.

use std::io::Write;
use std::process::Output;

use serde_json::json;

use crate::support::{Program, command, echo, request, round_trip};

fn run(flags: &[&str]) -> Output {
    command().args(flags).output().unwrap()
}

#[test]
fn it_tells_its_version_and_what_it_does_not_understand() {
    let version = run(&["-version"]);
    let text = String::from_utf8(version.stdout).unwrap();
    assert!(text.starts_with("toxiproxy-server version 2.12.0 (chaos-toxiproxy "), "{text}");
    assert!(version.status.success());
    let wrong = run(&["-colour", "red"]);
    let text = String::from_utf8(wrong.stderr).unwrap();
    assert!(text.starts_with("flag provided but not defined: -colour\nUsage of"), "{text}");
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn an_address_that_is_taken_ends_it_with_a_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let failed = run(&["-host", "127.0.0.1", "-port", &port]);
    let text = String::from_utf8(failed.stderr).unwrap();
    assert_eq!(failed.status.code(), Some(1));
    let expected = format!("error: cannot listen at `127.0.0.1:{port}` for Toxiproxy's API: ");
    assert!(text.starts_with(&expected), "{text}");
}

#[test]
fn it_starts_with_the_proxies_of_its_configuration() {
    let upstream = echo();
    let mut config = tempfile::NamedTempFile::new().unwrap();
    let proxies = json!([{"name": "db", "listen": "127.0.0.1:0", "upstream": upstream}]);
    config.write_all(proxies.to_string().as_bytes()).unwrap();
    let path = config.path().to_str().unwrap();
    let program = Program::start(&["-config", path, "-seed", "5", "-proxy-metrics"]);
    let populated = json!("Populated proxies from file");
    assert!(program.log.iter().any(|line| line["message"] == populated), "{:?}", program.log);
    assert_eq!(program.log.last().unwrap()["seed"], "5");
    let proxy = request(program.address, "GET", "/proxies/db", "").json();
    let address = proxy["listen"].as_str().unwrap().parse().unwrap();
    round_trip(&mut crate::support::connect(address), b"hello");
    assert_eq!(request(program.address, "GET", "/metrics", "").status, 200);
    // What cannot be used is told, and the server is there all the same, as the original is.
    let program = Program::start(&["-config", "/nowhere/at/all.json"]);
    let line = &program.log[0];
    assert_eq!(
        (&line["level"], &line["config"]),
        (&json!("error"), &json!("/nowhere/at/all.json"))
    );
    assert_eq!(request(program.address, "GET", "/version", "").status, 200);
}

#[test]
fn it_listens_where_the_original_does() {
    let address = |host: &str| Program::start(&["-host", host]).address;
    assert!(address("localhost").ip().is_loopback() && address("localhost").is_ipv4());
    assert!(address("0.0.0.0").ip().is_unspecified());
    let wrong = run(&["-host", "no-such-host.invalid"]);
    let text = String::from_utf8(wrong.stderr).unwrap();
    assert!(text.contains("lookup no-such-host.invalid: no such host"), "{text}");
}

#[test]
fn it_ends_with_whoever_started_it() {
    let mut program = Program::start(&[]);
    program.close_input();
    assert!(program.wait().success());
    assert!(std::net::TcpStream::connect(program.address).is_err());
}

#[test]
#[cfg(unix)]
fn it_ends_in_order_when_it_is_asked_to() {
    use rustix::process::{Pid, Signal, kill_process};
    for signal in [Signal::INT, Signal::TERM] {
        let mut program = Program::start(&[]);
        let id = i32::try_from(program.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(id, signal).unwrap();
        assert!(program.wait().success());
    }
}
