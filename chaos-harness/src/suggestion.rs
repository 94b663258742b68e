//! What to write instead of a word that is not known.

/// As many known words are listed where none is near.
const LISTED: usize = 12;

/// A clause that says what may have been meant: the nearest of the known words, or all of them.
pub(crate) fn suggest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    if let Some(word) = nearest(written, known.clone()) {
        return format!("did you mean `{word}`?");
    }
    let mut known: Vec<_> = known.into_iter().collect();
    known.sort_unstable();
    match known.len() {
        0 => "there are none".to_owned(),
        1..=LISTED => format!("it may be `{}`", known.join("`, `")),
        _ => format!("it may be `{}` and others", known[..LISTED].join("`, `")),
    }
}

/// The known word that `written` is most probably a slip of the pen for, if any is near enough.
pub(crate) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let plain = |word: &str| word.to_lowercase().replace('_', "-");
    let written = plain(written);
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&written, &plain(word)), word))
        // A third of the letters may be wrong: enough for `retires`, too little to be silly.
        .filter(|(distance, word)| distance * 3 <= word.len().max(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_understood_and_another_word_is_not_forced() {
        let known = ["retries", "timeout", "pool-size"];
        assert_eq!(suggest("retires", known), "did you mean `retries`?");
        assert_eq!(suggest("pool_size", known), "did you mean `pool-size`?");
        assert_eq!(suggest("colour", known), "it may be `pool-size`, `retries`, `timeout`");
        assert_eq!(suggest("x", []), "there are none");
    }
}
