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
        atomic::{AtomicBool, AtomicUsize, Ordering},
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
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep},
};
use tokio_rustls::{Accept, TlsAcceptor, server::TlsStream};

/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;

/// Connections at the same time.
const CONNECTIONS: usize = 2_000;

/// A listener whose connections can be cut by the requests they carry.
pub(crate) struct CuttableListener {
    tcp: TcpListener,
    /// What makes a TLS connection of one that asks for it.
    tls: Option<TlsAcceptor>,
    /// How long a connection may be without a request, whether it says nothing or never gets to the
    /// end of a request's head.
    silence: Duration,
    places: Arc<Semaphore>,
}

impl CuttableListener {
    /// A listener that takes TLS, too, where there is something to make it of.
    pub(crate) fn new(tcp: TcpListener, tls: Option<TlsAcceptor>, silence: Duration) -> Self {
        Self { tcp, tls, silence, places: Arc::new(Semaphore::new(CONNECTIONS)) }
    }
}

impl Listener for CuttableListener {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (CuttableStream, SocketAddr) {
        // Beyond the limit others wait in the system's queue until one has gone.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, address) = <TcpListener as Listener>::accept(&mut self.tcp).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "nodelay refused");
        }
        let wire = match &self.tls {
            Some(acceptor) => Wire::Unknown(stream, acceptor.clone()),
            None => Wire::Plain(stream),
        };
        let end = Box::pin(tokio::time::sleep_until(Instant::now() + self.silence));
        (
            CuttableStream {
                wire,
                cutter: Cutter::default(),
                silence: self.silence,
                end,
                requests: 0,
                _place: place,
            },
            address,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// Ends the connection a request came on without an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cutter(Arc<Signals>);

/// What a connection and its requests tell each other.
#[derive(Debug, Default)]
struct Signals {
    is_cut: AtomicBool,
    /// Requests under way; more than one when a client does not wait for answers.
    busy: AtomicUsize,
    /// Requests so far.
    requests: AtomicUsize,
    /// Whether it may be silent for as long as it likes.
    may_stay: AtomicBool,
}

/// A request under way, for as long as this lives.
pub(crate) struct Busy(Cutter);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.busy.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Cutter {
    /// From now on nothing is read from or written to the connection; the next attempt closes it.
    pub(crate) fn cut(&self) {
        self.0.is_cut.store(true, Ordering::Release);
    }

    /// Notes that a request has arrived with its head.
    pub(crate) fn busy(&self) -> Busy {
        self.0.busy.fetch_add(1, Ordering::AcqRel);
        self.0.requests.fetch_add(1, Ordering::AcqRel);
        Busy(self.clone())
    }

    /// Lets the connection be silent for as long as it likes, as one that waits for events is.
    pub(crate) fn let_stay(&self) {
        self.0.may_stay.store(true, Ordering::Release);
    }

    fn is_cut(&self) -> bool {
        self.0.is_cut.load(Ordering::Acquire)
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
    /// How long it may be without a request.
    silence: Duration,
    /// When that is over.
    end: Pin<Box<Sleep>>,
    /// The requests when the silence began.
    requests: usize,
    /// Its place among the connections.
    _place: Option<OwnedSemaphorePermit>,
}

impl CuttableStream {
    /// Fails once no request has arrived for too long.
    fn check_silence(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let signals = &self.cutter.0;
        let requests = signals.requests.load(Ordering::Acquire);
        let is_busy = signals.busy.load(Ordering::Acquire) > 0;
        if requests != self.requests || is_busy || signals.may_stay.load(Ordering::Acquire) {
            self.requests = requests;
            self.end.as_mut().reset(Instant::now() + self.silence);
        }
        match self.end.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
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
        self.check_silence(context)?;
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
        // Who is being answered is not silent, however long the answer takes.
        self.requests = usize::MAX;
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
