//! A client that speaks HTTP by hand, and upstreams.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use chaos_core::toxiproxy::Server;
use serde_json::{Value, json};

/// How long anything may take that is not measured.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server in this process.
pub(crate) fn server() -> Server {
    Server::options().start("127.0.0.1:0").unwrap()
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &'_ str| line.to_lowercase().starts_with(&format!("{name}: "));
        let line = self.head.lines().find(|line| named(line))?;
        line.split_once(": ").map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Sends a request and reads the answer, byte by byte.
pub(crate) fn request(server: SocketAddr, method: &str, path: &str, body: &str) -> Answer {
    request_as(server, "test", method, path, body)
}

/// The same with this `User-Agent`.
pub(crate) fn request_as(
    server: SocketAddr,
    agent: &str,
    method: &str,
    path: &str,
    body: &str,
) -> Answer {
    let length = body.len();
    raw(
        server,
        &format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: {agent}\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        ),
    )
}

/// Sends these bytes and reads until the end.
pub(crate) fn raw(server: SocketAddr, bytes: &str) -> Answer {
    let mut stream = connect(server);
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// Connects, with all reading and writing limited.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// An upstream that serves each connection on a thread, as long as the process lives.
pub(crate) fn upstream(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// An upstream that sends back whatever comes.
pub(crate) fn echo() -> SocketAddr {
    upstream(|mut stream| {
        let mut buffer = [0; 64 << 10];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            if stream.write_all(&buffer[..length]).is_err() {
                return;
            }
        }
    })
}

/// An upstream that takes everything and says at the end how much it was.
pub(crate) fn count() -> SocketAddr {
    upstream(|mut stream| {
        let taken = std::io::copy(&mut stream, &mut std::io::sink()).unwrap_or(0);
        let _gone = stream.write_all(taken.to_string().as_bytes());
    })
}

/// A proxy of a server.
pub(crate) struct Proxy {
    server: SocketAddr,
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
}

impl Proxy {
    pub(crate) fn create(server: SocketAddr, name: &str, upstream: SocketAddr) -> Self {
        let body = json!({"name": name, "listen": "127.0.0.1:0", "upstream": upstream});
        let answer = request(server, "POST", "/proxies", &body.to_string());
        assert_eq!(answer.status, 201, "{answer:?}");
        let address = answer.json()["listen"].as_str().unwrap().parse().unwrap();
        Self { server, name: name.to_owned(), address }
    }

    pub(crate) fn request(&self, method: &str, path: &str, body: &Value) -> Answer {
        let path = format!("/proxies/{}{path}", self.name);
        request(self.server, method, &path, &body.to_string())
    }

    /// Adds a toxic of this type, with this name.
    pub(crate) fn poison(&self, kind: &str, stream: &str, attributes: &Value) {
        let body = json!({
            "name": kind, "type": kind, "stream": stream, "attributes": attributes,
        });
        let answer = self.request("POST", "/toxics", &body);
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    pub(crate) fn change(&self, toxic: &str, body: &Value) {
        let answer = self.request("PATCH", &format!("/toxics/{toxic}"), body);
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    pub(crate) fn cure(&self, toxic: &str) {
        let answer = self.request("DELETE", &format!("/toxics/{toxic}"), &Value::Null);
        assert_eq!((answer.status, &*answer.body), (204, ""));
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.address)
    }
}

/// Sends bytes and reads as many back.
pub(crate) fn round_trip(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
    let mut back = vec![0; bytes.len()];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, bytes);
}

/// The program, which ends with this.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) log: Vec<Value>,
}

impl Program {
    /// Starts the program with a free port and these flags, and reads its log until it listens.
    pub(crate) fn start(flags: &[&str]) -> Self {
        let mut child = command()
            .args(["-port", "0", "-host", "127.0.0.1", "-end-with-stdin"])
            .args(flags)
            // It ends with this process, however that ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut log = Vec::new();
        let address = loop {
            let line = lines.next().expect("the program listens before it ends").unwrap();
            let line: Value = serde_json::from_str(&line).unwrap();
            log.push(line.clone());
            if line["message"] == "Starting Toxiproxy HTTP server" {
                break line["address"].as_str().unwrap().parse().unwrap();
            }
        };
        // What it prints later has to go somewhere.
        thread::spawn(move || lines.for_each(drop));
        Self { child, address, log }
    }

    #[cfg(unix)]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Closes its standard input, as the end of this process would.
    pub(crate) fn close_input(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> std::process::ExitStatus {
        let input = self.child.stdin.take();
        // Waiting closes the input of a child.
        let ended = loop {
            if let Some(ended) = self.child.try_wait().unwrap() {
                break ended;
            }
            thread::yield_now();
        };
        drop(input);
        ended
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The program.
pub(crate) fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_chaos-toxiproxy"))
}
