//! Asking the kernel for network devices, addresses and neighbours (rtnetlink, RFC 3549).

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

// The numbers are those of <linux/netlink.h>, <linux/rtnetlink.h>, <linux/if_link.h>,
// <linux/if_addr.h>, <linux/neighbour.h> and <linux/veth.h>.
/// It is number 0, which is the default.
const NETLINK_ROUTE: Option<Protocol> = None;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;
const HEADER: usize = 16;

const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWNEIGH: u16 = 28;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_GSO_MAX_SEGS: u16 = 40;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFF_UP: u32 = 1;

const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;

const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const NUD_PERMANENT: u16 = 0x80;

const AF_INET: u8 = 2;

/// The address of a network device.
pub(super) type Mac = [u8; 6];

/// A socket to the kernel, for the network that its thread was in when it was opened.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: OwnedFd,
}

/// One end of a cable.
#[derive(Debug, Clone, Copy)]
pub(super) struct Device<'name> {
    pub(super) name: &'name str,
    pub(super) mac: Mac,
    pub(super) mtu: u32,
}

impl Netlink {
    pub(super) fn open() -> io::Result<Self> {
        let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
        let socket = socket_with(family, kind, SocketFlags::CLOEXEC, NETLINK_ROUTE)?;
        Ok(Self { socket })
    }

    /// Makes a cable (a pair of `veth` devices) with one end here and one in another network.
    pub(super) fn add_cable(
        &self,
        here: Device<'_>,
        there: Device<'_>,
        network: BorrowedFd<'_>,
    ) -> io::Result<()> {
        let mut peer = link_header(0, 0, 0);
        peer.extend(device(there));
        attribute(&mut peer, IFLA_NET_NS_FD, &network.as_raw_fd().to_ne_bytes());
        let mut data = Vec::new();
        attribute(&mut data, VETH_INFO_PEER, &peer);
        let mut info = Vec::new();
        attribute(&mut info, IFLA_INFO_KIND, b"veth");
        attribute(&mut info, IFLA_INFO_DATA, &data);
        let mut request = link_header(0, 0, 0);
        request.extend(device(here));
        attribute(&mut request, IFLA_LINKINFO, &info);
        self.ask(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &request)
    }

    /// Switches a device on.
    pub(super) fn switch_on(&self, index: u32) -> io::Result<()> {
        self.ask(RTM_NEWLINK, 0, &link_header(index, IFF_UP, IFF_UP))
    }

    /// Gives a device an address in a network of four.
    pub(super) fn add_address(&self, index: u32, address: Ipv4Addr) -> io::Result<()> {
        let mut request = vec![AF_INET, 30, 0, 0];
        request.extend(index.to_ne_bytes());
        attribute(&mut request, IFA_LOCAL, &address.octets());
        attribute(&mut request, IFA_ADDRESS, &address.octets());
        self.ask(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &request)
    }

    /// Says which device has an address, so that nobody has to ask for it over the wire.
    pub(super) fn add_neighbour(&self, index: u32, address: Ipv4Addr, mac: Mac) -> io::Result<()> {
        let mut request = vec![AF_INET, 0, 0, 0];
        request.extend(index.to_ne_bytes());
        request.extend(NUD_PERMANENT.to_ne_bytes());
        request.extend([0, 0]);
        attribute(&mut request, NDA_DST, &address.octets());
        attribute(&mut request, NDA_LLADDR, &mac);
        self.ask(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, &request)
    }

    fn ask(&self, kind: u16, flags: u16, payload: &[u8]) -> io::Result<()> {
        let length = (HEADER + payload.len()) as u32;
        let mut message = Vec::from(length.to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend((NLM_F_REQUEST | NLM_F_ACK | flags).to_ne_bytes());
        // Its number and its sender, which matter where several requests are under way.
        message.extend([0; 8]);
        message.extend(payload);
        send(&self.socket, &message, SendFlags::empty())?;
        let mut answer = [0; 4096];
        let (length, _) = recv(&self.socket, &mut answer, RecvFlags::empty())?;
        let field = |at: usize| answer[..length].get(at..at + 4);
        let is_error = field(4).is_some_and(|field| field[..2] == NLMSG_ERROR.to_ne_bytes());
        let code = field(HEADER).and_then(|code| code.try_into().ok()).map(i32::from_ne_bytes);
        match code {
            Some(0) if is_error => Ok(()),
            Some(code) if is_error => Err(io::Error::from_raw_os_error(-code)),
            _ => Err(io::Error::other("the kernel answered something else than was asked")),
        }
    }
}

/// `struct ifinfomsg`.
fn link_header(index: u32, flags: u32, change: u32) -> Vec<u8> {
    let mut header = vec![0; 4];
    header.extend(index.to_ne_bytes());
    header.extend(flags.to_ne_bytes());
    header.extend(change.to_ne_bytes());
    header
}

fn device(device: Device<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    attribute(&mut bytes, IFLA_IFNAME, format!("{}\0", device.name).as_bytes());
    attribute(&mut bytes, IFLA_ADDRESS, &device.mac);
    attribute(&mut bytes, IFLA_MTU, &device.mtu.to_ne_bytes());
    // No more than one segment of TCP in a packet, as on a real wire.
    attribute(&mut bytes, IFLA_GSO_MAX_SEGS, &1_u32.to_ne_bytes());
    bytes
}

/// Appends an attribute; they begin at multiples of four.
fn attribute(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    bytes.extend(((value.len() + 4) as u16).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}
