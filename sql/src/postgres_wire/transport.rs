//! From a TCP connection to one that messages go through: in clear, or after a TLS handshake. Reads not one byte more than the request for
//! TLS, so that nothing that came in clear is ever taken for something that came encrypted.

use std::io::{self, ErrorKind};

use pgwire::tokio::server::MaybeTls;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::postgres_wire::frames::Frames;

/// The first eight bytes of clients that ask for TLS, and for encryption by Kerberos.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
const GSS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30];
/// The first byte of a client that does not ask (`sslnegotiation=direct`).
const TLS_HANDSHAKE: u8 = 0x16;
/// What a client may ask for before it begins: each of the two once.
const REQUESTS_MAX: usize = 2;

/// Agrees with a client on encryption; whether it is encrypted then.
pub(super) async fn negotiate(
    mut stream: TcpStream,
    tls: Option<&TlsAcceptor>,
) -> io::Result<(Frames<MaybeTls>, bool)> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first[0] == TLS_HANDSHAKE {
        let tls = tls.ok_or_else(|| io::Error::from(ErrorKind::Unsupported))?;
        return encrypted(stream, tls).await;
    }
    for _ in 0..=REQUESTS_MAX {
        let mut begun = [0; 8];
        stream.read_exact(&mut begun).await?;
        match (begun, tls) {
            (TLS_REQUEST, Some(tls)) => {
                stream.write_all(b"S").await?;
                return encrypted(stream, tls).await;
            }
            (TLS_REQUEST | GSS_REQUEST, _) => stream.write_all(b"N").await?,
            (begun, _) => return Ok((Frames::new(MaybeTls::Plain(stream), begun.to_vec()), false)),
        }
    }
    Err(io::Error::new(
        ErrorKind::InvalidData,
        "asks for encryption again and again",
    ))
}

async fn encrypted(stream: TcpStream, tls: &TlsAcceptor) -> io::Result<(Frames<MaybeTls>, bool)> {
    let stream = tls.accept(stream).await?;
    Ok((Frames::new(MaybeTls::Tls(Box::new(stream)), Vec::new()), true))
}
