//! Damage to pages and files of a table or an index.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Damage, Damaged, Place, refused};
use crate::error::Error;
use crate::link::Target;
use crate::postgres::error::PostgresError;
use crate::postgres::{PostgresServer, StopMode};
use crate::scope::FaultRecord;

/// The size of a page.
const PAGE: usize = 8192;

/// How many bytes are inverted.
const FLIPPED: usize = 4;

/// Where a relation is.
struct Relation {
    /// Below the data directory.
    path: PathBuf,
    is_index: bool,
}

impl PostgresServer {
    /// Damages the file of a relation while the server is down.
    pub(super) async fn damage_pages(
        &self,
        mut damage: Damage,
        record: &Arc<FaultRecord>,
    ) -> Result<Damaged, Error> {
        let relation = self.relation(&damage).await?;
        // In order, so that everything is in the file, and the log has nothing to repair it with.
        self.stop(StopMode::Fast).await?;
        let file = self.data_directory().join(&relation.path);
        let pages = number_of_pages(&file)?;
        self.choose_page(&mut damage, &relation, pages)?;
        let (offset, length) = match &mut damage {
            Damage::ZeroPage { page: Some(page), .. } => {
                let offset = u64::from(*page) * PAGE as u64;
                overwrite(&file, offset, &[0; PAGE])?;
                (offset, PAGE as u64)
            }
            Damage::FlipBytes { page: Some(page), offset, .. } => {
                let mut bytes = read_page(&file, *page)?;
                let start = match offset {
                    Some(offset) => usize::from(*offset),
                    None => self.offset_in_data(&bytes, *page),
                };
                let Some(flipped) = bytes.get_mut(start..start + FLIPPED) else {
                    return Err(refused(&damage, "a page has 8192 bytes").into());
                };
                flipped.iter_mut().for_each(|byte| *byte = !*byte);
                *offset = u16::try_from(start).ok();
                let place = u64::from(*page) * PAGE as u64 + start as u64;
                overwrite(&file, place, flipped)?;
                (place, FLIPPED as u64)
            }
            Damage::ForgeXmin { page: Some(page), .. } => {
                let page = *page;
                let bytes = read_page(&file, page)?;
                let Some(tuple) = first_tuple(&bytes) else {
                    return Err(refused(&damage, "there is no row in that page").into());
                };
                // The transaction that wrote a row comes first.
                let place = u64::from(page) * PAGE as u64 + tuple as u64;
                overwrite(&file, place, &[0xff; 4])?;
                (place, 4)
            }
            Damage::TruncateFile { pages: left, .. } => {
                let (whole, left) = (pages * PAGE as u64, u64::from(*left) * PAGE as u64);
                if left >= whole {
                    return Err(refused(&damage, format!("it has {pages} pages")).into());
                }
                let opened = File::options().write(true).open(&file);
                opened
                    .and_then(|opened| opened.set_len(left))
                    .map_err(PostgresError::file("truncate", &file))?;
                (left, whole - left)
            }
            Damage::RemoveFile { .. } => {
                fs::remove_file(&file).map_err(PostgresError::file("remove", &file))?;
                (0, pages * PAGE as u64)
            }
            _ => return Err(refused(&damage, "it is no damage to a page").into()),
        };
        record.touch(offset / PAGE as u64, 1);
        let place = Place::File { path: relation.path, offset, length };
        Ok(Damaged { damage, place })
    }

    async fn relation(&self, damage: &Damage) -> Result<Relation, Error> {
        let (Damage::ZeroPage { relation, .. }
        | Damage::FlipBytes { relation, .. }
        | Damage::ForgeXmin { relation, .. }
        | Damage::TruncateFile { relation, .. }
        | Damage::RemoveFile { relation }) = damage
        else {
            return Err(refused(damage, "it is no damage to a relation").into());
        };
        let admin = self.postgres.admin().await?;
        let place = "SELECT pg_relation_filepath(oid), relkind = 'i' FROM pg_class \
                     WHERE oid = to_regclass($1)";
        let action = || format!("find the file of {relation}");
        let row = admin.query_opt(place, &[relation]).await;
        let row = row.map_err(PostgresError::sql(action()))?;
        let path: Option<String> = row.as_ref().and_then(|row| row.get(0));
        let (Some(row), Some(path)) = (row, path) else {
            let reason = "there is no such table or index in the database of the test";
            return Err(refused(damage, reason).into());
        };
        Ok(Relation { path: path.into(), is_index: row.get(1) })
    }

    /// Chooses a page where the damage names none.
    fn choose_page(
        &self,
        damage: &mut Damage,
        relation: &Relation,
        pages: u64,
    ) -> Result<(), PostgresError> {
        let label = damage.to_string();
        let (Damage::ZeroPage { page, .. }
        | Damage::FlipBytes { page, .. }
        | Damage::ForgeXmin { page, .. }) = damage
        else {
            return Ok(());
        };
        // Without the first page of an index nothing of it can be read.
        let first = u64::from(relation.is_index);
        if pages <= first {
            return Err(refused(damage, "its file has no page with data"));
        }
        let seed = self.postgres.link().scope().seed();
        let chosen = || first + seed.named(&label).draws().below(pages - first);
        let number = page.map_or_else(chosen, u64::from);
        if number >= pages {
            return Err(refused(damage, format!("it has {pages} pages")));
        }
        *page = u32::try_from(number).ok();
        Ok(())
    }

    /// A place in the data of a page, and not in its free space.
    fn offset_in_data(&self, page: &[u8], number: u32) -> usize {
        let (upper, special) = (half_word(page, 14), half_word(page, 16));
        let (from, to) = if upper < special { (upper, special) } else { (24, PAGE) };
        let room = u64::try_from((to - from).saturating_sub(FLIPPED)).unwrap_or(0);
        let seed = self.postgres.link().scope().seed().named(&format!("offset in page {number}"));
        let drawn = usize::try_from(seed.draws().below(room.max(1))).unwrap_or(0);
        // A row begins with a header of 23 bytes, in which not every bit means something.
        from + drawn
    }
}

fn number_of_pages(file: &Path) -> Result<u64, PostgresError> {
    let length = fs::metadata(file).map_err(PostgresError::file("look at", file))?.len();
    Ok(length / PAGE as u64)
}

fn read_page(file: &Path, page: u32) -> Result<Vec<u8>, PostgresError> {
    let mut bytes = vec![0; PAGE];
    File::open(file)
        .and_then(|mut opened| {
            opened.seek(SeekFrom::Start(u64::from(page) * PAGE as u64))?;
            opened.read_exact(&mut bytes)
        })
        .map_err(PostgresError::file("read", file))?;
    Ok(bytes)
}

/// Writes over a part of a file.
pub(super) fn overwrite(file: &Path, offset: u64, bytes: &[u8]) -> Result<(), PostgresError> {
    let opened = File::options().write(true).open(file);
    opened
        .and_then(|mut opened| {
            opened.seek(SeekFrom::Start(offset))?;
            opened.write_all(bytes)
        })
        .map_err(PostgresError::file("write", file))
}

/// A number of two bytes in a page, as the machine writes it.
fn half_word(page: &[u8], at: usize) -> usize {
    usize::from(u16::from_ne_bytes([page[at], page[at + 1]]))
}

/// Where the first row of a page begins. The layout is that of `ItemIdData`: 15 bits of offset, 2
/// bits of state, of which 1 is a row, 15 bits of length.
fn first_tuple(page: &[u8]) -> Option<usize> {
    let pointers = page.get(24..half_word(page, 12))?.chunks_exact(4);
    pointers
        .map(|bytes| u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        .find(|pointer| pointer >> 15 & 3 == 1)
        .and_then(|pointer| usize::try_from(pointer & 0x7fff).ok())
}
