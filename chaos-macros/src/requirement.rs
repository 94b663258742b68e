//! What a test may require of the machine. This is the one list; the harness has a probe for each.

/// The names that `requires(..)` knows.
pub(crate) const KNOWN: [&str; 4] = [
    // The process runs as the superuser.
    "root",
    // The binaries of PostgreSQL, or the address of a server.
    "postgres",
    // The binary of a Redis server.
    "redis",
    // Network namespaces of one's own, for faults on real packets.
    "packet_faults",
];
