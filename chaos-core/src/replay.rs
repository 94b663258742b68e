//! What `CHAOS_REPLAY` asks for: one thing that a search has found, and nothing else.
//!
//! A failure that a search has found is printed with a token. Tokens of all searches are told apart by
//! how they begin, so that one variable serves them all, and each search leaves alone what is meant for
//! another: `case:` and a name are a case of a property, everything else is a point of an
//! [exploration](crate::explore::ReplayToken).

/// What `CHAOS_REPLAY` asks for, as text that its search has to understand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A case of a property, by its name.
    #[cfg_attr(not(feature = "property"), allow(dead_code, reason = "there are no properties"))]
    Case(String),
    /// A point of an exploration.
    Point(String),
}

/// How the token of a case begins.
pub(crate) const CASE: &str = "case:";

/// What the environment asks for.
pub(crate) fn asked() -> Option<Asked> {
    let token = std::env::var_os("CHAOS_REPLAY")?;
    read(&token.to_string_lossy())
}

fn read(token: &str) -> Option<Asked> {
    let token = token.trim();
    match token.strip_prefix(CASE) {
        Some(name) => Some(Asked::Case(name.to_owned())),
        None => (!token.is_empty()).then(|| Asked::Point(token.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_apart_by_how_they_begin() {
        assert_eq!(read("case:3f2a"), Some(Asked::Case("3f2a".to_owned())));
        for point in ["c1.b29.reset", "2:c1.b29.torn", "poll.3"] {
            assert_eq!(read(point), Some(Asked::Point(point.to_owned())));
        }
        assert_eq!(read(" "), None);
    }
}
