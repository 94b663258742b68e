//! Clients that know nothing of links: what they make of faults, and what links make of them.

mod postgres_tls;
mod sqlx_client;
mod tls;

chaos_harness::main!();
