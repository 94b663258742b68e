//! Two private networks, and the wire between them.
//!
//! ```text
//!   clients' end 10.255.0.1 ══ cable ══ tap        tap ══ cable ══ 10.255.0.2 servers' end
//!                                        └── this ──┘
//! ```
//!
//! Each of the four devices is in a network of its own, which nobody else can see, so that a tap
//! hears its cable and nothing else. Everything disappears with the last process and socket in it.

use std::fmt::Display;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::{
    set_socket_recv_buffer_size, set_socket_recv_buffer_size_force, set_socket_send_buffer_size,
};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrAny, SocketFlags, SocketType, bind, eth, listen,
    netdevice, recvfrom, sendto, socket_with,
};

use super::frame::Frame;
use super::message::Namespace;
use super::netlink::{Device, Mac, Netlink};

pub(super) const CLIENTS_END: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 1);
const SERVERS_END: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 2);

/// That of an Ethernet, so that a segment carries what it does there.
const MTU: u32 = 1500;

/// How much may wait to be taken from a cable: what is beyond is lost, and no fault has drawn it.
const TAP_BUFFER: usize = 16 << 20;

/// How much a socket buffers, which bounds what a connection has under way: several of them together
/// have to fit into what a tap may hold where that cannot be raised.
const SOCKET_BUFFER: usize = 256 << 10;

/// How many connections may be being made at a time.
const BACKLOG: i32 = 128;

/// How long a device may take to come up, in seconds.
const PATIENCE: i64 = 10;

/// The networks.
#[derive(Debug)]
pub(super) struct Networks {
    pub(super) namespace: Namespace,
    pub(super) clients: Tap,
    pub(super) servers: Tap,
    /// Where the servers' ends of pairs are accepted.
    pub(super) listener: OwnedFd,
    pub(super) address: SocketAddr,
}

/// What this side of a cable says and hears.
#[derive(Debug)]
pub(super) struct Tap {
    socket: OwnedFd,
    /// The device, as an address to send to.
    device: SocketAddrAny,
}

/// Makes the networks. This thread is in that of the clients' ends afterwards.
///
/// The error is a sentence that says what was refused, and which setting of the machine refuses it.
pub(super) fn make() -> Result<Networks, String> {
    let namespace = enter_first()?;
    let clients_end = here()?;
    leave_for_another()?;
    let servers_end = here()?;
    leave_for_another()?;
    let clients_tap = lay_cable(CLIENTS_MAC, &clients_end)?;
    leave_for_another()?;
    let servers_tap = lay_cable(SERVERS_MAC, &servers_end)?;

    move_to(&servers_end)?;
    set_up(SERVERS_END, CLIENTS_END, CLIENTS_MAC)?;
    let greeting = because("greet", greet(SERVERS_END, CLIENTS_END))?;
    let servers = because("hear of a device", Tap::hear_of_device(servers_tap))?;
    let (listener, address) = because("listen", listen_at(SERVERS_END))?;
    drop(greeting);

    move_to(&clients_end)?;
    set_up(CLIENTS_END, SERVERS_END, SERVERS_MAC)?;
    let greeting = because("greet", greet(CLIENTS_END, SERVERS_END))?;
    let clients = because("hear of a device", Tap::hear_of_device(clients_tap))?;
    drop(greeting);
    Ok(Networks { namespace, clients, servers, listener, address })
}

const CLIENTS_MAC: Mac = [2, 0, 0, 0, 0, 1];
const SERVERS_MAC: Mac = [2, 0, 0, 0, 0, 2];

/// The name of each device; there is one of them in each network.
const NAME: &str = "wire0";

fn because<T, E: Display>(action: &str, result: Result<T, E>) -> Result<T, String> {
    result.map_err(|error| format!("the kernel refuses to {action} in a private network ({error})"))
}

/// Leaves the network of the machine for a new one, by own right or by that of a user namespace.
fn enter_first() -> Result<Namespace, String> {
    let Err(denied) = unshare(CloneFlags::CLONE_NEWNET) else { return Ok(Namespace::Network) };
    match unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET) {
        Ok(()) => Ok(Namespace::User),
        Err(error) => {
            let hint = match error {
                Errno::EINVAL => ", which takes a process of one thread",
                _ => "",
            };
            Err(format!(
                "this process may not make a network of its own ({denied}), nor a user namespace \
                 in which it might ({error}{hint}){}",
                settings()
            ))
        }
    }
}

/// The settings of the machine that forbid user namespaces, as far as they are known.
fn settings() -> String {
    let hints = [
        ("/proc/sys/user/max_user_namespaces", "0"),
        ("/proc/sys/user/max_net_namespaces", "0"),
        ("/proc/sys/kernel/unprivileged_userns_clone", "0"),
        ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
    ];
    let mut text = String::new();
    for (path, value) in hints {
        if std::fs::read_to_string(path).is_ok_and(|found| found.trim() == value) {
            let name = path.trim_start_matches("/proc/sys/").replace('/', ".");
            text.push_str(&format!("; {name} is {value}"));
        }
    }
    text
}

fn here() -> Result<File, String> {
    File::open("/proc/thread-self/ns/net")
        .map_err(|error| format!("/proc/thread-self/ns/net cannot be opened ({error})"))
}

fn leave_for_another() -> Result<(), String> {
    unshare(CloneFlags::CLONE_NEWNET)
        .map_err(|error| format!("no further network can be made ({error}){}", settings()))
}

fn move_to(network: &File) -> Result<(), String> {
    because("move", setns(network, CloneFlags::CLONE_NEWNET))
}

/// Makes a cable from here to the network of its far end, and taps it here.
fn lay_cable(far_mac: Mac, network: &File) -> Result<OwnedFd, String> {
    let mut mac = far_mac;
    // An address of this end, to which nobody ever writes.
    mac[4] = 1;
    let near = Device { name: NAME, mac, mtu: MTU };
    let far = Device { name: NAME, mac: far_mac, mtu: MTU };
    let netlink = because("listen to requests", Netlink::open())?;
    because("make a veth device", netlink.add_cable(near, far, network.as_fd()))?;
    let (family, kind) = (AddressFamily::PACKET, SocketType::RAW);
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let tap = because("tap a device", socket_with(family, kind, flags, Some(eth::ALL)))?;
    if set_socket_recv_buffer_size_force(&tap, TAP_BUFFER).is_err() {
        because("buffer packets", set_socket_recv_buffer_size(&tap, TAP_BUFFER))?;
    }
    let index = because("find a device", netdevice::name_to_index(&tap, NAME))?;
    because("switch a device on", netlink.switch_on(index))?;
    Ok(tap)
}

/// Gives the device of this network its address, and the one at the other end its own.
fn set_up(address: Ipv4Addr, other: Ipv4Addr, other_mac: Mac) -> Result<(), String> {
    let netlink = because("listen to requests", Netlink::open())?;
    let any = because("open a socket", UdpSocket::bind("0.0.0.0:0"))?;
    let index = because("find a device", netdevice::name_to_index(&any, NAME))?;
    because("add an address", netlink.add_address(index, address))?;
    because("switch a device on", netlink.switch_on(index))?;
    because("add a neighbour", netlink.add_neighbour(index, other, other_mac))?;
    // What one connection met is not to be held against the next one. Without it, it is.
    std::fs::write("/proc/sys/net/ipv4/tcp_no_metrics_save", "1").ok();
    Ok(())
}

/// Sends something, so that the tap hears which device it hears.
fn greet(from: Ipv4Addr, to: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((from, 0))?;
    // To the port that discards.
    socket.send_to(b"hello", (to, 9))?;
    Ok(socket)
}

fn listen_at(address: Ipv4Addr) -> io::Result<(OwnedFd, SocketAddr)> {
    let listener = tcp_socket()?;
    bind(&listener, &SocketAddr::from((address, 0)))?;
    listen(&listener, BACKLOG)?;
    let address = rustix::net::getsockname(&listener)?.try_into()?;
    Ok((listener, address))
}

/// A socket for one end of a pair.
pub(super) fn tcp_socket() -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    set_socket_recv_buffer_size(&socket, SOCKET_BUFFER)?;
    set_socket_send_buffer_size(&socket, SOCKET_BUFFER)?;
    Ok(socket)
}

impl Tap {
    /// Waits until something is heard from the device.
    fn hear_of_device(socket: OwnedFd) -> rustix::io::Result<Self> {
        let patience = Timespec { tv_sec: PATIENCE, tv_nsec: 0 };
        loop {
            let mut events = [PollFd::new(&socket, PollFlags::IN)];
            if poll(&mut events, Some(&patience))? == 0 {
                return Err(rustix::io::Errno::TIMEDOUT);
            }
            if let (_, _, Some(device)) = recvfrom(&socket, &mut [0; 64], RecvFlags::empty())? {
                return Ok(Self { socket, device });
            }
        }
    }

    /// The next frame that carries TCP, if one is there.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> Option<Frame> {
        loop {
            let (_, length, _) = recvfrom(&self.socket, &mut *buffer, RecvFlags::empty()).ok()?;
            if let Some(frame) = buffer.get(..length).and_then(Frame::parse) {
                return Some(frame);
            }
        }
    }

    /// Says a frame. One that finds no room is lost, as on any wire.
    pub(super) fn send(&self, frame: &Frame) {
        sendto(&self.socket, frame.bytes(), SendFlags::empty(), &self.device).ok();
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
