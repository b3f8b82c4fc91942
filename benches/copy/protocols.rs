//! HTTP/1.1 with a connection for each blob beside HTTP/2 with one for all: the same blobs, over the same wire, to and
//! from a server that does nothing with them. No tool and no registry has a part in it.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use reqwest::{Client, header::CONTENT_LENGTH};

use super::{
    cases, push,
    relay::{Relay, Shape},
    sink::{self, Protocol, Sink, WINDOW},
    table,
};

const MIB: usize = 1 << 20;
/// What moves, all at once.
const BLOBS_MIB: [usize; 12] = [16, 14, 12, 10, 8, 8, 8, 6, 6, 4, 2, 2];

/// Which way bytes go.
#[derive(Clone, Copy, Debug)]
enum Way {
    Up,
    Down,
}

/// One protocol on one wire: the median time, and the connections it took.
struct Measured {
    time: Duration,
    connections: usize,
}

/// Both protocols, both ways, on wires that differ in what the rate is given to.
pub(crate) async fn table(runs: usize) -> Result<String> {
    let total: usize = BLOBS_MIB.iter().sum();
    let mut text = format!(
        "{} blobs, {total} MiB, all at once; medians of {runs}; HTTP/2 with windows of {} MiB.\n\n\
         | {} ms, and a rate for | | HTTP/1.1 | connections | HTTP/2 | connections | HTTP/2 ÷ HTTP/1.1 |\n\
         |---|---|--:|--:|--:|--:|--:|\n",
        BLOBS_MIB.len(),
        WINDOW as usize / MIB,
        cases::SHAPE.round_trip.as_millis(),
    );
    for (wire, is_shared) in [("each connection", false), ("all connections together", true)] {
        for way in [Way::Up, Way::Down] {
            let shape = Shape { is_shared, ..cases::SHAPE };
            eprintln!("protocols: {}, {wire}", told(way, shape));
            let (one, two) = both(way, shape, runs).await?;
            _ = writeln!(
                text,
                "| {wire} | {} | {} | {} | {} | {} | {:.2} |",
                told(way, shape),
                table::seconds(one.time),
                one.connections,
                table::seconds(two.time),
                two.connections,
                two.time.as_secs_f64() / one.time.as_secs_f64(),
            );
        }
    }
    Ok(text)
}

fn told(way: Way, shape: Shape) -> String {
    match way {
        Way::Up => format!("{} MB/s up", shape.up / 1_000_000),
        Way::Down => format!("{} MB/s down", shape.down / 1_000_000),
    }
}

/// The protocols take turns, so that what else the machine does meets both.
async fn both(way: Way, shape: Shape, runs: usize) -> Result<(Measured, Measured)> {
    let (mut ones, mut twos) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        ones.push(transfer(Protocol::Http1, way, shape).await?);
        twos.push(transfer(Protocol::Http2, way, shape).await?);
    }
    Ok((median(&ones), median(&twos)))
}

/// All blobs once, with a server, a relay and a client that were made for it: connections are set up within the time.
async fn transfer(protocol: Protocol, way: Way, shape: Shape) -> Result<Measured> {
    let sink = Sink::start(protocol).await?;
    let relay = Relay::to(sink.address).await?;
    relay.shape(Some(shape));
    let client = client(protocol)?;
    let begun = Instant::now();
    try_join_all(BLOBS_MIB.map(|size| {
        let (client, address) = (&client, format!("http://{}/", relay.address));
        async move {
            match way {
                Way::Up => upload(client, &address, size * MIB).await,
                Way::Down => download(client, &address, size * MIB).await,
            }
        }
    }))
    .await?;
    Ok(Measured { time: begun.elapsed(), connections: sink.connections() })
}

fn client(protocol: Protocol) -> Result<Client> {
    let builder = Client::builder().no_proxy().tcp_nodelay(true);
    let builder = match protocol {
        Protocol::Http1 => builder.http1_only(),
        Protocol::Http2 => builder
            .http2_prior_knowledge()
            .http2_initial_stream_window_size(WINDOW)
            .http2_initial_connection_window_size(WINDOW),
    };
    Ok(builder.build()?)
}

async fn upload(client: &Client, address: &str, size: usize) -> Result<()> {
    let put = client.put(address).header(CONTENT_LENGTH, size).body(sink::body(size));
    let had = put.send().await?.error_for_status()?.text().await?;
    ensure!(had == size.to_string(), "{size} bytes were sent, {had} arrived");
    Ok(())
}

async fn download(client: &Client, address: &str, size: usize) -> Result<()> {
    let mut answer = client.get(format!("{address}{size}")).send().await?.error_for_status()?;
    let mut had = 0;
    while let Some(bytes) = answer.chunk().await? {
        had += bytes.len();
    }
    ensure!(had == size, "{size} bytes were asked for, {had} arrived");
    Ok(())
}

/// The most connections beside the median time.
fn median(tries: &[Measured]) -> Measured {
    Measured {
        time: push::median(tries.iter().map(|one| one.time).collect()),
        connections: tries.iter().map(|one| one.connections).max().unwrap_or_default(),
    }
}
