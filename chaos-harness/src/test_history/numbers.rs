//! A column of numbers, as a compact file has it: one text, which is read many times faster than a list.
//!
//! Tests are run without optimisation, and so is what reads their history: a million numbers of JSON
//! take seconds there, while finding the end of a text, and reading a number of known width, are done by
//! the standard library, which is always optimised.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Numbers, in hexadecimal digits without anything between them. A letter before them tells how many
/// digits each has: `a` for one, `b` for two. Lists, which older versions wrote, are read, too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Numbers(pub(super) Vec<u64>);

/// The letter for one digit.
const ONE: u8 = b'a';

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let largest = self.0.iter().copied().max().unwrap_or(0);
        let width = (u64::BITS - largest.leading_zeros()).div_ceil(4).max(1) as usize;
        let mut text = String::with_capacity(1 + width * self.0.len());
        text.push(char::from(ONE + u8::try_from(width - 1).unwrap_or(0)));
        for number in &self.0 {
            text.push_str(&format!("{number:0width$x}"));
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrList)
    }
}

struct TextOrList;

impl<'de> Visitor<'de> for TextOrList {
    type Value = Numbers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column of numbers")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Numbers, E> {
        let digits = text.get(1..).filter(|_| text.is_ascii());
        let width = text.bytes().next().map(|letter| usize::from(letter.wrapping_sub(ONE)) + 1);
        let (Some(digits), Some(width @ 1..=16)) = (digits, width) else {
            return Err(E::custom("a column begins with a letter from a to p"));
        };
        if digits.len() % width != 0 {
            return Err(E::custom("the last number of a column lacks digits"));
        }
        let mut numbers = Vec::with_capacity(digits.len() / width);
        let [mut high, mut low] = [[b'0'; 8]; 2];
        for number in digits.as_bytes().chunks_exact(width) {
            let value = match width.checked_sub(8) {
                None | Some(0) => {
                    low[8 - width..].copy_from_slice(number);
                    eight(low)
                }
                Some(more) => {
                    high[8 - more..].copy_from_slice(&number[..more]);
                    low.copy_from_slice(&number[more..]);
                    eight(high).zip(eight(low)).map(|(high, low)| (high << 32) | low)
                }
            };
            numbers.push(value.ok_or_else(|| E::custom("a digit is none"))?);
        }
        Ok(Numbers(numbers))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Numbers, A::Error> {
        let mut numbers = Vec::new();
        while let Some(number) = list.next_element()? {
            numbers.push(number);
        }
        Ok(Numbers(numbers))
    }
}

/// The value of eight hexadecimal digits, where all are some: all at once, as a loop over them would be most
/// of what it takes to read a history.
fn eight(digits: [u8; 8]) -> Option<u64> {
    // Each digit is a byte, the first the highest.
    let digits = u64::from_be_bytes(digits);
    const EACH: u64 = 0x0101_0101_0101_0101;
    // Digits are 0x30 to 0x39, letters 0x61 to 0x66.
    let is_letter = (digits >> 6) & EACH;
    let lower = digits & (EACH * 0x0f);
    let upper = (digits >> 4) & (EACH * 0x0f);
    let nibbles = lower + 9 * is_letter;
    // What is above 9 or `f` carries into the upper half here.
    let too_large = (nibbles + 6 * (EACH - is_letter)) & (EACH * 0x10);
    // The byte before `a` has no lower half.
    let no_letter = is_letter & !((lower + EACH * 0x0f) >> 4);
    if upper != EACH * 3 + 3 * is_letter || too_large != 0 || no_letter != 0 {
        return None;
    }
    let pairs = (nibbles | (nibbles >> 4)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | (pairs >> 8)) & 0x0000_ffff_0000_ffff;
    Some((fours | (fours >> 16)) & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<u64>, String> {
        let read = serde_json::from_str::<Numbers>(text);
        read.map(|numbers| numbers.0).map_err(|error| error.to_string())
    }

    #[test]
    fn a_column_is_read_as_it_was_written() {
        for (numbers, text) in [
            (vec![], r#""a""#),
            (vec![0, 5, 15], r#""a05f""#),
            (vec![1, 255, 256], r#""c0010ff100""#),
            (vec![u64::MAX, 0], r#""pffffffffffffffff0000000000000000""#),
        ] {
            assert_eq!(serde_json::to_string(&Numbers(numbers.clone())).unwrap(), text);
            assert_eq!(read(text).unwrap(), numbers);
        }
        assert_eq!(read("[1,22,333]").unwrap(), [1, 22, 333]);
    }

    #[test]
    fn every_byte_is_a_digit_or_refused() {
        for byte in 0..=u8::MAX {
            let digit = char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
            for place in 0..8 {
                let mut digits = [b'0'; 8];
                digits[place] = byte;
                let expected = digit.map(|digit| u64::from(digit) << (4 * (7 - place)));
                assert_eq!(eight(digits), expected, "{byte:#x} at {place}");
            }
        }
    }

    #[test]
    fn what_is_no_column_is_refused() {
        for text in [r#""""#, r#""b123""#, r#""a1g""#, r#""q1""#, r#""1""#, r#""bé1""#, "7", "[-1]"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
