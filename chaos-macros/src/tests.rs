//! The whole of the attribute: what it says of mistakes and what it expands to, beside files that
//! can be read in a review. `UPDATE_SNAPSHOTS=1 cargo test -p chaos-macros` writes them anew.

mod expansions;
mod messages;
mod snapshot;
mod source;
