//! Databases that stay when their test has failed, for a person to look at: `CHAOS_KEEP=1`.
//!
//! While a test runs nobody knows how it will end, and it may drop what it holds, or be killed,
//! before that is known. So every database is held back until the test is said to have passed.

use std::fs;
use std::sync::Arc;

use parking_lot::Mutex;

use super::base;
use super::claim::Note;
use super::job::State;
use super::layout::{Layout, names_in};
use super::{Database, PostgresError};
use crate::postgres::KeptDatabase;
use crate::postgres::directory::flag;

static HELD: Mutex<Vec<Arc<Database>>> = Mutex::new(Vec::new());

/// Whether databases are to be held back.
pub(super) fn is_asked() -> Result<bool, PostgresError> {
    flag("CHAOS_KEEP")
}

/// Holds a database back.
pub(super) fn hold(database: &Arc<Database>) {
    HELD.lock().push(Arc::clone(database));
}

/// Gives up what was held back.
pub(in crate::postgres) fn release() {
    let released = std::mem::take(&mut *HELD.lock());
    for database in &released {
        let file = database.server.layout().taken().join(database.name());
        // Its owner gives it up by living on, so the note must not keep it any more.
        fs::write(&file, "").ok();
    }
}

/// What this process holds back.
pub(in crate::postgres) fn held() -> Vec<KeptDatabase> {
    let held = HELD.lock();
    let databases = held.iter();
    databases
        .map(|database| {
            described(database.server.layout(), database.server.state(), database.name())
        })
        .collect()
}

/// What a process held back that has ended.
pub(in crate::postgres) fn left_by(process: u32) -> Result<Vec<KeptDatabase>, PostgresError> {
    let base = base::base()?;
    let mut left = Vec::new();
    for id in names_in(&base)?.iter().filter(|name| !name.ends_with(".lock")) {
        let layout = Layout::new(&base, id);
        let state = fs::read(layout.state()).ok();
        let Some(state) = state.and_then(|text| serde_json::from_slice::<State>(&text).ok()) else {
            continue;
        };
        // The supervisor moves them from one to the other, in this order.
        for directory in [layout.taken(), layout.kept()] {
            for name in names_in(&directory)? {
                let note = Note::read(&directory.join(&name));
                if note.is_some_and(|note| note.process == process && note.keep) {
                    left.push(described(&layout, &state, &name));
                }
            }
        }
    }
    left.dedup_by(|one, other| one.url == other.url);
    Ok(left)
}

fn described(layout: &Layout, state: &State, name: &str) -> KeptDatabase {
    let dispose = match state.is_given {
        true => format!("DROP DATABASE {name} WITH (FORCE)"),
        false => format!("rm -r {}", layout.kept().display()),
    };
    KeptDatabase { url: state.endpoint.url_direct(name), dispose }
}
