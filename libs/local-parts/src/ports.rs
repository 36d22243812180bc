//! Ports on loopback.

use std::net::{Ipv4Addr, TcpListener};

use crate::PartError;

/// The port that was asked for, or one that is free now.
pub(crate) fn chosen(port: Option<u16>) -> Result<u16, PartError> {
    if let Some(port) = port {
        return Ok(port);
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(PartError::system("no free port on loopback"))
}
