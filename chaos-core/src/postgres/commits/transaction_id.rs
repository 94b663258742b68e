//! Numbers of transactions, which the server shows by their lower half in some places.

/// The whole number of a transaction whose lower half is known, and which is less than 2^31 away
/// from one that is known as a whole: none that goes on is further away, or the server would stop.
pub(super) fn whole(lower: u32, near: u64) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is compared")]
    let distance = lower.wrapping_sub(near as u32);
    #[expect(clippy::cast_possible_wrap, reason = "the upper half of all distances is negative")]
    let distance = i64::from(distance as i32);
    near.saturating_add_signed(distance)
}

/// The number in `epoch:lower`, as `pg_control_checkpoint` shows it.
pub(super) fn from_parts(text: &str) -> Option<u64> {
    let (epoch, lower) = text.split_once(':')?;
    let (epoch, lower): (u32, u32) = (epoch.parse().ok()?, lower.parse().ok()?);
    Some(u64::from(epoch) << 32 | u64::from(lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_whole_on_both_sides_of_a_wrap() {
        let epoch = 1_u64 << 32;
        assert_eq!(whole(740, 742), 740);
        // A transaction that goes on may be newer than all that have ended.
        assert_eq!(whole(745, 742), 745);
        assert_eq!(whole(u32::MAX - 1, epoch + 5), epoch - 2);
        assert_eq!(whole(3, 2 * epoch - 4), 2 * epoch + 3);
        assert_eq!(whole(10, 3 * epoch + 12), 3 * epoch + 10);
    }

    #[test]
    fn the_notation_of_the_control_file_is_read() {
        assert_eq!(from_parts("0:745"), Some(745));
        assert_eq!(from_parts("2:3"), Some((2 << 32) + 3));
        assert_eq!(from_parts("745"), None);
    }
}
