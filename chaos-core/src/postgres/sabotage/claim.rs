//! Things of which only one fault at a time can have hold.
//!
//! The server itself keeps locks apart. A setting or a limit is simply overwritten, and two faults
//! would put back each other's values.

use parking_lot::Mutex;

use super::session::Saboteur;
use crate::sabotage::SabotageError;

/// What faults of this process have hold of, and the label of the fault. Every database belongs to
/// one process.
static CLAIMED: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// Something that a fault has hold of until this is dropped.
#[derive(Debug)]
pub(super) struct Claimed {
    what: String,
}

impl Saboteur {
    /// Takes hold of `what` in this database, unless another fault has.
    pub(super) fn claim(&self, what: &str) -> Result<Claimed, SabotageError> {
        let what = format!("{} {what}", self.pg.database());
        let mut claimed = CLAIMED.lock();
        if let Some((_, other)) = claimed.iter().find(|(claimed, _)| *claimed == what) {
            let (fault, other) = (self.fault().to_owned(), format!("`{other}`"));
            return Err(SabotageError::Conflict { fault, other });
        }
        claimed.push((what.clone(), self.fault().to_owned()));
        Ok(Claimed { what })
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        CLAIMED.lock().retain(|(claimed, _)| *claimed != self.what);
    }
}
