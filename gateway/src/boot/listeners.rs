//! Taking the ports before anything slow happens, so that a taken one shows at once.

use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use super::Exit;

/// A listening socket on `address`; `key` is what to change if it cannot be had.
pub(super) fn listen(address: SocketAddr, backlog: u32, key: &str) -> Result<TcpListener, Exit> {
    let taken = |error: std::io::Error| {
        Exit::unavailable(format!(
            "cannot listen on {address}: {error}; free the port or choose another with {key}"
        ))
    };
    let open = || {
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
    };
    open().map_err(taken)
}
