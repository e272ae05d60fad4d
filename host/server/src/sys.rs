//! The one place in this crate that speaks to the kernel directly: datagrams in batches, limits on
//! descriptors, and memory that is not touched before it is used.
//!
//! A [`Batch`] owns all memory that `recvmmsg` and `sendmmsg` see, laid out once. A receive blocks for
//! the first datagram and takes what else is there (`MSG_WAITFORONE`); the socket's receive timeout
//! brings it back now and then so that a stop is seen. Replies go out with one call, to the address
//! each query came from; on sockets bound to a wildcard address they leave from the address that was
//! asked, which the kernel tells with each datagram.
#![allow(
    unsafe_code,
    reason = "recvmmsg and sendmmsg take arrays of pointers; std has no such call"
)]

use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::sync::atomic::AtomicU64;

use bailiwick_meter::Source;

/// Datagrams a batch takes. Measured best; fewer cost more system calls, more do not help.
pub(crate) const BATCH: usize = 64;
/// Longest query taken whole; what is longer is cut and fails to parse.
pub(crate) const QUERY_MAX: usize = 4096;
/// Room for an answer; the size limit over UDP is below it.
pub(crate) const ANSWER_MAX: usize = 4096;
/// Room for one packet-info message of either family.
const CONTROL_MAX: usize = 64;

/// Queries of one receive and the answers to them.
pub(crate) struct Batch {
    /// Owned: made by `Box::into_raw`, and read or written only through this pointer, so that the
    /// pointers inside stay valid while the batch itself moves.
    memory: ptr::NonNull<Memory>,
    received: usize,
    /// Also ask for the address that was asked.
    packet_info: bool,
}

/// Everything the kernel reads or writes. The headers point into the rest.
#[repr(C)]
struct Memory {
    in_headers: [libc::mmsghdr; BATCH],
    out_headers: [libc::mmsghdr; BATCH],
    in_parts: [libc::iovec; BATCH],
    out_parts: [libc::iovec; BATCH],
    peers: [Peer; BATCH],
    /// Which query each entry of `out_headers` answers, and how long the answer is.
    answer_lens: [u16; BATCH],
    control: [Control; BATCH],
    queries: [[u8; QUERY_MAX]; BATCH],
    answers: [[u8; ANSWER_MAX]; BATCH],
}

#[repr(C, align(8))]
struct Control([u8; CONTROL_MAX]);

/// An address as the kernel writes it.
#[repr(C)]
#[derive(Clone, Copy)]
union Peer {
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

/// What became of the answers of a batch.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Sent {
    pub(crate) answers: usize,
    /// The kernel would not take them: no route, a filter, a full buffer.
    pub(crate) unsent: usize,
}

// SAFETY: the memory belongs to the batch alone, and nothing in it is tied to a thread.
unsafe impl Send for Batch {}

impl Batch {
    pub(crate) fn new(packet_info: bool) -> Self {
        // SAFETY: all of `Memory` is plain numbers, nullable pointers and octets: zero is valid.
        let memory: Box<Memory> = unsafe { Box::<Memory>::new_zeroed().assume_init() };
        let memory = Box::into_raw(memory);
        for i in 0..BATCH {
            // SAFETY: `memory` is live and ours alone; `i` is within every array.
            unsafe {
                let part = &raw mut (*memory).in_parts[i];
                (*part).iov_base = (&raw mut (*memory).queries[i]).cast();
                (*part).iov_len = QUERY_MAX;
                let header = &raw mut (*memory).in_headers[i].msg_hdr;
                (*header).msg_name = (&raw mut (*memory).peers[i]).cast();
                (*header).msg_namelen = size_of::<Peer>() as u32;
                (*header).msg_iov = part;
                (*header).msg_iovlen = 1;
                if packet_info {
                    (*header).msg_control = (&raw mut (*memory).control[i]).cast();
                    (*header).msg_controllen = CONTROL_MAX;
                }
                (*memory).out_parts[i].iov_base = (&raw mut (*memory).answers[i]).cast();
            }
        }
        let memory = ptr::NonNull::new(memory).expect("a box is never null");
        Self {
            memory,
            received: 0,
            packet_info,
        }
    }

    /// Waits for datagrams and takes up to a batch of them; none when the socket's timeout passed, or
    /// at once when nothing is there and `wait` is false.
    pub(crate) fn receive(&mut self, socket: BorrowedFd<'_>, wait: bool) -> io::Result<usize> {
        let memory = self.memory.as_ptr();
        for i in 0..self.received {
            // SAFETY: `i` < BATCH; the kernel is not using the memory between calls.
            unsafe {
                let header = &raw mut (*memory).in_headers[i].msg_hdr;
                (*header).msg_namelen = size_of::<Peer>() as u32;
                (*header).msg_controllen = if self.packet_info { CONTROL_MAX } else { 0 };
                (*header).msg_flags = 0;
            }
        }
        self.received = 0;
        let flags = if wait {
            libc::MSG_WAITFORONE
        } else {
            libc::MSG_DONTWAIT
        };
        // SAFETY: the headers, and all they point at, live as long as the batch.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                (&raw mut (*memory).in_headers).cast(),
                BATCH as u32,
                flags,
                ptr::null_mut(),
            )
        };
        if count < 0 {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock
                | io::ErrorKind::Interrupted
                | io::ErrorKind::TimedOut => Ok(0),
                _ => Err(error),
            };
        }
        self.received = (count as usize).min(BATCH);
        for i in 0..self.received {
            // SAFETY: `i` < BATCH.
            unsafe { (*memory).answer_lens[i] = 0 };
        }
        Ok(self.received)
    }

    /// The octets of query `i`; none past the last one received.
    #[inline]
    pub(crate) fn query(&self, i: usize) -> &[u8] {
        if i >= self.received {
            return &[];
        }
        // SAFETY: `i` < BATCH; the kernel filled `msg_len` octets, at most QUERY_MAX; `answer_mut`
        // hands out another array.
        unsafe {
            let memory = self.memory.as_ptr();
            let len = ((*memory).in_headers[i].msg_len as usize).min(QUERY_MAX);
            std::slice::from_raw_parts((&raw const (*memory).queries[i]).cast(), len)
        }
    }

    /// Query `i` and the room for its answer.
    #[inline]
    pub(crate) fn exchange(&mut self, i: usize) -> (&[u8], &mut [u8]) {
        if i >= self.received {
            return (&[], &mut []);
        }
        // SAFETY: `i` < BATCH; queries and answers are different arrays; `&mut self` keeps anyone
        // else from having this answer at the same time.
        let answer = unsafe {
            let memory = self.memory.as_ptr();
            std::slice::from_raw_parts_mut((&raw mut (*memory).answers[i]).cast::<u8>(), ANSWER_MAX)
        };
        (self.query(i), answer)
    }

    /// Where query `i` came from: address and port.
    #[inline]
    pub(crate) fn source(&self, i: usize) -> (Source, u16) {
        match self.peer(i) {
            Some(PeerRef::V4(v4)) => (
                Source::from_v4(u32::from_be(v4.sin_addr.s_addr)),
                u16::from_be(v4.sin_port),
            ),
            Some(PeerRef::V6(v6)) => (
                Source::from_v6(v6.sin6_addr.s6_addr),
                u16::from_be(v6.sin6_port),
            ),
            None => (Source::from_v4(0), 0),
        }
    }

    /// The same as a socket address, for what is rare.
    pub(crate) fn peer_address(&self, i: usize) -> SocketAddr {
        match self.peer(i) {
            Some(PeerRef::V6(v6)) => SocketAddr::V6(SocketAddrV6::new(
                Ipv6Addr::from(v6.sin6_addr.s6_addr),
                u16::from_be(v6.sin6_port),
                u32::from_be(v6.sin6_flowinfo),
                v6.sin6_scope_id,
            )),
            Some(PeerRef::V4(v4)) => SocketAddr::V4(SocketAddrV4::new(
                u32::from_be(v4.sin_addr.s_addr).into(),
                u16::from_be(v4.sin_port),
            )),
            None => SocketAddr::V4(SocketAddrV4::new(0.into(), 0)),
        }
    }

    #[inline]
    fn peer(&self, i: usize) -> Option<PeerRef<'_>> {
        if i >= self.received {
            return None;
        }
        // SAFETY: `i` < BATCH. The kernel wrote the address; both arms start with the family, and any
        // octets are a valid value of either.
        unsafe {
            let peer: &Peer = &(*self.memory.as_ptr()).peers[i];
            match i32::from(peer.v4.sin_family) {
                libc::AF_INET => Some(PeerRef::V4(&peer.v4)),
                libc::AF_INET6 => Some(PeerRef::V6(&peer.v6)),
                _ => None,
            }
        }
    }

    /// Says how long the answer to query `i` is; 0: there is none.
    #[inline]
    pub(crate) fn set_answer(&mut self, i: usize, len: usize) {
        if i < self.received {
            // SAFETY: `i` < BATCH; the value is cut to the room there is.
            unsafe { (*self.memory.as_ptr()).answer_lens[i] = len.min(ANSWER_MAX) as u16 };
        }
    }

    /// Sends the answers, each to where its query came from.
    pub(crate) fn send(&mut self, socket: BorrowedFd<'_>) -> Sent {
        let count = self.gather();
        let mut sent = Sent::default();
        let mut at = 0;
        while at < count {
            // SAFETY: entries `at..count` were filled by `gather`, and what they point at is live.
            let done = unsafe {
                let first: *mut libc::mmsghdr =
                    (&raw mut (*self.memory.as_ptr()).out_headers).cast();
                libc::sendmmsg(socket.as_raw_fd(), first.add(at), (count - at) as u32, 0)
            };
            if done > 0 {
                at += done as usize;
                sent.answers += done as usize;
            } else if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                // The first of the rest was not taken: it is lost as any datagram may be, the others
                // still go.
                at += 1;
                sent.unsent += 1;
            }
        }
        sent
    }

    /// Lines the answers up for sending and returns how many there are.
    fn gather(&mut self) -> usize {
        let memory = self.memory.as_ptr();
        let mut count = 0;
        for i in 0..self.received {
            // SAFETY: `i` and `count` ≤ `i` are below BATCH; headers point at memory of the batch.
            unsafe {
                let len = usize::from((*memory).answer_lens[i]);
                if len == 0 {
                    continue;
                }
                let part = &raw mut (*memory).out_parts[i];
                (*part).iov_len = len;
                let received = &raw const (*memory).in_headers[i].msg_hdr;
                let header = &raw mut (*memory).out_headers[count].msg_hdr;
                (*header).msg_name = (*received).msg_name;
                (*header).msg_namelen = (*received).msg_namelen;
                (*header).msg_iov = part;
                (*header).msg_iovlen = 1;
                (*header).msg_control = ptr::null_mut();
                (*header).msg_controllen = 0;
                if self.packet_info {
                    let len = answer_from_asked_address(received);
                    if len > 0 {
                        (*header).msg_control = (*received).msg_control;
                        (*header).msg_controllen = len;
                    }
                }
            }
            count += 1;
        }
        count
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: made by `Box::into_raw` in `new`, and dropped only here.
        drop(unsafe { Box::from_raw(self.memory.as_ptr()) });
    }
}

enum PeerRef<'a> {
    V4(&'a libc::sockaddr_in),
    V6(&'a libc::sockaddr_in6),
}

/// Turns the packet info that came with a query into the one its answer goes out with, in place, and
/// returns its length; 0 when there is none.
///
/// # Safety
/// `header` must be one that `recvmmsg` filled, with its control memory live and not in use.
unsafe fn answer_from_asked_address(header: *const libc::msghdr) -> usize {
    // SAFETY: the caller vouches for the header; the macros stay within `msg_controllen`, and the
    // control memory is aligned for a `cmsghdr`, so is its data for these two structures.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(header);
        if message.is_null() {
            return 0;
        }
        let data = libc::CMSG_DATA(message);
        match ((*message).cmsg_level, (*message).cmsg_type) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                // The route decides the interface; the address is the one that was asked.
                (*data.cast::<libc::in_pktinfo>()).ipi_ifindex = 0;
                libc::CMSG_SPACE(size_of::<libc::in_pktinfo>() as u32) as usize
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                let info = data.cast::<libc::in6_pktinfo>();
                let address = Ipv6Addr::from((*info).ipi6_addr.s6_addr);
                // RFC 4007 6: a link-local address means something on its own link only.
                if !address.is_unicast_link_local() {
                    (*info).ipi6_ifindex = 0;
                }
                libc::CMSG_SPACE(size_of::<libc::in6_pktinfo>() as u32) as usize
            }
            _ => 0,
        }
    }
}

/// Sets an integer option that `socket2` does not know.
pub(crate) fn set_option(
    socket: BorrowedFd<'_>,
    level: i32,
    option: i32,
    value: i32,
) -> io::Result<()> {
    // SAFETY: the value outlives the call, and its length is given.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of::<i32>() as u32,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Waits until one of the sockets has something, at most so long; tells which have.
pub(crate) fn wait_readable(
    sockets: &[BorrowedFd<'_>],
    ready: &mut Vec<bool>,
    timeout_ms: i32,
) -> io::Result<()> {
    let mut polled: Vec<libc::pollfd> = sockets
        .iter()
        .map(|socket| libc::pollfd {
            fd: socket.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        })
        .collect();
    // SAFETY: the array is live and its length is given.
    let count = unsafe {
        libc::poll(
            polled.as_mut_ptr(),
            polled.len() as libc::nfds_t,
            timeout_ms,
        )
    };
    ready.clear();
    ready.extend(polled.iter().map(|socket| count > 0 && socket.revents != 0));
    if count < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(())
}

/// A cache line of numbers that threads share.
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [AtomicU64; LINE_WORDS]);

/// Numbers in a [`Line`].
pub(crate) const LINE_WORDS: usize = 8;

/// So many lines of zeros. The system gives each page when it is first touched, so a table that is
/// hardly used hardly takes memory.
pub(crate) fn zeroed_lines(count: usize) -> Box<[Line]> {
    // SAFETY: a line is nothing but integers, for which zero is a value.
    unsafe { Box::new_zeroed_slice(count).assume_init() }
}

/// How many descriptors this process may have.
pub(crate) fn descriptor_limit() -> usize {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the structure is live and of the type the call fills.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    if result == 0 {
        usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX)
    } else {
        256
    }
}

/// Octets that the allocator has given out and not got back. Takes its locks for a moment: not for threads
/// that answer UDP, which do not allocate.
pub(crate) fn heap_in_use() -> u64 {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: takes no pointer and may be called at any time from any thread (mallinfo2(3)).
        unsafe { libc::mallinfo2() }.uordblks as u64
    }
    #[cfg(not(target_env = "gnu"))]
    0
}

/// Gives freed memory back to the system, which the allocator does only at the end of its heaps. Takes its
/// locks like [`heap_in_use`].
pub(crate) fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointer and may be called at any time from any thread (malloc_trim(3)).
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd;
    use std::time::Duration;

    use super::*;

    pub(crate) fn get_option(socket: BorrowedFd<'_>, level: i32, option: i32) -> i32 {
        let (mut value, mut len) = (0i32, size_of::<i32>() as u32);
        // SAFETY: value and length are live, and the length says how large the value is.
        let result = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                level,
                option,
                (&raw mut value).cast(),
                &raw mut len,
            )
        };
        assert_eq!(result, 0);
        value
    }

    fn pair(address: &str) -> (UdpSocket, UdpSocket) {
        let server = UdpSocket::bind((address, 0)).unwrap();
        server
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        let client = UdpSocket::bind((address, 0)).unwrap();
        client.connect(server.local_addr().unwrap()).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        (server, client)
    }

    #[test]
    fn a_batch_takes_what_is_there_and_answers_each_sender() {
        let (server, client) = pair("127.0.0.1");
        for n in 0..5u8 {
            client.send(&[n; 20]).unwrap();
        }
        let mut batch = Batch::new(false);
        let mut seen = 0;
        while seen < 5 {
            let count = batch.receive(server.as_fd(), true).unwrap();
            for i in 0..count {
                assert_eq!(batch.query(i).len(), 20);
                assert_eq!(batch.peer_address(i), client.local_addr().unwrap());
                let (query, answer) = batch.exchange(i);
                let first = query[0];
                answer[..3].copy_from_slice(&[first, 7, 7]);
                // One is left without an answer.
                batch.set_answer(i, if first == 2 { 0 } else { 3 });
            }
            let sent = batch.send(server.as_fd());
            assert_eq!(sent.unsent, 0);
            seen += count;
        }
        let mut buffer = [0; 64];
        for n in [0u8, 1, 3, 4] {
            assert_eq!(client.recv(&mut buffer).unwrap(), 3);
            assert_eq!(buffer[..3], [n, 7, 7]);
        }
    }

    #[test]
    fn a_quiet_socket_brings_an_empty_batch() {
        let (server, _client) = pair("127.0.0.1");
        assert_eq!(Batch::new(false).receive(server.as_fd(), true).unwrap(), 0);
        assert_eq!(Batch::new(false).receive(server.as_fd(), false).unwrap(), 0);
    }

    #[test]
    fn what_the_kernel_refuses_does_not_hold_up_the_rest() {
        let (server, client) = pair("127.0.0.1");
        client.send(b"first").unwrap();
        client.send(b"second").unwrap();
        let mut batch = Batch::new(false);
        let mut count = 0;
        while count < 2 {
            count = batch.receive(server.as_fd(), true).unwrap();
            assert_eq!(count, 2, "both were sent before");
        }
        // SAFETY: as in `peer`; port 0 is no destination, so the kernel refuses this one.
        unsafe { (*batch.memory.as_ptr()).peers[0].v4.sin_port = 0 };
        batch.set_answer(0, 4);
        batch.set_answer(1, 4);
        assert_eq!(
            batch.send(server.as_fd()),
            Sent {
                answers: 1,
                unsent: 1
            }
        );
        assert_eq!(client.recv(&mut [0; 64]).unwrap(), 4);
    }

    #[test]
    fn there_is_nothing_past_the_last_query() {
        let mut batch = Batch::new(false);
        assert!(batch.query(0).is_empty() && batch.exchange(BATCH).1.is_empty());
        batch.set_answer(0, 10);
        assert_eq!(batch.source(0).1, 0);
    }
}
