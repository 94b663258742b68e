//! Several files of a history become one that says the same, or more.
//!
//! What is replaced is never appended to again: it is not the newest file, and everybody who chose it
//! when it was has finished. The compact file is complete when it gets its name, and only then are the
//! files removed that it replaces. A process that is killed in between leaves attempts in both, and
//! their ids tell. So no line is lost, and nothing has to be put right.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;

use super::step::{Step, reached};
use super::{LineReader, Name, Progress, Segments, read_file};

impl Segments {
    /// Replaces all files but the last two by one that says the same. `lines` makes the lines of that
    /// one from what `reader` has read. Does nothing, and says so, while another process does it or
    /// others append without a pause.
    pub(in crate::test_history) fn compact<R: LineReader, L: Serialize>(
        &self,
        mut reader: R,
        lines: impl FnOnce(R) -> Vec<L>,
    ) -> io::Result<bool> {
        let Some(_lock) = self.locks.try_to_replace()? else { return Ok(false) };
        let names = self.names()?;
        let replaced = &names[..names.len().saturating_sub(2)];
        let has_lines = replaced.iter().any(|name| matches!(name, Name::Lines(_)));
        let Some(highest) = replaced.iter().map(|name| name.number()).max().filter(|_| has_lines)
        else {
            return Ok(false);
        };
        // Who has chosen one of these files has seen no newer one, so it began before they were listed.
        if !self.locks.all_have_finished()? {
            return Ok(false);
        }
        reached(Step::Frozen);
        self.read_all(replaced, &mut reader)?;
        reached(Step::Read);
        self.write(&lines(reader))?;
        let Some(_alone) = self.locks.try_alone()? else { return Ok(false) };
        self.publish(highest, replaced)?;
        Ok(true)
    }

    /// Adds lines of other histories. `lines` makes the lines of a compact file from what `reader` has
    /// read of them and of the compact file that is there. Waits while another process does the same.
    pub(in crate::test_history) fn merge<R: LineReader, L: Serialize>(
        &self,
        others: &[Segments],
        mut reader: R,
        lines: impl FnOnce(R) -> Vec<L>,
    ) -> io::Result<()> {
        let _lock = self.locks.to_replace()?;
        for other in others {
            other.read_news(&mut reader)?;
        }
        let mut replaced = self.names()?;
        replaced.retain(|name| matches!(name, Name::Compact(_)));
        let highest = replaced.last().map_or(0, |name| name.number());
        self.read_all(&replaced, &mut reader)?;
        reached(Step::Read);
        self.write(&lines(reader))?;
        let _alone = self.locks.alone()?;
        self.publish(highest, &replaced)
    }

    fn read_all(&self, names: &[Name], reader: &mut impl LineReader) -> io::Result<()> {
        for name in names {
            let path = self.directory.join(name.file());
            read_file(&File::open(&path)?, &path, &mut Progress::default(), reader, true)?;
        }
        Ok(())
    }

    /// Writes a compact file that has no name yet.
    fn write<L: Serialize>(&self, lines: &[L]) -> io::Result<()> {
        let mut file = io::BufWriter::new(File::create(self.nameless())?);
        for line in lines {
            serde_json::to_writer(&mut file, line)?;
            file.write_all(b"\n")?;
            reached(Step::Writing);
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()?;
        reached(Step::Written);
        Ok(())
    }

    /// Gives the compact file its name, and removes what it replaces.
    fn publish(&self, number: u64, replaced: &[Name]) -> io::Result<()> {
        fs::rename(self.nameless(), self.directory.join(Name::Compact(number).file()))?;
        reached(Step::Named);
        // It may have the name of one that it replaces.
        for name in replaced.iter().filter(|name| **name != Name::Compact(number)) {
            fs::remove_file(self.directory.join(name.file()))?;
            reached(Step::Removed);
        }
        Ok(())
    }

    fn nameless(&self) -> PathBuf {
        self.directory.join("compact.tmp")
    }
}
