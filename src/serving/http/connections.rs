//! Connections: taken, proven by TLS where there is a certificate, and spoken HTTP/1.1 with, each in a task of its own so that a slow
//! client keeps nobody waiting. Knows no route.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use prometheus_client::metrics::gauge::Gauge;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use crate::serving::DRAIN_MAX;
use crate::serving::http::stalling::Stalling;

/// How long TLS may take to be agreed on.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// How long the head of a request may take, and how long a connection may be silent before it.
const HEAD_MAX: Duration = Duration::from_secs(30);
/// The longest head of a request, and what is read ahead of its body, bytes.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// The most headers of a request.
const HEADERS_MAX: usize = 64;
/// After an error that is not one connection's, such as too many open files.
const PAUSE: Duration = Duration::from_millis(200);

/// What a connection that is one too many is told, without reading its request.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Takes connections.
pub(super) struct Connections {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) router: Router,
    /// The most at the same time.
    pub(super) limit: usize,
    /// How many there are.
    pub(super) open: Gauge,
    /// Turns true when it is time to end.
    pub(super) stop: watch::Receiver<bool>,
}

/// The other end of a connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    cut: Arc<Notify>,
}

impl Peer {
    /// Ends the connection now, whatever is on its way.
    pub(super) fn cut(&self) {
        self.cut.notify_one();
    }
}

impl Connections {
    /// Takes connections until it is time to end, and waits for answers that are on their way, [`DRAIN_MAX`] at most.
    pub(super) async fn serve(self) {
        let mut tasks = JoinSet::new();
        let mut stop = self.stop.clone();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, address)) => self.begin(stream, address, &mut tasks),
                    Err(failure) => {
                        warn!("cannot take a connection: {failure}");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
                Some(_) = tasks.join_next() => {}
                () = stopped(&mut stop) => break,
            }
            self.open.set(i64::try_from(tasks.len()).unwrap_or(i64::MAX));
        }
        drop(self.listener);
        let all_end = async { while tasks.join_next().await.is_some() {} };
        if timeout(DRAIN_MAX, all_end).await.is_err() {
            warn!("answers that take too long are cut off");
        }
    }

    fn begin(&self, stream: TcpStream, address: SocketAddr, tasks: &mut JoinSet<()>) {
        if tasks.len() >= self.limit {
            // What does not fit into the empty buffer of a new connection is not worth waiting for; in TLS nobody would read it.
            if self.tls.is_none() {
                let _ = stream.try_write(FULL);
            }
            return debug!(%address, "one connection too many");
        }
        // Answers are written whole.
        let _ = stream.set_nodelay(true);
        let peer = Peer {
            address,
            cut: Arc::new(Notify::new()),
        };
        let router = self.router.clone().layer(Extension(peer.clone()));
        let stop = self.stop.clone();
        match self.tls.clone() {
            None => tasks.spawn(converse(stream, router, peer, stop)),
            Some(tls) => tasks.spawn(async move {
                match timeout(HANDSHAKE_MAX, tls.accept(stream)).await {
                    Ok(Ok(stream)) => converse(stream, router, peer, stop).await,
                    Ok(Err(failure)) => debug!(%address, "no TLS: {failure}"),
                    Err(_) => debug!(%address, "no TLS in {} s", HANDSHAKE_MAX.as_secs()),
                }
            }),
        };
    }
}

/// Answers all requests of one connection.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    peer: Peer,
    mut stop: watch::Receiver<bool>,
) {
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(
                TokioIo::new(Stalling::new(stream)),
                TowerToHyperService::new(router),
            )
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = peer.cut.notified() => return,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(failure) = ended {
        debug!(address = %peer.address, "ended: {failure}");
    }
}

/// It is time to end, or nobody is left who could say so.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
