//! Taking the ports before anything slow happens, so that a taken one shows at once, and giving
//! the data port back without losing who has already come in.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener},
};

use socket2::{Domain, Protocol, Socket, Type};

use super::Exit;

/// A listening socket on `address`; `key` is what to change if it cannot be had.
pub(super) fn listen(address: SocketAddr, backlog: u32, key: &str) -> Result<TcpListener, Exit> {
    let taken = |error: io::Error| {
        Exit::unavailable(format!(
            "cannot listen on {address}: {error}; free the port or choose another with {key}"
        ))
    };
    open(address, backlog).map_err(taken)
}

pub(super) fn open(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restarted gateway must not wait for the old one's connections to be forgotten.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    socket.set_nonblocking(true)?;
    Ok(TcpListener::from(socket))
}

/// A second handle to a listener that somebody else accepts from, to close the listener with.
pub(super) struct DrainingListener(Socket);

impl DrainingListener {
    pub(super) fn of(listener: &TcpListener) -> io::Result<Self> {
        Ok(Self(Socket::from(listener.try_clone()?)))
    }

    /// Lets nobody else in, while those whose connection the kernel has completed stay in the
    /// backlog, and those it is just completing get there. Closing the socket at once would reset
    /// them, after they were told "connected". A new attempt is not refused but left unanswered; by
    /// the time it is repeated, the port is closed.
    pub(super) fn reject_new_connections(&self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        self.0.attach_filter(&no_new_connections())?;
        Ok(())
    }

    /// Whether somebody still waits in the backlog.
    pub(super) fn has_backlog(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let mut listener = [PollFd::new(&self.0, PollFlags::IN)];
        matches!(poll(&mut listener, Some(&at_once)), Ok(n) if n > 0)
    }

    /// Refuses connections from now on, whoever else holds the socket.
    pub(super) fn close(&self) {
        // Only Linux lets a listening socket be shut down; elsewhere the port is closed with the
        // server, a moment later.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// A packet filter, in the kernel's classic bytecode: "drop what has SYN and not ACK set". A filter
/// on a TCP socket sees packets from their TCP header on.
#[cfg(target_os = "linux")]
fn no_new_connections() -> [socket2::SockFilter; 5] {
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const FLAGS_AT: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    let step = socket2::SockFilter::new;
    [
        step(LOAD_BYTE, 0, 0, FLAGS_AT),
        step(AND, 0, 0, SYN | ACK),
        step(JUMP_IF_EQUAL, 0, 1, SYN),
        step(RETURN, 0, 0, 0),
        step(RETURN, 0, 0, u32::MAX),
    ]
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn who_is_in_the_backlog_when_the_door_is_barred_can_still_be_accepted() {
        let listener = open(([127, 0, 0, 1], 0).into(), 16).unwrap();
        let address = listener.local_addr().unwrap();
        let draining = DrainingListener::of(&listener).unwrap();
        assert!(!draining.has_backlog());
        let early = TcpStream::connect(address).unwrap();
        draining.reject_new_connections().unwrap();
        assert!(draining.has_backlog());
        let (accepted, _) = listener.accept().unwrap();
        assert_eq!(accepted.peer_addr().unwrap(), early.local_addr().unwrap());
        assert!(!draining.has_backlog());
        draining.close();
        if cfg!(target_os = "linux") {
            let late = TcpStream::connect(address).unwrap_err();
            assert_eq!(late.kind(), io::ErrorKind::ConnectionRefused);
        }
    }
}
