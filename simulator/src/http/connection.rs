//! Connections that can be cut, with or without TLS.
//!
//! A lost answer is the one failure that HTTP itself cannot express, so the listener hands every
//! request a [`Cutter`] for the connection it came on. Once cut, the socket refuses to be read or
//! written, the server drops it, and the client sees the connection close without an answer.
//!
//! With TLS the first byte decides: a handshake makes the connection a TLS one, anything else stays
//! plain HTTP, so that one port serves both, and a script can steer the org without certificates.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{Accept, TlsAcceptor, server::TlsStream};

/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;

/// A listener whose connections can be cut by the requests they carry.
pub(crate) struct CuttableListener {
    pub(crate) tcp: TcpListener,
    /// What makes a TLS connection of one that asks for it.
    pub(crate) tls: Option<TlsAcceptor>,
}

impl Listener for CuttableListener {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (CuttableStream, SocketAddr) {
        let (stream, address) = <TcpListener as Listener>::accept(&mut self.tcp).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "nodelay refused");
        }
        let wire = match &self.tls {
            Some(acceptor) => Wire::Unknown(stream, acceptor.clone()),
            None => Wire::Plain(stream),
        };
        (CuttableStream { wire, cutter: Cutter::default() }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// Ends the connection a request came on without an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cutter(Arc<AtomicBool>);

impl Cutter {
    /// From now on nothing is read from or written to the connection; the next attempt closes it.
    pub(crate) fn cut(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_cut(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn check(&self) -> io::Result<()> {
        if self.is_cut() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut by a fault"));
        }
        Ok(())
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for Cutter {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> Self {
        stream.io().cutter.clone()
    }
}

/// A stream that fails once its cutter was used.
pub(crate) struct CuttableStream {
    wire: Wire,
    cutter: Cutter,
}

/// What a connection is; it becomes a TLS one while it is first read, so that a slow handshake keeps
/// nobody waiting.
enum Wire {
    Plain(TcpStream),
    /// Nothing was read yet.
    Unknown(TcpStream, TlsAcceptor),
    Handshake(Box<Accept<TcpStream>>),
    Tls(Box<TlsStream<TcpStream>>),
    /// The handshake failed.
    Gone,
}

/// A connection that is ready to carry HTTP.
enum Ready<'a> {
    Plain(&'a mut TcpStream),
    Tls(&'a mut TlsStream<TcpStream>),
}

impl Wire {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Ready<'_>>> {
        if let Self::Unknown(stream, _) = self {
            let mut first = [0; 1];
            let mut buffer = ReadBuf::new(&mut first);
            ready!(stream.poll_peek(context, &mut buffer))?;
            let is_tls = buffer.filled() == [HANDSHAKE];
            if let Self::Unknown(stream, acceptor) = std::mem::replace(self, Self::Gone) {
                *self = if is_tls {
                    Self::Handshake(Box::new(acceptor.accept(stream)))
                } else {
                    Self::Plain(stream)
                };
            }
        }
        if let Self::Handshake(accept) = self {
            let outcome = ready!(Pin::new(accept).poll(context));
            *self = Self::Gone;
            *self = Self::Tls(Box::new(outcome?));
        }
        Poll::Ready(match self {
            Self::Plain(stream) => Ok(Ready::Plain(stream)),
            Self::Tls(stream) => Ok(Ready::Tls(stream)),
            _ => Err(io::ErrorKind::NotConnected.into()),
        })
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.cutter.check()?;
        match ready!(self.wire.poll_ready(context))? {
            Ready::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Ready::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.cutter.check()?;
        match ready!(self.wire.poll_ready(context))? {
            Ready::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Ready::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cutter.check()?;
        match ready!(self.wire.poll_ready(context))? {
            Ready::Plain(stream) => Pin::new(stream).poll_flush(context),
            Ready::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let is_cut = self.cutter.is_cut();
        match &mut self.wire {
            Wire::Plain(stream) | Wire::Unknown(stream, _) => {
                Pin::new(stream).poll_shutdown(context)
            }
            // Who is cut off gets no farewell either.
            Wire::Tls(stream) if is_cut => Pin::new(stream.get_mut().0).poll_shutdown(context),
            Wire::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Wire::Handshake(_) | Wire::Gone => Poll::Ready(Ok(())),
        }
    }
}

/// Waits; the pauses that faults order end in this.
#[expect(clippy::disallowed_methods, reason = "lateness is what some faults are for")]
pub(crate) async fn delay(time: Duration) {
    tokio::time::sleep(time).await;
}
