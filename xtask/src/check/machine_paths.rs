//! Finds paths that exist on one machine only.

use super::files;
use crate::error::Error;
use crate::workspace;

/// Directories whose next part is the name of a person.
const HOMES: [&str; 2] = ["/home/", "/Users/"];

/// Names that stand for anybody, or that every machine of a kind has.
const NOBODY: [&str; 4] = ["linuxbrew", "you", "user", "Shared"];

/// A sentence for each path.
pub(crate) fn findings() -> Result<Vec<String>, Error> {
    let checkout = workspace::root().display().to_string();
    let mut findings = Vec::new();
    for file in files::files()? {
        let bytes = std::fs::read(workspace::root().join(&file))
            .map_err(Error::file("read", workspace::root().join(&file)))?;
        let text = String::from_utf8_lossy(&bytes);
        for (number, line) in text.lines().enumerate() {
            if let Some(path) = machine_path(line, &checkout) {
                findings.push(format!("{}:{}: {path}", file.display(), number + 1));
            }
        }
    }
    Ok(findings)
}

fn machine_path(line: &str, checkout: &str) -> Option<String> {
    // A checkout in the root directory or right below it has a name that says nothing.
    if checkout.matches(['/', '\\']).count() > 1 && line.contains(checkout) {
        return Some(checkout.to_owned());
    }
    HOMES.iter().find_map(|home| {
        line.split(home).skip(1).find_map(|rest| {
            let is_part =
                |character: char| character.is_alphanumeric() || "-_.".contains(character);
            let end = rest.find(|character| !is_part(character)).unwrap_or(rest.len());
            let name = &rest[..end];
            (!name.is_empty() && !NOBODY.contains(&name)).then(|| format!("{home}{name}"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECKOUT: &str = "/srv/build/checkout";

    #[test]
    fn a_home_and_the_checkout_are_found() {
        // Built from parts, so that the check does not find them here.
        let line = ["see /ho", "me/alice/notes"].concat();
        assert_eq!(machine_path(&line, CHECKOUT), Some(["/ho", "me/alice"].concat()));
        let line = ["/Us", "ers/bob"].concat();
        assert_eq!(machine_path(&line, CHECKOUT), Some(["/Us", "ers/bob"].concat()));
        assert_eq!(machine_path("cd /srv/build/checkout/src", CHECKOUT).as_deref(), Some(CHECKOUT));
    }

    #[test]
    fn paths_that_every_machine_has_are_left_alone() {
        for line in ["/home/linuxbrew/.linuxbrew/bin", "/home/you/project", "/usr/bin", "/home/"] {
            assert_eq!(machine_path(line, CHECKOUT), None, "{line}");
        }
        assert_eq!(machine_path("anything in /src", "/src"), None);
    }
}
