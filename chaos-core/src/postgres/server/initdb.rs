//! Initialising a cluster, and the settings of every server.

use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::locate::Installation;
use super::privilege::Account;
use super::subprocess;
use crate::postgres::error::PostgresError;
use crate::postgres::options::ServerOptions;

/// The superuser of every server.
pub(super) const SUPERUSER: &str = "postgres";

/// How long initialising may take; it needs half a second of an idle processor.
const LIMIT: Duration = Duration::from_secs(90);

/// The first version that can be told how much work it is to check a password.
const CHEAP_SCRAM: u16 = 16;

/// How many connections a server takes. Many tests share one server, each with a pool or two. A slot
/// that is not used costs some kilobytes.
pub(super) const MAX_CONNECTIONS: usize = 400;

/// The first version that has checksums unless it is told otherwise.
const CHECKSUMS: u16 = 18;

/// What every server is set to, beside what depends on its version and place.
///
/// The files of a server never survive it, and the processor is shared with the tests.
const SETTINGS: &str = "
# What is written survives the death of any process without it; only the machine must not crash.
fsync = off
# Unlike these two, without which a killed server would lose what it acknowledged, or tear pages.
synchronous_commit = on
full_page_writes = on
shared_buffers = 16MB
# The default would leave files in /dev/shm when a server is killed.
dynamic_shared_memory_type = mmap
max_prepared_transactions = 10
wal_level = replica
min_wal_size = 8MB
max_wal_size = 128MB
unix_socket_permissions = 0700
logging_collector = off
log_destination = stderr
# What each line is about can be told in whatever language the rest of it is.
log_line_prefix = '%m [%p %b] %e %d '
timezone = 'UTC'
log_timezone = 'UTC'
";

/// Who may connect how. A link leads from a TCP port, which every user of the machine can reach, to
/// the socket, so that the mode of the socket's directory protects nothing: a password does. It is
/// sent as it is, because nobody can listen, and the longer conversation of SCRAM would multiply
/// the latency that is injected into it.
const ACCESS: &str = "
local all         all                password
host  all         all 127.0.0.1/32   password
host  all         all ::1/128        password
local replication all                password
host  replication all 127.0.0.1/32   password
";

/// A command with this account's powers and nothing of our environment that could change what it
/// does.
pub(super) fn command(
    installation: &Installation,
    program: &str,
    account: Option<&Account>,
) -> Command {
    let mut command = Command::new(installation.programs.join(program));
    command.env_clear().env("LC_ALL", "C").current_dir("/");
    // Programs that were unpacked somewhere may find their libraries by these only.
    for variable in ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(variable) {
            command.env(variable, value);
        }
    }
    if let Some(account) = account {
        account.run(&mut command);
    }
    command
}

/// What `initdb` is told beside where, and with which password.
pub(super) fn arguments(installation: &Installation, options: &ServerOptions) -> Vec<String> {
    let mut arguments: Vec<String> =
        ["-U", SUPERUSER, "-E", "UTF8", "--locale=C", "--no-sync", "--wal-segsize=1"]
            .map(str::to_owned)
            .to_vec();
    let major = installation.version.major;
    match options.has_checksums() {
        true => arguments.push("-k".to_owned()),
        false if major >= CHECKSUMS => arguments.push("--no-data-checksums".to_owned()),
        false => {}
    }
    if major >= 14 {
        arguments.push("--no-instructions".to_owned());
    }
    if major >= CHEAP_SCRAM {
        arguments.extend(["-A", "scram-sha-256", "-c", "scram_iterations=1"].map(str::to_owned));
    } else {
        arguments.extend(["-A", "md5"].map(str::to_owned));
    }
    arguments
}

/// Initialises a cluster in `directory`, which is created, with this password of the superuser.
pub(super) fn initialise(
    installation: &Installation,
    account: Option<&Account>,
    directory: &Path,
    password: &str,
    options: &ServerOptions,
) -> Result<(), PostgresError> {
    let password_file = directory.with_extension("password");
    write_secret(&password_file, password)?;
    fs::create_dir(directory).map_err(PostgresError::file("create", directory))?;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
        .map_err(PostgresError::file("set the mode of", directory))?;
    if let Some(account) = account {
        account.own(&password_file)?;
        account.own(directory)?;
    }
    let mut command = command(installation, "initdb", account);
    command.arg("-D").arg(directory).args(arguments(installation, options));
    command.arg(format!("--pwfile={}", password_file.display()));
    let result = subprocess::output_of(&mut command, LIMIT);
    fs::remove_file(&password_file).map_err(PostgresError::file("remove", &password_file))?;
    result.map(drop).map_err(|error| advised(error, installation, account))
}

/// Adds what to do when the programs lie where the unprivileged user cannot reach them.
pub(super) fn advised(
    error: PostgresError,
    installation: &Installation,
    account: Option<&Account>,
) -> PostgresError {
    match (&error, account) {
        (PostgresError::Io { source, .. }, Some(account))
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            PostgresError::Program {
                program: installation.programs.display().to_string(),
                problem: format!(
                    "cannot be run by user `{}`, to which root steps down; install PostgreSQL \
                     where every user can read it, and name that directory in CHAOS_PG_BIN ({})",
                    account.name,
                    error.with_sources()
                ),
            }
        }
        _ => error,
    }
}

/// Writes the settings of the server that is to run on the cluster in `data`.
pub(super) fn configure(
    data: &Path,
    installation: &Installation,
    socket_directory: &Path,
    cluster_name: &str,
    options: &ServerOptions,
) -> Result<(), PostgresError> {
    let directory = socket_directory.to_string_lossy().replace('\'', "''").replace('"', "\"\"");
    let encryption = match installation.version.major {
        // The cheapest check that each version knows.
        CHEAP_SCRAM.. => "password_encryption = scram-sha-256\nscram_iterations = 1",
        _ => "password_encryption = md5",
    };
    // Settings stand in the file, not on the command line, so that a test can alter them.
    let path = data.join("postgresql.conf");
    let initial = fs::read_to_string(&path).map_err(PostgresError::file("read", &path))?;
    let settings = format!(
        "{initial}\n{SETTINGS}max_connections = {MAX_CONNECTIONS}\n{encryption}\n\
         listen_addresses = '127.0.0.1'\nunix_socket_directories = '\"{directory}\"'\n\
         cluster_name = '{cluster_name}'\n{}",
        options.lines()
    );
    fs::write(&path, settings).map_err(PostgresError::file("write", &path))?;
    let path = data.join("pg_hba.conf");
    fs::write(&path, ACCESS).map_err(PostgresError::file("write", &path))
}

/// Everything that decides what a server is like, apart from its programs.
pub(super) fn settings() -> String {
    format!("{SETTINGS}{MAX_CONNECTIONS}{ACCESS}")
}

/// Writes a file that only its owner can read.
pub(super) fn write_secret(path: &Path, text: &str) -> Result<(), PostgresError> {
    use std::io::Write;
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(PostgresError::file("write", path))
}
