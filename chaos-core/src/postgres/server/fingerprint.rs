//! Short names for long texts, and texts that nobody can guess.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::postgres::error::PostgresError;
use crate::seed::Seed;

/// Eight hexadecimal digits that stand for a text. Equal texts have equal fingerprints.
pub(super) fn fingerprint(text: &str) -> String {
    // Folded, because all 64 bits matter and only 32 are kept.
    let hash = Seed(0).named(text).0;
    format!("{:08x}", (hash >> 32) ^ (hash & 0xffff_ffff))
}

/// As many random hexadecimal digits, from the operating system.
pub(super) fn random_digits(count: usize) -> Result<String, PostgresError> {
    let source = Path::new("/dev/urandom");
    let mut bytes = vec![0; count.div_ceil(2)];
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(PostgresError::file("read random bytes from", source))?;
    let mut digits = String::new();
    for byte in bytes {
        // Writing to a string cannot fail.
        write!(digits, "{byte:02x}").ok();
    }
    digits.truncate(count);
    Ok(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_have_a_fixed_length_and_differ() {
        assert_eq!(fingerprint("a"), fingerprint("a"));
        assert_ne!(fingerprint("a"), fingerprint("b"));
        assert!(["", "a", "b"].map(fingerprint).iter().all(|print| print.len() == 8));
    }

    #[test]
    fn random_digits_do_not_repeat() {
        let (one, two) = (random_digits(31).unwrap(), random_digits(31).unwrap());
        assert_eq!((one.len(), two.len()), (31, 31));
        assert_ne!(one, two);
    }
}
