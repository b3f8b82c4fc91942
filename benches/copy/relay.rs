//! A wire in front of a registry: a round-trip time and a rate for every connection, a byte flipped or a connection cut
//! on demand, and a count of what went over it. It knows of HTTP only how a request begins.

use std::{
    io::{Error, ErrorKind, Result},
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep_until},
};

use super::pace::Pace;

/// The most that is read at once.
const CHUNK: usize = 64 * 1024;
/// Chunks on the wire: 4 MiB, more than a rate of 100 MB/s has under way in 20 ms.
const ON_THE_WIRE: usize = 64;
/// How late timers are in the mean: they tick in milliseconds, and both the runtime and the kernel's wait round up. What it
/// comes to is measured at the start of each run, and printed.
const TIMERS_ARE_LATE: Duration = Duration::from_micros(1800);
/// How requests of a registry's client begin.
const METHODS: [&[u8]; 5] = [b"GET /v2/", b"HEAD /v2/", b"POST /v2/", b"PUT /v2/", b"PATCH /v2/"];

/// What every connection is given, or all of them together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) round_trip: Duration,
    /// Bytes per second from the registry.
    pub(crate) down: u64,
    /// Bytes per second to the registry.
    pub(crate) up: u64,
    /// The rates are those of one link that all connections share.
    pub(crate) is_shared: bool,
}

/// What happens once, to the first answer that is long enough. Bytes are counted from the answer's start, head included.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// A bit of this byte is flipped.
    Flip(u64),
    /// The connection is cut before this byte.
    Cut(u64),
}

impl Fault {
    const fn at(self) -> u64 {
        match self {
            Self::Flip(at) | Self::Cut(at) => at,
        }
    }
}

/// What went over a wire.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Count {
    pub(crate) requests: u64,
    /// Bytes that clients were given.
    pub(crate) down: u64,
}

/// One direction of a connection, or of all of them.
type Link = Arc<Mutex<Pace>>;

/// A relay to one registry.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    wire: Arc<Wire>,
    task: JoinHandle<()>,
}

#[derive(Default, Debug)]
struct Wire {
    shape: Mutex<Option<Shape>>,
    /// The link that connections share, if they do: up and down.
    shared: Mutex<Option<(Link, Link)>>,
    fault: Mutex<Option<Fault>>,
    requests: AtomicU64,
    down: AtomicU64,
}

impl Relay {
    pub(crate) async fn to(registry: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let wire = Arc::new(Wire::default());
        let task = tokio::spawn(serve(listener, registry, Arc::clone(&wire)));
        Ok(Self { address, wire, task })
    }

    /// What connections made from now on are given. None: nothing but the way.
    pub(crate) fn shape(&self, shape: Option<Shape>) {
        let now = Instant::now();
        let shared = shape.filter(|shape| shape.is_shared).map(|shape| links(Some(shape), now, now));
        *self.wire.shared.lock().unwrap_or_else(PoisonError::into_inner) = shared;
        *self.wire.shape.lock().unwrap_or_else(PoisonError::into_inner) = shape;
    }

    /// What is to happen.
    pub(crate) fn fault(&self, fault: Option<Fault>) {
        *self.wire.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Whether what was to happen has not.
    pub(crate) fn is_fault_left(&self) -> bool {
        self.wire.fault.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// What went over it so far.
    pub(crate) fn count(&self) -> Count {
        Count { requests: self.wire.requests.load(Relaxed), down: self.wire.down.load(Relaxed) }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    /// What happens to these bytes of an answer, and to which of them.
    fn strike(&self, from: u64, bytes: &Bytes) -> Option<(Fault, usize)> {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        let place = usize::try_from(fault.as_ref()?.at().checked_sub(from)?).ok()?;
        (place < bytes.len()).then(|| fault.take()).flatten().map(|fault| (fault, place))
    }
}

/// Both directions of a link, up and down, and when each takes its first byte.
fn links(shape: Option<Shape>, up: Instant, down: Instant) -> (Link, Link) {
    let link = |rate, free_at| Arc::new(Mutex::new(Pace::new(rate, free_at)));
    (link(shape.map(|shape| shape.up), up), link(shape.map(|shape| shape.down), down))
}

async fn serve(listener: TcpListener, registry: SocketAddr, wire: Arc<Wire>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(connect(client, registry, Arc::clone(&wire), Instant::now()));
        while connections.try_join_next().is_some() {}
    }
}

/// One connection. Its ends are those of the tools' own making: an error on either side ends both.
async fn connect(client: TcpStream, registry: SocketAddr, wire: Arc<Wire>, accepted: Instant) -> Result<()> {
    let server = TcpStream::connect(registry).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let shape = *wire.shape.lock().unwrap_or_else(PoisonError::into_inner);
    let delay = shape.map_or(Duration::ZERO, |shape| shape.round_trip / 2);
    // The kernel has answered the client's SYN at once; a wire of this length would have taken a round trip.
    let opens = accepted + delay * 2;
    let shared = wire.shared.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (up, down) = shared.unwrap_or_else(|| links(shape, opens, accepted));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (upward, arriving_up) = mpsc::channel(ON_THE_WIRE);
    let (downward, arriving_down) = mpsc::channel(ON_THE_WIRE);
    let answered = AtomicU64::new(0);
    let asked = |bytes: &Bytes| {
        if METHODS.iter().any(|method| bytes.starts_with(method)) {
            wire.requests.fetch_add(1, Relaxed);
            answered.store(0, Relaxed);
        }
    };
    tokio::try_join!(
        depart(from_client, upward, (up, opens), delay, asked),
        arrive(arriving_up, to_server, Delivery::Whole),
        depart(from_server, downward, (down, accepted), delay, |_| {}),
        arrive(arriving_down, to_client, |bytes| deliver(&wire, &answered, bytes)),
    )?;
    Ok(())
}

/// Bytes under way, and when they arrive.
type Parcel = (Instant, Bytes);

/// Takes bytes no faster than the link allows, none before it is open, and sends them on their way.
async fn depart(
    mut from: OwnedReadHalf,
    wire: mpsc::Sender<Parcel>,
    (link, opens): (Link, Instant),
    delay: Duration,
    seen: impl Fn(&Bytes),
) -> Result<()> {
    let mut buffer = BytesMut::with_capacity(CHUNK * 4);
    loop {
        buffer.reserve(CHUNK);
        if (&mut from).take(CHUNK as u64).read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        let bytes = buffer.split().freeze();
        seen(&bytes);
        let now = Instant::now();
        let left = link.lock().unwrap_or_else(PoisonError::into_inner).leaves(now.max(opens), bytes.len());
        if wire.send((left + delay, bytes)).await.is_err() {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if left > now {
            sleep_until(left).await;
        }
    }
}

/// What becomes of bytes at the end of the wire.
enum Delivery {
    Whole(Bytes),
    /// These, and then nothing more.
    Last(Bytes),
}

/// Hands out bytes when their time has come. The end of the wire is passed on.
async fn arrive(
    mut wire: mpsc::Receiver<Parcel>,
    mut to: OwnedWriteHalf,
    end: impl Fn(Bytes) -> Delivery,
) -> Result<()> {
    while let Some((at, bytes)) = wire.recv().await {
        let at = at.checked_sub(TIMERS_ARE_LATE).unwrap_or(at);
        if at > Instant::now() {
            sleep_until(at).await;
        }
        match end(bytes) {
            Delivery::Whole(bytes) => to.write_all(&bytes).await?,
            Delivery::Last(bytes) => {
                to.write_all(&bytes).await?;
                return Err(Error::new(ErrorKind::ConnectionAborted, "cut"));
            }
        }
    }
    to.shutdown().await
}

/// What a client is given of these bytes.
fn deliver(wire: &Wire, answered: &AtomicU64, bytes: Bytes) -> Delivery {
    let from = answered.fetch_add(bytes.len() as u64, Relaxed);
    let delivery = match wire.strike(from, &bytes) {
        None => Delivery::Whole(bytes),
        Some((Fault::Cut(_), place)) => Delivery::Last(bytes.slice(..place)),
        Some((Fault::Flip(_), place)) => {
            let mut wrong = bytes.to_vec();
            wrong[place] ^= 1;
            Delivery::Whole(wrong.into())
        }
    };
    let (Delivery::Whole(given) | Delivery::Last(given)) = &delivery;
    wire.down.fetch_add(given.len() as u64, Relaxed);
    delivery
}
