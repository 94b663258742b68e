//! Descriptors that run out.
//!
//! The link is in a process of its own, which may open only so many: this binary, started again. Its
//! clients and the service are here, and have all they need.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use chaos_core::event::EventKind;
use chaos_core::journal::Journal;
use chaos_core::link::Upstream;
use chaos_core::prelude::*;
use chaos_core::scope::Scope;
use chaos_core::seed::Seed;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Where the service is; the test that serves a link does nothing without.
const SERVICE: &str = "LINK_LEAKS_SERVICE";
/// How many descriptors the link may open.
const SPARE: &str = "LINK_LEAKS_SPARE";

/// A connection takes one descriptor towards the client and one towards the service.
const CONNECTIONS: usize = 6;

#[test]
fn connections_beyond_the_last_descriptor_wait_and_are_served_when_there_are_some_again() {
    let _alone = crate::alone();
    let mut link = Served::with_descriptors(2 * CONNECTIONS);
    let mut clients = link.fill();
    // The kernel completes it, and the link cannot accept it.
    let mut waiting = link.connect();
    waiting.write_all(b"ping").unwrap();
    waiting.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let silence = waiting.read(&mut [0; 4]).unwrap_err().kind();
    assert!(matches!(silence, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{silence:?}");

    let spent: f64 = link.ask("cpu").parse().unwrap();
    assert!(spent < 0.5, "{spent} of the time of a busy thread was spent on accepting in vain");
    let notes = link.ask("notes");
    assert!(notes.contains("failed to accept a connection: Too many open files"), "{notes}");
    // Said once, however often it is tried.
    assert_eq!(notes.matches("failed to accept").count(), 1, "{notes}");
    let refused = link.ask("stream");
    assert!(refused.contains("Too many open files"), "{refused}");
    // The others are well.
    clients.iter_mut().for_each(round_trip);

    drop(clients.pop());
    waiting.set_read_timeout(Some(crate::PATIENCE)).unwrap();
    waiting.read_exact(&mut [0; 4]).unwrap();
    drop(clients);
    drop(waiting);
    drop(link.fill());
}

#[test]
fn a_connection_that_lacks_the_descriptor_to_the_service_is_reset_and_the_journal_says_why() {
    let _alone = crate::alone();
    let mut link = Served::with_descriptors(2 * CONNECTIONS + 1);
    let mut clients = link.fill();
    for _ in 0..3 {
        let mut refused = link.connect();
        // The reset may come while this is written.
        let ended = refused.write_all(b"ping").and_then(|()| refused.read_exact(&mut [0; 4]));
        let kind = ended.unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{kind:?}");
    }
    let notes = link.ask("notes");
    assert!(notes.contains("failed to reach") && notes.contains("Too many open files"), "{notes}");
    let spent: f64 = link.ask("cpu").parse().unwrap();
    assert!(spent < 0.5, "{spent} of the time of a busy thread was spent");
    clients.iter_mut().for_each(round_trip);
    drop(clients);
    drop(link.fill());
}

fn round_trip(stream: &mut TcpStream) {
    stream.write_all(b"ping").unwrap();
    stream.read_exact(&mut [0; 4]).unwrap();
}

/// A link in a process of its own.
struct Served {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Served {
    fn with_descriptors(spare: usize) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "exhausted::serve_a_link", "--nocapture"])
            .env(SERVICE, echo().to_string())
            .env(SPARE, spare.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let questions = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        let address = ([127, 0, 0, 1], 0).into();
        let mut served = Self { process, questions, answers, address };
        served.address = served.answer().parse().unwrap();
        served
    }

    /// The next line that is an answer; the test runner says other things as well.
    fn answer(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.answers.read_line(&mut line).unwrap() > 0, "the process has ended");
            if let Some((_, answer)) = line.split_once("answer: ") {
                return answer.trim_end().to_owned();
            }
        }
    }

    fn ask(&mut self, question: &str) -> String {
        writeln!(self.questions, "{question}").unwrap();
        self.answer()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(crate::PATIENCE)).unwrap();
        stream
    }

    /// As many connections as there can be, all of which work.
    fn fill(&self) -> Vec<TcpStream> {
        let connect = |_| {
            // Those that were there before may not be gone yet.
            for _ in 0..1_000 {
                let mut stream = self.connect();
                let sent = stream.write_all(b"ping");
                if sent.and_then(|()| stream.read_exact(&mut [0; 4])).is_ok() {
                    return stream;
                }
                thread::sleep(Duration::from_millis(10));
            }
            panic!("no descriptor came back")
        };
        (0..CONNECTIONS).map(connect).collect()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _status = self.process.wait();
    }
}

fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut buffer = [0; 64];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..count]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Lets this process open only so many more descriptors.
fn allow_only(spare: usize) {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let open: Vec<u64> = entries
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap())
        .collect();
    // That of the directory itself is closed by now.
    let is_open =
        |number: &u64| std::path::Path::new(&format!("/proc/self/fd/{number}")).is_symlink();
    let open: Vec<_> = open.into_iter().filter(is_open).collect();
    // The limit is one for the number of a descriptor, and there may be gaps.
    let first_beyond = (0..).filter(|number| !open.contains(number)).nth(spare);
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: first_beyond, ..limit }).unwrap();
}

/// How much time the processor spends on this process, as a share of what it spends meanwhile on a
/// thread that never rests: on a busy machine nobody gets much of it.
fn share_of_a_busy_thread() -> f64 {
    let spent = |clock| {
        let time = clock_gettime(clock);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let before = spent(ClockId::ProcessCPUTime);
    let busy = thread::spawn(move || {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(1) {}
        spent(ClockId::ThreadCPUTime)
    });
    let busy = busy.join().unwrap();
    (spent(ClockId::ProcessCPUTime) - before - busy) / busy
}

/// Not a test of its own: the process that the others start.
#[test]
fn serve_a_link() {
    let Ok(service) = std::env::var(SERVICE) else { return };
    let spare: usize = std::env::var(SPARE).unwrap().parse().unwrap();
    let scope = Scope::new(Seed(1), Journal::in_memory());
    let link = Link::tcp(&scope, "service", Upstream::Tcp(service.parse().unwrap())).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    allow_only(spare);
    println!("\nanswer: {}", link.address());
    for question in std::io::stdin().lines() {
        match question.unwrap().as_str() {
            "cpu" => {
                println!("answer: {}", share_of_a_busy_thread());
            }
            "notes" => {
                let events = scope.journal().events().into_iter();
                let notes = events.filter_map(|event| match event.what {
                    EventKind::Note { message } => Some(message),
                    _ => None,
                });
                println!("answer: {}", notes.collect::<Vec<_>>().join(" · "));
            }
            "stream" => println!("answer: {:?}", runtime.block_on(link.connect()).unwrap_err()),
            other => panic!("what is {other}?"),
        }
    }
}
