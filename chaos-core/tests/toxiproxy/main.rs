//! Toxiproxy's HTTP API over our links, byte by byte and by its published clients, and our faults
//! injected into a server that speaks it.

mod api;
mod program;
mod proxies;
mod published;
mod remote;
mod support;
mod toxics;
