//! Which tests belong to a phase or to a selection: those of some domains, and those of some names.

use super::binaries;
use super::document::Located;
use super::pattern::Pattern;
use super::table::Table;
use crate::suggestion::suggest;

/// What a test has to have to belong.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Members {
    domains: Option<Located<Vec<String>>>,
    tests: Option<Located<Vec<Pattern>>>,
}

impl Members {
    pub(super) fn read(table: &mut Table<'_>) -> Self {
        Self { domains: table.texts("domains"), tests: patterns(table, "tests") }
    }

    /// Whether nothing is said.
    pub(crate) fn is_empty(&self) -> bool {
        self.domains.is_none() && self.tests.is_none()
    }

    /// Whether the test of this name, and of this domain if it has one, belongs: by either of them.
    pub(crate) fn include(&self, name: &str, domain: Option<&str>) -> bool {
        let domains = self.domains.iter().flat_map(|domains| &domains.value);
        let mut tests = self.tests.iter().flat_map(|tests| &tests.value);
        domain.is_some_and(|own| domains.into_iter().any(|domain| domain == own))
            || tests.any(|pattern| pattern.matches(name))
    }

    /// Each domain that none of these tests has, and each pattern that is the name of none, with its
    /// line and what may have been meant. A test is its name and its domain.
    pub(crate) fn unmatched(&self, tests: &[(&str, Option<&str>)]) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        if let Some(Located { value: domains, line }) = &self.domains {
            let wrong = domains.iter().filter_map(|domain| without_tests(domain, tests));
            found.extend(wrong.map(|message| (*line, message)));
        }
        if let Some(Located { value: patterns, line }) = &self.tests {
            let names: Vec<&str> = tests.iter().map(|(name, _)| *name).collect();
            let wrong = patterns.iter().filter_map(|pattern| without_names(pattern, &names));
            found.extend(wrong.map(|message| (*line, message)));
        }
        found
    }
}

/// The patterns of names at a key.
pub(super) fn patterns(table: &mut Table<'_>, key: &'static str) -> Option<Located<Vec<Pattern>>> {
    let Located { value, line } = table.texts(key)?;
    Some(Located { value: value.into_iter().map(Pattern::new).collect(), line })
}

/// A clause about a domain that none of the tests has.
pub(crate) fn without_tests(domain: &str, tests: &[(&str, Option<&str>)]) -> Option<String> {
    let mut domains: Vec<&str> = tests.iter().filter_map(|(_, domain)| *domain).collect();
    domains.sort_unstable();
    domains.dedup();
    (!domains.contains(&domain)).then(|| {
        let help = suggest(domain, domains);
        format!("no test has the domain `{domain}`; {help}; {}", binaries::HELP)
    })
}

/// A clause about a pattern that is the name of none of the tests.
pub(crate) fn without_names(pattern: &Pattern, names: &[&str]) -> Option<String> {
    (!names.iter().any(|name| pattern.matches(name))).then(|| {
        let help = suggest(pattern.as_str(), names.iter().copied());
        format!("no test is called `{}`; {help}; {}", pattern.as_str(), binaries::HELP)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: [(&str, Option<&str>); 3] =
        [("pool::drains", Some("pool")), ("pool::fills", Some("pool")), ("alone", None)];

    fn members(domains: &[&str], tests: &[&str]) -> Members {
        let domains = domains.iter().map(|name| (*name).to_owned()).collect();
        let tests = tests.iter().map(|name| Pattern::new(*name)).collect();
        Members {
            domains: Some(Located { value: domains, line: 3 }),
            tests: Some(Located { value: tests, line: 4 }),
        }
    }

    #[test]
    fn a_test_belongs_by_its_domain_or_by_its_name() {
        let members = members(&["pool"], &["al*"]);
        assert!(TESTS.iter().all(|(name, domain)| members.include(name, *domain)));
        assert!(!members.include("other", Some("network")));
        assert_eq!(members.unmatched(&TESTS), []);
        assert!(Members::default().is_empty());
    }

    #[test]
    fn what_matches_nothing_is_told_with_its_line_and_the_nearest() {
        let found = members(&["pol"], &["pool::drians", "x*"]).unmatched(&TESTS);
        let [(3, domain), (4, test), (4, pattern)] = found.as_slice() else { panic!("{found:?}") };
        assert!(domain.contains("no test has the domain `pol`; did you mean `pool`?"), "{domain}");
        assert!(
            test.contains("`pool::drians`; did you mean `pool::drains`?; if another"),
            "{test}"
        );
        assert!(pattern.contains("no test is called `x*`; it may be `alone`, `pool::drains`"));
    }
}
