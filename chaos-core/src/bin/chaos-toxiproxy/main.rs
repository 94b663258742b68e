//! `chaos-toxiproxy`: a server that speaks Toxiproxy's HTTP API, with the same flags.
//!
//! It runs until it is interrupted. `LOG_LEVEL` says how much it tells of itself.

use std::path::Path;
use std::process::ExitCode;

use chaos_core::seed::Seed;
use chaos_core::toxiproxy::{LogLevel, Server};

mod flags;

use self::flags::{Asked, Flags, USAGE};

/// The exit code of a command line that is not understood.
const MISUSED: u8 = 2;

fn main() -> ExitCode {
    let flags = match flags::parse(std::env::args().skip(1)) {
        Ok(Asked::Serve(flags)) => flags,
        Ok(Asked::Version) => {
            let ours = env!("CARGO_PKG_VERSION");
            println!("toxiproxy-server version {} (chaos-toxiproxy {ours})", Server::API_VERSION);
            return ExitCode::SUCCESS;
        }
        Ok(Asked::Help) => {
            eprint!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(misuse) => {
            eprint!("{misuse}\n{USAGE}");
            return ExitCode::from(MISUSED);
        }
    };
    match serve(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn serve(flags: &Flags) -> Result<(), Box<dyn std::error::Error>> {
    let level: LogLevel = std::env::var("LOG_LEVEL").unwrap_or_default().parse()?;
    let seed = flags.seed.map_or_else(Seed::random, Seed);
    let mut options = Server::options().seed(seed).log(level, print);
    if flags.proxy_metrics {
        options = options.proxy_metrics();
    }
    if flags.runtime_metrics {
        options = options.runtime_metrics();
    }
    // Before the server can be seen: a client that finds it finds its proxies.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stop = {
        let _entered = runtime.enter();
        Interrupts::new()?
    };
    let address = if flags.host.contains(':') && !flags.host.starts_with('[') {
        format!("[{}]:{}", flags.host, flags.port)
    } else {
        format!("{}:{}", flags.host, flags.port)
    };
    let config = flags.config.as_deref().map(Path::new);
    let server = options.start_with(&address, config)?;
    let (input_ended, ended) = tokio::sync::oneshot::channel::<()>();
    if flags.end_with_stdin {
        std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
            let _ended = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            drop(input_ended);
        })?;
        runtime.block_on(async {
            tokio::select! {
                () = stop.wait() => {}
                _ = ended => {}
            }
        });
    } else {
        runtime.block_on(stop.wait());
    }
    drop(server);
    Ok(())
}

/// Prints a line of the log. Nobody may read it any longer.
fn print(line: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _unread = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// What ends the program.
#[cfg(unix)]
struct Interrupts {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Interrupts {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { interrupt, terminate })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Elsewhere the system ends the program by itself.
#[cfg(not(unix))]
struct Interrupts;

#[cfg(not(unix))]
impl Interrupts {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn wait(self) {
        std::future::pending().await
    }
}
