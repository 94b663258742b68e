//! The packets on the wire: Ethernet frames that carry TCP over IPv4.

use crate::direction::Direction;
use crate::seed::Draws;

const ETHERNET: usize = 14;
const IPV4: [u8; 2] = [0x08, 0x00];
const TCP: u8 = 6;
/// The shortest header of TCP.
const TCP_HEADER: usize = 20;
const CHECKSUM_AT: usize = 16;

/// A frame.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    bytes: Vec<u8>,
    /// Where its TCP segment begins, and where it ends.
    segment: (usize, usize),
}

impl Frame {
    /// Takes a frame that carries TCP; others are nobody's.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let packet = bytes.get(ETHERNET..)?;
        let header = usize::from(packet.first()? & 0x0f) * 4;
        let length = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]));
        let is_tcp = bytes[12..14] == IPV4 && *packet.get(9)? == TCP;
        // A frame may be longer than its packet: short ones are padded.
        if !is_tcp || length > packet.len() || length < header + TCP_HEADER {
            return None;
        }
        Some(Self { bytes: bytes.to_vec(), segment: (ETHERNET + header, ETHERNET + length) })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The port of the client's end, by which the pairs are told apart.
    pub(super) fn port(&self, direction: Direction) -> u16 {
        let at = direction.pick(self.segment.0, self.segment.0 + 2);
        u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    /// Writes the checksum, which the kernel leaves to the network card. Without it the receiver's
    /// kernel takes every packet for a damaged one.
    pub(super) fn seal(&mut self) {
        let (start, end) = self.segment;
        let at = start + CHECKSUM_AT;
        self.bytes[at..at + 2].fill(0);
        // The pseudo-header: both addresses, the protocol and the length.
        let addresses = &self.bytes[ETHERNET + 12..ETHERNET + 20];
        let mut sum = sum_of(addresses) + u64::from(TCP) + (end - start) as u64;
        sum += sum_of(&self.bytes[start..end]);
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        self.bytes[at..at + 2].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    }

    /// Flips one bit of what the checksum guards, behind the ports, so that it is known whose it was.
    pub(super) fn damage(&mut self, draws: &mut Draws) {
        let (start, end) = self.segment;
        let guarded = (end - start - 4) as u64;
        let at = start + 4 + draws.below(guarded) as usize;
        self.bytes[at] ^= 1 << draws.below(8);
    }
}

/// The sum of 16-bit words, not folded yet.
fn sum_of(bytes: &[u8]) -> u64 {
    let mut sum = 0;
    let mut words = bytes.chunks_exact(8);
    // Four words at a time, the sums of which cannot meet before some 65,000 steps.
    for chunk in &mut words {
        let [a, b, c, d, e, f, g, h] = *chunk else { continue };
        let wide = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        sum += (wide >> 48) + (wide >> 32 & 0xffff) + (wide >> 16 & 0xffff) + (wide & 0xffff);
    }
    for pair in words.remainder().chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u64::from(u16::from_be_bytes([pair[0], low]));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    /// A segment of 5 bytes from port 258 to port 772.
    fn frame() -> Vec<u8> {
        let mut bytes = vec![0; 12];
        bytes.extend(IPV4);
        bytes.extend([0x45, 0, 0, 45, 0, 0, 0x40, 0, 64, TCP, 0, 0]);
        bytes.extend([10, 255, 0, 1, 10, 255, 0, 2]);
        bytes.extend([1, 2, 3, 4]);
        bytes.extend([0; 16]);
        bytes.extend(b"bytes");
        // Padding, which is none of TCP's business.
        bytes.push(0xff);
        bytes
    }

    /// RFC 1071, word by word: 0xffff for a segment whose checksum is right.
    fn verify(frame: &Frame) -> u32 {
        let (start, end) = frame.segment;
        let mut words = frame.bytes[26..34].to_vec();
        words.extend([0, TCP]);
        words.extend(((end - start) as u16).to_be_bytes());
        words.extend(&frame.bytes[start..end]);
        words.resize(words.len().next_multiple_of(2), 0);
        let mut sum = 0_u32;
        for word in words.chunks(2) {
            sum += u32::from(u16::from_be_bytes([word[0], word[1]]));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum
    }

    #[test]
    fn a_sealed_segment_has_the_right_checksum_and_a_damaged_one_a_wrong_one() {
        let mut frame = Frame::parse(&frame()).unwrap();
        frame.seal();
        assert_eq!(verify(&frame), 0xffff);
        let sealed = frame.clone();
        for seed in 0..200 {
            let mut damaged = sealed.clone();
            damaged.damage(&mut Seed(seed).draws());
            assert_ne!(verify(&damaged), 0xffff);
            let changed = damaged.bytes.iter().zip(&sealed.bytes);
            let bits: u32 = changed.map(|(one, other)| (one ^ other).count_ones()).sum();
            assert_eq!(bits, 1);
        }
    }

    #[test]
    fn a_frame_is_known_by_the_port_of_the_clients_end() {
        let frame = Frame::parse(&frame()).unwrap();
        assert_eq!(frame.port(Direction::Upstream), 258);
        assert_eq!(frame.port(Direction::Downstream), 772);
    }

    #[test]
    fn what_is_not_tcp_or_torn_is_no_frame_of_ours() {
        let whole = frame();
        for length in 0..whole.len() - 1 {
            assert!(Frame::parse(&whole[..length]).is_none(), "{length}");
        }
        let mut udp = whole.clone();
        udp[ETHERNET + 9] = 17;
        assert!(Frame::parse(&udp).is_none());
        let mut ipv6 = whole;
        ipv6[12..14].copy_from_slice(&[0x86, 0xdd]);
        assert!(Frame::parse(&ipv6).is_none());
    }
}
