//! Puts an unpacked PostgreSQL into the cache of the library, all of it or nothing.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::postgres::installation::{Installation, try_out};

/// A directory in the cache where an installation is made ready. It goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Workbench {
    /// Where installations are published, `postgres` in the cache.
    shelf: PathBuf,
    directory: PathBuf,
}

impl Workbench {
    /// Makes the directory in the cache of the library.
    pub(crate) fn set_up() -> Result<Self, Error> {
        Self::set_up_in(&chaos_core::postgres::cache_directory()?)
    }

    fn set_up_in(cache: &Path) -> Result<Self, Error> {
        let shelf = cache.join("postgres");
        create_open_to_read(&shelf)?;
        let directory = shelf.join(format!(".new-{}", std::process::id()));
        // What a killed process of the same number left behind.
        remove(&directory)?;
        fs::create_dir(&directory).map_err(Error::file("create", &directory))?;
        Ok(Self { shelf, directory })
    }

    /// The directory to work in.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The one file with this extension that a download has left here.
    pub(crate) fn only_file_with_extension(&self, extension: &str) -> Result<PathBuf, Error> {
        let entries =
            fs::read_dir(&self.directory).map_err(Error::file("list", &self.directory))?;
        let mut files: Vec<PathBuf> =
            entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.retain(|file| file.extension() == Some(OsStr::new(extension)));
        match files.len() {
            1 => Ok(files.remove(0)),
            count => Err(Error::other(format!(
                "the download left {count} files with the extension {extension}, and not one"
            ))),
        }
    }

    /// Tries the programs in `bin` of `tree` out, and moves the tree to where the library looks.
    ///
    /// `bin` is the directory of programs relative to the tree.
    pub(crate) fn publish(self, tree: &Path, bin: &Path) -> Result<Installation, Error> {
        make_programs_executable(tree, &tree.join(bin))?;
        // The library looks for `bin`. A link to it keeps the programs where they find their
        // libraries.
        if bin != Path::new("bin") {
            link_directory(bin, &tree.join("bin"))?;
        }
        let version = try_out(&tree.join("bin"))?;
        let place = self.shelf.join(&version);
        if place.exists() {
            match try_out(&place.join("bin")) {
                // Somebody else was faster, or it was installed before: it may be in use.
                Ok(_) => return Ok(Installation { bin: place.join("bin"), version }),
                Err(_) => remove(&place)?,
            }
        }
        match fs::rename(tree, &place) {
            Ok(()) => {}
            // Two processes that install at the same time make the same thing.
            Err(_) if try_out(&place.join("bin")).is_ok() => {}
            Err(source) => {
                return Err(Error::File { action: "move the server to", path: place, source });
            }
        }
        Ok(Installation { bin: place.join("bin"), version })
    }
}

impl Drop for Workbench {
    fn drop(&mut self) {
        // What stays is found and removed by the next process of the same number; nothing uses it.
        drop(fs::remove_dir_all(&self.directory));
    }
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Creates a directory and those above it that every user can read, whatever the umask is: a server
/// that root starts runs as another user.
fn create_open_to_read(directory: &Path) -> Result<(), Error> {
    let missing: Vec<&Path> = directory.ancestors().take_while(|above| !above.exists()).collect();
    fs::create_dir_all(directory).map_err(Error::file("create", directory))?;
    missing.into_iter().try_for_each(|created| set_mode(created, 0o755))
}

/// Lets every user read the tree and run the programs in it, because neither the umask nor what the
/// archive says about it can be relied upon.
fn make_programs_executable(tree: &Path, bin: &Path) -> Result<(), Error> {
    set_mode(tree, 0o755)?;
    let mut directories = vec![tree.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).map_err(Error::file("list", &directory))? {
            let entry = entry.map_err(Error::file("list", &directory))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(Error::file("look at", &path))?;
            if kind.is_dir() {
                set_mode(&path, 0o755)?;
                directories.push(path);
            } else if kind.is_file() {
                set_mode(&path, if directory == bin { 0o755 } else { 0o644 })?;
            }
        }
    }
    Ok(())
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(Error::file("set the mode of", path))
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) -> Result<(), Error> {
    Ok(())
}

#[cfg(unix)]
fn link_directory(target: &Path, link: &Path) -> Result<(), Error> {
    std::os::unix::fs::symlink(target, link).map_err(Error::file("link", link))
}

#[cfg(not(unix))]
fn link_directory(_target: &Path, link: &Path) -> Result<(), Error> {
    let source = std::io::Error::from(std::io::ErrorKind::Unsupported);
    Err(Error::file("link", link)(source))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A tree with programs that answer as those of PostgreSQL do, or do not.
    fn tree(bench: &Workbench, bin: &str, answer: &str) -> PathBuf {
        let tree = bench.directory().join("tree");
        fs::create_dir_all(tree.join(bin)).unwrap();
        for program in ["postgres", "initdb", "pg_ctl"] {
            let script = format!("#!/bin/sh\necho '{program} (PostgreSQL) {answer}'\n");
            fs::write(tree.join(bin).join(program), script).unwrap();
        }
        tree
    }

    fn names_in(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_server_is_published_under_its_version_and_nothing_else_stays() {
        let cache = tempfile::tempdir().unwrap();
        let bench = Workbench::set_up_in(cache.path()).unwrap();
        let tree = tree(&bench, "bin", "17.10");
        let installed = bench.publish(&tree, Path::new("bin")).unwrap();

        let shelf = cache.path().join("postgres");
        assert_eq!(installed.bin, shelf.join("17.10/bin"));
        assert_eq!(names_in(&shelf), ["17.10"]);
        let mode = fs::metadata(installed.bin.join("initdb")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755, "every user can run it");
    }

    #[test]
    fn programs_that_lie_deeper_are_found_through_a_link() {
        let cache = tempfile::tempdir().unwrap();
        let bench = Workbench::set_up_in(cache.path()).unwrap();
        let tree = tree(&bench, "some/where/bin", "18.6");
        let installed = bench.publish(&tree, Path::new("some/where/bin")).unwrap();
        assert_eq!(try_out(&installed.bin).unwrap(), "18.6");
        assert_eq!(fs::read_link(installed.bin).unwrap(), Path::new("some/where/bin"));
    }

    #[test]
    fn a_server_that_does_not_run_is_not_published() {
        let cache = tempfile::tempdir().unwrap();
        let bench = Workbench::set_up_in(cache.path()).unwrap();
        let tree = tree(&bench, "bin", "17.10");
        fs::write(tree.join("bin/initdb"), "#!/bin/sh\necho broken >&2\nexit 1\n").unwrap();
        let error = bench.publish(&tree, Path::new("bin")).unwrap_err().to_string();
        assert!(error.contains("initdb") && error.contains("broken"), "{error}");
        assert!(names_in(&cache.path().join("postgres")).is_empty());
    }

    #[test]
    fn a_server_that_works_is_kept_and_one_that_does_not_is_replaced() {
        let cache = tempfile::tempdir().unwrap();
        let place = cache.path().join("postgres/17.10");
        for (found, is_kept) in [("exit 1", false), ("echo 'postgres (PostgreSQL) 17.10'", true)] {
            fs::create_dir_all(place.join("bin")).unwrap();
            for program in ["postgres", "initdb", "pg_ctl"] {
                let path = place.join("bin").join(program);
                fs::write(&path, format!("#!/bin/sh\n{found}\n")).unwrap();
                set_mode(&path, 0o755).unwrap();
            }
            fs::write(place.join("mark"), "").unwrap();
            let bench = Workbench::set_up_in(cache.path()).unwrap();
            let tree = tree(&bench, "bin", "17.10");
            bench.publish(&tree, Path::new("bin")).unwrap();
            assert_eq!(place.join("mark").exists(), is_kept, "{found}");
        }
    }
}
