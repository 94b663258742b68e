//! "Did you mean ..?"

/// The candidate that `written` is most probably a slip of the pen for, if any is near enough.
pub(crate) fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let written = written.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (distance(&written, candidate), candidate))
        // A third of the letters may be wrong: enough for `retires`, too little to be silly.
        .filter(|(distance, candidate)| distance * 3 <= candidate.len().max(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be inserted, removed, replaced or swapped with their neighbour.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows = vec![(0..=to.len()).collect::<Vec<_>>()];
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            let swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
            if swapped {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 4] = ["retries", "flaky", "very_flaky", "seed"];

    #[test]
    fn a_slip_of_the_pen_is_understood() {
        assert_eq!(nearest("retires", WORDS), Some("retries"), "two letters swapped");
        assert_eq!(nearest("fleaky", WORDS), Some("flaky"), "one letter too many");
        assert_eq!(nearest("veryflaky", WORDS), Some("very_flaky"), "one letter too few");
        assert_eq!(nearest("Seed", WORDS), Some("seed"), "another case");
    }

    #[test]
    fn a_different_word_is_not_forced_into_a_suggestion() {
        for word in ["", "x", "colour", "flack_jacket"] {
            assert_eq!(nearest(word, WORDS), None, "{word:?}");
        }
    }
}
