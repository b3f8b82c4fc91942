//! A wire between client and server that can be cut, and that can flip a byte.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::fake::AbortOnDrop;

/// What happens to one connection. Bytes are counted from its start, heads included.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Trouble {
    /// Cut after so many bytes to the server.
    pub(crate) cut_up: Option<usize>,
    /// Take nothing more, without an end, after so many bytes to the server.
    pub(crate) stall_up: Option<usize>,
    /// Cut after so many bytes to the client.
    pub(crate) cut_down: Option<usize>,
    /// Flip a bit of this byte to the client.
    pub(crate) flip_down: Option<usize>,
}

/// A relay: connections meet the troubles in the order given; later ones, none.
pub(crate) struct Relay {
    pub(crate) address: String,
    _server: AbortOnDrop,
}

impl Relay {
    pub(crate) async fn to(address: &str, troubles: Vec<Trouble>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = format!("http://{}", listener.local_addr().unwrap());
        let target = address.trim_start_matches("http://").to_owned();
        let troubles = Arc::new(Mutex::new(VecDeque::from(troubles)));
        let server = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let trouble = troubles.lock().unwrap().pop_front().unwrap_or_default();
                connections.spawn(relay(client, target.clone(), trouble));
            }
        });
        Self { address: own, _server: AbortOnDrop(server) }
    }
}

/// Both directions end as soon as one does: that is what a cut is.
async fn relay(mut client: TcpStream, target: String, trouble: Trouble) {
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    tokio::select! {
        () = carry_up(&mut from_client, &mut to_server, trouble) => {}
        () = carry(&mut from_server, &mut to_client, trouble.cut_down, trouble.flip_down) => {}
    }
}

async fn carry_up(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin), trouble: Trouble) {
    carry(from, to, trouble.cut_up.or(trouble.stall_up), None).await;
    if trouble.stall_up.is_some() {
        std::future::pending::<()>().await;
    }
}

async fn carry(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    cut: Option<usize>,
    flip: Option<usize>,
) {
    let mut buffer = vec![0; 16 * 1024];
    let mut carried = 0;
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let allowed = cut.map_or(count, |cut| count.min(cut - carried));
        if let Some(at) = flip.and_then(|flip| flip.checked_sub(carried)).filter(|at| *at < allowed) {
            buffer[at] ^= 1;
        }
        if to.write_all(&buffer[..allowed]).await.is_err() || cut == Some(carried + allowed) {
            return;
        }
        carried += allowed;
    }
}
