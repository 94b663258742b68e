//! What a test may ask of the machine: `#[chaos_test(requires(root, redis,
//! packet_faults))]`.
//!
//! A test whose demands are not met is skipped, with the reason; it never fails because of them.

use std::path::Path;

use chaos_core::packets;

/// Why the first of these capabilities that is missing is missing.
pub(crate) fn missing(required: &[&str]) -> Option<String> {
    required.iter().find_map(|capability| {
        let reason = lack(capability)?;
        Some(format!("not available here: {capability} ({reason})"))
    })
}

fn lack(capability: &str) -> Option<String> {
    match capability {
        "root" if is_root() => None,
        "root" => Some("the tests do not run as root".to_owned()),
        "redis" => missing_program("redis-server"),
        "packet_faults" => packets::probe().err().map(|error| error.reason().to_owned()),
        _ => Some("this version knows only `root`, `redis` and `packet_faults`".to_owned()),
    }
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

fn missing_program(name: &str) -> Option<String> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|d| d.join(&file)).any(|path| is_program(&path));
    (!found).then(|| format!("there is no `{name}` on the PATH"))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_reason() {
        assert_eq!(missing(&[]), None);
        let reason = missing(&["teleportation"]).unwrap();
        assert!(reason.contains("teleportation") && reason.contains("`redis`"), "{reason}");
        if let Some(reason) = missing(&["packet_faults"]) {
            assert!(reason.starts_with("not available here: packet_faults ("), "{reason}");
        }
        #[cfg(unix)]
        assert_eq!(missing_program("sh"), None);
        let reason = missing_program("no-such-server").unwrap();
        assert!(reason.contains("no-such-server"), "{reason}");
    }
}
