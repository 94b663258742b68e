//! Clusters that were initialised once, and are copied for every server.
//!
//! `initdb` takes half a second of processor time, a copy some hundredths. A copy in the cache is
//! complete from the moment it has its name, because it is renamed into place; what it should hold
//! is written down beside it and checked with every use.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::fingerprint::{fingerprint, random_digits};
use super::initdb;
use super::layout::Layout;
use super::locate::Installation;
use super::lock::{Lock, Mode};
use super::privilege::Account;
use super::tree::{self, Extent};
use crate::postgres::error::PostgresError;
use crate::postgres::options::ServerOptions;

/// Raised when older copies must not be used any more.
const FORMAT: u32 = 1;

/// How long to wait for another process that initialises the same cluster. After that each does its
/// own.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a cluster is kept that no server is made from: its PostgreSQL or its settings are gone.
const KEPT_UNUSED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What is written down beside a cluster. When the file was changed last says when it was used last.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    extent: Extent,
    /// The first password of the superuser, which every server replaces.
    password: String,
}

/// A data directory that a server can be started on.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) password: String,
    /// Whether it is a copy from the cache, which may be at fault if the server does not start.
    pub(super) is_cached: bool,
    /// A new cluster that the cache is to keep; see [`Pending::install`].
    pub(super) pending: Option<Pending>,
}

/// A new cluster on its way to the cache. It keeps others from initialising the same.
#[derive(Debug)]
pub(super) struct Pending {
    template: PathBuf,
    place: Place,
    manifest: Manifest,
    _lock: Lock,
}

/// Where the cache keeps the cluster of one installation.
#[derive(Debug, Clone)]
pub(super) struct Place {
    directory: PathBuf,
    name: String,
}

impl Place {
    pub(super) fn new(cache: &Path, installation: &Installation, options: &ServerOptions) -> Self {
        let arguments = initdb::arguments(installation, options);
        let what = format!("{FORMAT} {} {arguments:?}", installation.identity);
        let name = format!("{}-{}", installation.version, fingerprint(&what));
        Self { directory: cache.join("clusters"), name }
    }

    fn path(&self) -> PathBuf {
        self.directory.join(&self.name)
    }

    /// Whether there is a cluster that no server was made from for long.
    fn is_unused(&self) -> bool {
        let manifest = fs::metadata(self.path().join("manifest"));
        let used = manifest.and_then(|manifest| manifest.modified()).ok();
        // A clock that was set back makes it used just now.
        used.and_then(|used| used.elapsed().ok()).is_some_and(|unused| unused > KEPT_UNUSED)
    }

    /// Makes sure that what is there is not used again.
    pub(super) fn discard(&self) -> Result<(), PostgresError> {
        // Renamed first, so that nobody ever sees a part of it.
        let condemned = self.directory.join(format!(".old-{}", random_digits(8)?));
        match fs::rename(self.path(), &condemned) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(PostgresError::file("rename", &self.path())(error)),
            Ok(()) => tree::remove(&condemned),
        }
    }

    /// Copies the cluster to `data`, and returns the password of its superuser. None if there is no
    /// complete one.
    fn copy_to(&self, data: &Path, account: Option<&Account>) -> Option<String> {
        let path = self.path().join("manifest");
        let manifest = fs::read(&path).ok()?;
        // Before the copy, so that nobody takes it for unused meanwhile. A cache that cannot be written
        // to keeps what it has.
        let used = fs::File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        drop(used);
        let copied = serde_json::from_slice(&manifest).ok().and_then(|manifest: Manifest| {
            let extent = tree::copy(&self.path().join("data"), data, account).ok()?;
            (extent == manifest.extent).then_some(manifest.password)
        });
        if copied.is_none() {
            // A failure to clean up shows itself when the next copy is made.
            tree::remove(data).ok();
        }
        copied
    }

    /// Keeps others from initialising this cluster. None when nothing can be kept here, or when
    /// another process takes too long.
    fn lock(&self) -> Option<Lock> {
        // The programs lie in the cache too, and another user has to reach them.
        let cache = self.directory.parent()?;
        DirBuilder::new().recursive(true).mode(0o755).create(cache).ok()?;
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory).ok()?;
        let path = self.directory.join(format!("{}.lock", self.name));
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(lock) = Lock::try_take_new(&path, Mode::Exclusive).ok()? {
                return Some(lock);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }
}

/// Removes the clusters from the cache that no server was made from for 30 days.
///
/// It may be done at any time and by any number of processes. A cluster is renamed before it is
/// removed, so that whoever copies it at that moment has no complete copy, and initialises its own.
///
/// # Errors
///
/// When the cache cannot be read, or something in it cannot be removed.
pub(super) fn prune(cache: &Path) -> Result<(), PostgresError> {
    let directory = cache.join("clusters");
    for name in super::layout::names_in(&directory)? {
        let place = Place { directory: directory.clone(), name };
        if place.name.starts_with('.') || !place.is_unused() {
            continue;
        }
        let path = directory.join(format!("{}.lock", place.name));
        let lock = Lock::try_take_new(&path, Mode::Exclusive);
        // Whoever has the lock is about to use it, and so may somebody have been until now.
        if let Some(_lock) = lock.map_err(PostgresError::file("lock", &path))? {
            if place.is_unused() {
                place.discard()?;
            }
            fs::remove_file(&path).map_err(PostgresError::file("remove", &path))?;
        }
    }
    Ok(())
}

/// Makes the data directory of a new server: a copy from the cache if there is one.
pub(super) fn prepare(
    layout: &Layout,
    installation: &Installation,
    account: Option<&Account>,
    place: Option<&Place>,
    options: &ServerOptions,
) -> Result<Prepared, PostgresError> {
    let data = layout.data();
    let copy = || {
        let password = place?.copy_to(&data, account)?;
        Some(Prepared { password, is_cached: true, pending: None })
    };
    if let Some(prepared) = copy() {
        return Ok(prepared);
    }
    let lock = place.and_then(Place::lock);
    // Whoever had the lock may just have made it.
    if let Some(prepared) = copy() {
        return Ok(prepared);
    }
    let password = random_digits(32)?;
    let (Some(lock), Some(place)) = (lock, place) else {
        initdb::initialise(installation, account, &data, &password, options)?;
        return Ok(Prepared { password, is_cached: false, pending: None });
    };
    place.discard()?;
    let template = layout.template();
    initdb::initialise(installation, account, &template, &password, options)?;
    let extent = tree::copy(&template, &data, account)?;
    let manifest = Manifest { extent, password: password.clone() };
    let pending = Pending { template, place: place.clone(), manifest, _lock: lock };
    Ok(Prepared { password, is_cached: false, pending: Some(pending) })
}

impl Pending {
    /// Copies the cluster to the cache. Done once the server runs, because nobody waits for it.
    ///
    /// # Errors
    ///
    /// When the cache cannot be written to; the next server then initialises its own.
    pub(super) fn install(self) -> Result<(), PostgresError> {
        let Self { template, place, manifest, .. } = &self;
        for abandoned in super::layout::names_in(&place.directory)? {
            // Left by a process that was killed. The lock says that none is at work on this one.
            let unfinished = abandoned.starts_with(&format!(".new-{}-", place.name));
            if unfinished || abandoned.starts_with(".old-") {
                tree::remove(&place.directory.join(abandoned))?;
            }
        }
        let digits = random_digits(8)?;
        let new = place.directory.join(format!(".new-{}-{digits}", place.name));
        DirBuilder::new().mode(0o700).create(&new).map_err(PostgresError::file("create", &new))?;
        let written = tree::copy(template, &new.join("data"), None).and_then(|_| {
            let text = serde_json::to_string(manifest)
                .map_err(|error| PostgresError::file("describe", &new)(error.into()))?;
            initdb::write_secret(&new.join("manifest"), &text)?;
            fs::rename(&new, place.path()).map_err(PostgresError::file("rename", &new))
        });
        if written.is_err() {
            tree::remove(&new)?;
        }
        tree::remove(template)?;
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cluster that was used so long ago.
    fn kept(cache: &Path, name: &str, ago: Duration) -> PathBuf {
        let path = cache.join("clusters").join(name);
        fs::create_dir_all(path.join("data")).unwrap();
        fs::write(path.join("data/PG_VERSION"), "15\n").unwrap();
        let extent = Extent::default();
        let manifest = Manifest { extent, password: "secret".to_owned() };
        fs::write(path.join("manifest"), serde_json::to_vec(&manifest).unwrap()).unwrap();
        let file = fs::File::open(path.join("manifest")).unwrap();
        file.set_modified(SystemTime::now() - ago).unwrap();
        path
    }

    #[test]
    fn what_nobody_used_for_a_month_is_removed_and_nothing_else() {
        let day = Duration::from_secs(24 * 60 * 60);
        let cache = tempfile::tempdir().unwrap();
        prune(cache.path()).unwrap();
        let old = kept(cache.path(), "14.1-0a", 31 * day);
        let recent = kept(cache.path(), "15.1-0b", 29 * day);
        let held = kept(cache.path(), "15.2-0c", 31 * day);
        let lock = cache.path().join("clusters/15.2-0c.lock");
        let lock = Lock::try_take_new(&lock, Mode::Exclusive).unwrap().unwrap();
        prune(cache.path()).unwrap();
        assert_eq!([&old, &recent, &held].map(|path| path.exists()), [false, true, true]);
        drop(lock);
        prune(cache.path()).unwrap();
        let clusters = cache.path().join("clusters");
        assert_eq!(super::super::layout::names_in(&clusters).unwrap(), ["15.1-0b"]);
    }

    #[test]
    fn what_is_used_again_is_kept_for_another_month() {
        let cache = tempfile::tempdir().unwrap();
        let old = kept(cache.path(), "15.1-0a", 2 * KEPT_UNUSED);
        let directory = cache.path().join("clusters");
        let place = Place { directory, name: "15.1-0a".to_owned() };
        // It is not complete, and whoever wanted to use it says so by that.
        assert_eq!(place.copy_to(&cache.path().join("data"), None), None);
        assert!(!place.is_unused());
        prune(cache.path()).unwrap();
        assert!(old.exists());
    }
}
