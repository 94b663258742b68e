//! Strategies for data that programs and PostgreSQL stumble over.
//!
//! Each of them draws what is ordinary, too, as a program that refuses everything odd is not correct.
//!
//! ```
//! use chaos_core::property::data;
//! use proptest::prelude::*;
//!
//! /// A customer as a form would send it.
//! fn customers() -> impl Strategy<Value = (String, i64)> {
//!     (data::text(40), data::integer())
//! }
//! ```

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use proptest::sample::select;

/// Texts that are awkward, each of which PostgreSQL stores and gives back as it is.
const AWKWARD: [&str; 24] = [
    "",
    " ",
    "\t\r\n",
    "O'Brien",
    "\"quoted\"",
    "back\\slash",
    "$1 $$ $tag$",
    "100 %_",
    "'; DROP TABLE account; --",
    "NULL",
    "\\N",
    "{a,\"b\"}",
    "\u{1}\u{7f}",
    // One letter, in two ways: normalised they are equal.
    "\u{e9}",
    "e\u{301}",
    "stra\u{df}e",
    "\u{130}\u{131}",
    "\u{645}\u{631}\u{62d}\u{628}\u{627}",
    "\u{202e}abc\u{202c}",
    "\u{200b}\u{feff}",
    "\u{6f22}\u{5b57}",
    "\u{1f469}\u{200d}\u{1f4bb}",
    "\u{10ffff}",
    "\u{fffd}",
];

/// Texts of at most so many characters that PostgreSQL takes: awkward ones and ordinary ones.
///
/// None has a NUL, which no text of PostgreSQL can hold: see [`with_nul`].
pub fn text(most: usize) -> BoxedStrategy<String> {
    let awkward: Vec<&str> =
        AWKWARD.into_iter().filter(|text| text.chars().count() <= most).collect();
    let any_character = prop::char::any().prop_filter("PostgreSQL refuses NUL", |c| *c != '\0');
    let of = |character: BoxedStrategy<char>| {
        prop::collection::vec(character, 0..=most).prop_map(|it| it.into_iter().collect::<String>())
    };
    prop_oneof![
        3 => of(prop::char::range('a', 'z').boxed()),
        2 => of(any_character.boxed()),
        3 => select(awkward).prop_map(str::to_owned),
    ]
    .boxed()
}

/// Texts with a NUL somewhere, which PostgreSQL refuses (SQLSTATE 22021): what does a program say to
/// whoever sent it?
pub fn with_nul() -> BoxedStrategy<String> {
    (text(20), text(20)).prop_map(|(before, after)| format!("{before}\0{after}")).boxed()
}

/// Bytes that are no text in any encoding that is likely: beginnings of characters, surrogates,
/// encodings that are too long, and Latin-1.
pub fn not_utf8() -> BoxedStrategy<Vec<u8>> {
    let broken: [&[u8]; 6] =
        [b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5\x80\x80\x80", b"caf\xe9"];
    let broken = select(broken.to_vec());
    (prop::collection::vec(b'a'..=b'z', 0..10), broken)
        .prop_map(|(mut before, broken)| {
            before.extend(broken);
            before
        })
        .boxed()
}

/// Integers: small ones, those at the limits of 16, 32 and 64 bits and of what a `double precision`
/// holds exactly, and any.
pub fn integer() -> BoxedStrategy<i64> {
    let limits = [
        i64::from(i16::MIN),
        i64::from(i16::MAX),
        i64::from(u16::MAX),
        i64::from(i32::MIN),
        i64::from(i32::MAX),
        i64::from(u32::MAX),
        -(1 << 53),
        1 << 53,
        i64::MIN,
        i64::MAX,
    ];
    let near =
        (select(limits.to_vec()), -1..=1_i64).prop_map(|(limit, by)| limit.saturating_add(by));
    prop_oneof![4 => -10..=10_i64, 3 => near, 2 => any::<i64>()].boxed()
}

/// Numbers of a `double precision`: ordinary ones, the limits, the smallest, infinities, NaN (which is
/// equal to itself for PostgreSQL, and greater than all others), and both zeros.
pub fn float() -> BoxedStrategy<f64> {
    let odd = [
        0.0,
        -0.0,
        f64::MIN,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        f64::EPSILON,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        0.1 + 0.2,
    ];
    prop_oneof![3 => -1e6..1e6_f64, 2 => select(odd.to_vec()), 1 => any::<f64>()].boxed()
}

/// Large values: `bytea` of up to so many bytes. From some 2000 bytes on PostgreSQL moves a value out
/// of its row, and compresses it if it can.
pub fn large(most: usize) -> BoxedStrategy<Vec<u8>> {
    let sizes = [0, 1, 1_999, 2_000, 8_191, 8_192, 65_535, 65_536, 1 << 20];
    let mut sizes: Vec<usize> = sizes.into_iter().filter(|size| *size < most).collect();
    sizes.push(most);
    let repeated = (select(sizes.clone()), any::<u8>()).prop_map(|(size, byte)| vec![byte; size]);
    // What cannot be compressed: multiples of an odd number, taken from the middle.
    let mixed = (select(sizes), any::<u64>()).prop_map(|(size, seed)| {
        let seed = crate::seed::Seed(seed);
        let mut draws = seed.draws();
        let mut bytes = Vec::with_capacity(size + 8);
        while bytes.len() < size {
            bytes.extend(draws.next_u64().to_le_bytes());
        }
        bytes.truncate(size);
        bytes
    });
    prop_oneof![repeated, mixed].boxed()
}

/// Times that a `timestamptz` holds exactly, which counts microseconds: ordinary ones, the epochs of
/// Unix and of PostgreSQL, the limits of 32 bits, changes of the clock, leap days, and both ends of what
/// `SystemTime` and PostgreSQL share on every system.
pub fn timestamp() -> BoxedStrategy<SystemTime> {
    // Seconds since 1970-01-01 UTC.
    let odd = [
        0_i64,
        -1,
        // 1901-12-13 and 2038-01-19: 32 bits.
        i64::from(i32::MIN),
        i64::from(i32::MAX),
        i64::from(i32::MAX) + 1,
        // 2000-01-01, where PostgreSQL begins to count.
        946_684_800,
        // 1900-02-28, which no leap day follows, and 2000-02-29 and 2024-02-29.
        -2_203_977_600,
        951_782_400,
        1_709_164_800,
        // In Central Europe, the clock goes on and back: 2024-03-31 and 2024-10-27, 01:00 UTC.
        1_711_846_800,
        1_729_990_800,
        // 2016-12-31 23:59:59, before the last leap second.
        1_483_228_799,
        // 1601-01-01, where Windows begins to count, and 9999-12-31 23:59:59.
        -11_644_473_600,
        253_402_300_799,
    ];
    let seconds = prop_oneof![
        3 => 946_684_800..1_893_456_000_i64,
        3 => select(odd.to_vec()),
        1 => -11_644_473_600..253_402_300_800_i64,
    ];
    let micros = prop_oneof![2 => Just(0_u32), 1 => Just(999_999), 1 => 0..1_000_000_u32];
    (seconds, micros).prop_map(|(seconds, micros)| at(seconds, micros)).boxed()
}

/// What PostgreSQL writes of times that no clock shows: `infinity`, the first and the last that it
/// knows, and years before Christ; as literals of a `timestamptz`.
pub fn timestamp_literal() -> BoxedStrategy<String> {
    let literals = [
        "infinity",
        "-infinity",
        "4714-11-24 00:00:00+00 BC",
        "0001-12-31 23:59:59.999999+00 BC",
        "0001-01-01 00:00:00+00",
        "294276-12-31 23:59:59.999999+00",
        "epoch",
        "2024-02-29 23:59:60+00",
        "2000-01-01 00:00:00+15:59:59",
        "1883-11-18 12:03:57 America/New_York",
    ];
    select(literals.to_vec()).prop_map(str::to_owned).boxed()
}

fn at(seconds: i64, micros: u32) -> SystemTime {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let base = if seconds < 0 { UNIX_EPOCH - whole } else { UNIX_EPOCH + whole };
    base + Duration::from_micros(micros.into())
}
