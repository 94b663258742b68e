//! Sockets that no longer hear their peer: what a peer sees of a machine that lost its power.
//!
//! A service that merely stops reading is not dead: its kernel goes on acknowledging what is sent,
//! and answers keepalive probes. A deaf socket acknowledges nothing. There are two ways to make a
//! socket deaf, neither of which loses anything for good:
//!
//! * *A signature.* The socket is told that its peer signs its packets (`TCP_MD5SIG`, RFC 2385),
//!   which no peer of ours does. So the kernel drops what comes in unseen, and the peer's kernel
//!   drops what goes out, as it is signed. It needs no privilege.
//! * *A filter* that accepts no packet (`SO_ATTACH_FILTER`), for kernels without signatures. Since
//!   2026 this needs `CAP_NET_ADMIN`.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::OnceLock;

use nix::libc;
use nix::sys::socket::{SetSockOpt, sockopt};
use socket2::{SockFilter, SockRef};

use super::{Unavailable, failed_to};

/// How a socket was made deaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deafness {
    /// It expects signatures from this peer.
    Signature(SocketAddr),
    /// It has a filter.
    Filter,
}

/// Says whether sockets can be made deaf here.
pub(crate) fn probe() -> Result<(), Unavailable> {
    static ANSWER: OnceLock<Result<(), Unavailable>> = OnceLock::new();
    let try_out = || {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let stream = TcpStream::connect(listener.local_addr()?)?;
        deafen(&stream, stream.peer_addr()?)
    };
    let answer = ANSWER.get_or_init(|| match try_out() {
        Ok(_) => Ok(()),
        Err(error) => Err(Unavailable::new(
            "a dead peer is",
            failed_to("making a socket deaf (with TCP_MD5SIG, then with SO_ATTACH_FILTER)", &error),
        )),
    });
    answer.clone()
}

/// Has a connected socket hear no more of its peer, and not be heard.
pub(crate) fn deafen(socket: &impl AsFd, peer: SocketAddr) -> io::Result<Deafness> {
    if set_signature(socket, peer, KEY).is_ok() {
        return Ok(Deafness::Signature(peer));
    }
    SockRef::from(socket).attach_filter(&[SockFilter::new(RETURN, 0, 0, 0)])?;
    Ok(Deafness::Filter)
}

/// Has a socket hear its peer again.
pub(crate) fn hear(socket: &impl AsFd, deafness: Deafness) -> io::Result<()> {
    match deafness {
        Deafness::Signature(peer) => set_signature(socket, peer, &[]),
        Deafness::Filter => SockRef::from(socket).detach_filter(),
    }
}

/// The instruction of a filter that says how many bytes of a packet to keep (`BPF_RET | BPF_K`).
const RETURN: u16 = 0x06;

/// Any key will do, as long as the peer does not know it.
const KEY: &[u8] = b"nobody knows this key";

/// `struct tcp_md5sig` of `<linux/tcp.h>`: an address, flags, the length of the key, the number of
/// an interface, and the key.
const SIGNATURE_SIZE: usize = 216;
const FAMILY_AT: usize = 0;
const IPV4_AT: usize = 4;
const IPV6_AT: usize = 8;
const KEY_LENGTH_AT: usize = 130;
const KEY_AT: usize = 136;

#[derive(Clone)]
struct TcpSignature;

nix::setsockopt_impl!(
    TcpSignature,
    libc::IPPROTO_TCP,
    libc::TCP_MD5SIG,
    [u8; SIGNATURE_SIZE],
    sockopt::SetStruct<'_, [u8; SIGNATURE_SIZE]>
);

/// Sets the key of the signatures that a peer has to make; an empty one makes them needless again.
fn set_signature(socket: &impl AsFd, peer: SocketAddr, key: &[u8]) -> io::Result<()> {
    let mut signature = [0; SIGNATURE_SIZE];
    let mut put = |at: usize, bytes: &[u8]| {
        signature[at..at + bytes.len()].copy_from_slice(bytes);
    };
    match peer.ip() {
        IpAddr::V4(ip) => {
            put(FAMILY_AT, &(libc::AF_INET as u16).to_ne_bytes());
            put(IPV4_AT, &ip.octets());
        }
        IpAddr::V6(ip) => {
            put(FAMILY_AT, &(libc::AF_INET6 as u16).to_ne_bytes());
            put(IPV6_AT, &ip.octets());
        }
    }
    put(KEY_LENGTH_AT, &(key.len() as u16).to_ne_bytes());
    put(KEY_AT, key);
    Ok(TcpSignature.set(&socket.as_fd(), &signature)?)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::time::{Duration, Instant};

    use super::*;

    type Way = fn(&TcpStream, SocketAddr) -> io::Result<Deafness>;

    fn by_signature(stream: &TcpStream, peer: SocketAddr) -> io::Result<Deafness> {
        set_signature(stream, peer, KEY).map(|()| Deafness::Signature(peer))
    }

    fn by_filter(stream: &TcpStream, _peer: SocketAddr) -> io::Result<Deafness> {
        SockRef::from(stream).attach_filter(&[SockFilter::new(RETURN, 0, 0, 0)])?;
        Ok(Deafness::Filter)
    }

    /// The client's side and the service's side, which is made deaf, if that is possible here.
    fn deafened(way: Way) -> Option<(TcpStream, TcpStream, Deafness)> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (service, peer) = listener.accept().unwrap();
        match way(&service, peer) {
            Ok(deafness) => Some((client, service, deafness)),
            Err(error) => {
                eprintln!("not possible here: {error}");
                None
            }
        }
    }

    fn nothing_is_heard_until_the_socket_hears_again(way: Way) {
        let Some((mut client, mut service, deafness)) = deafened(way) else { return };
        client.write_all(b"hello?").unwrap();
        service.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        assert!(service.read(&mut [0; 6]).is_err());
        hear(&service, deafness).unwrap();
        service.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut heard = [0; 6];
        service.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello?");
        service.write_all(b"yes").unwrap();
        let mut answer = [0; 3];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"yes");
    }

    fn the_peer_gives_up_after_its_user_timeout(way: Way) {
        let Some((mut client, _service, _)) = deafened(way) else { return };
        let timeout = Duration::from_millis(700);
        SockRef::from(&client).set_tcp_user_timeout(Some(timeout)).unwrap();
        client.write_all(b"hello?").unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let begun = Instant::now();
        let error = client.read(&mut [0; 1]).unwrap_err();
        // Not `TimedOut` of the read, which is `WouldBlock`.
        assert_eq!(error.raw_os_error(), Some(libc::ETIMEDOUT), "{error}");
        assert!(begun.elapsed() >= timeout / 2, "{:?}", begun.elapsed());
    }

    #[test]
    fn nothing_is_heard_without_a_signature_until_none_is_asked_for() {
        nothing_is_heard_until_the_socket_hears_again(by_signature);
    }

    #[test]
    fn nothing_is_heard_through_a_filter_until_it_is_taken_away() {
        nothing_is_heard_until_the_socket_hears_again(by_filter);
    }

    #[test]
    fn a_peer_without_a_signature_gives_up() {
        the_peer_gives_up_after_its_user_timeout(by_signature);
    }

    #[test]
    fn a_peer_behind_a_filter_gives_up() {
        the_peer_gives_up_after_its_user_timeout(by_filter);
    }
}
