//! The least of a registry's client: puts an image where copies begin. No line of it is shared with what is measured.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::{Body, Client, Method, RequestBuilder, Response, StatusCode, header};
use tokio::{fs::File, time::Instant};

use super::{
    image::{Blob, Image, MANIFEST},
    registry::{Door, Registry},
};

/// How many round trips the mean is taken of.
const ROUND_TRIPS: u32 = 10;

/// A client of one registry.
#[derive(Debug)]
pub(crate) struct Visitor {
    client: Client,
    door: Door,
}

impl Visitor {
    pub(crate) fn to(door: &Door) -> Result<Self> {
        Ok(Self { client: Client::builder().no_proxy().build()?, door: door.clone() })
    }

    /// A request for a path below `/v2/`, or for a whole address.
    fn request(&self, method: Method, place: &str) -> RequestBuilder {
        let own = format!("http://{}", self.door.address);
        let address = match place {
            whole if whole.starts_with("http://") => whole.to_owned(),
            rooted if rooted.starts_with('/') => format!("{own}{rooted}"),
            path => format!("{own}/v2/{path}"),
        };
        let request = self.client.request(method, address);
        match &self.door.token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Basic {token}")),
            None => request,
        }
    }

    /// What is at a path below `/v2/`; nothing if the registry says so.
    pub(crate) async fn look(&self, method: Method, path: &str) -> Result<Option<Response>> {
        let answer = self.request(method, path).header(header::ACCEPT, "*/*").send().await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        Ok(Some(answer.error_for_status()?))
    }

    async fn upload(&self, repository: &str, blob: &Blob) -> Result<()> {
        let begun = self.request(Method::POST, &format!("{repository}/blobs/uploads/")).send().await?;
        let begun = begun.error_for_status()?;
        let place = begun.headers().get(header::LOCATION).context("an upload without a place")?.to_str()?;
        let and = if place.contains('?') { '&' } else { '?' };
        let put = self.request(Method::PUT, &format!("{place}{and}digest={}", blob.digest));
        let body = Body::from(File::open(&blob.path).await?);
        let put = put.header(header::CONTENT_LENGTH, blob.size).header(header::CONTENT_TYPE, "application/octet-stream");
        let done = put.body(body).send().await?;
        ensure!(done.status() == StatusCode::CREATED, "{}: {}", done.status(), done.text().await?);
        Ok(())
    }
}

/// Puts an image into a registry, under a tag.
pub(crate) async fn push(registry: &Registry, repository: &str, tag: &str, image: &Image) -> Result<()> {
    let visitor = Visitor::to(&registry.door())?;
    for blob in &image.blobs {
        visitor.upload(repository, blob).await.with_context(|| format!("cannot push {}", blob.digest))?;
    }
    let put = visitor.request(Method::PUT, &format!("{repository}/manifests/{tag}"));
    let done = put.header(header::CONTENT_TYPE, MANIFEST).body(image.manifest.clone()).send().await?;
    ensure!(done.status() == StatusCode::CREATED, "the manifest: {}: {}", done.status(), done.text().await?);
    Ok(())
}

/// Bytes per second of one upload through this door. The image's largest blob is there afterwards.
pub(crate) async fn rate_up(door: &Door, repository: &str, image: &Image) -> Result<f64> {
    let blob = largest(image)?;
    let begun = Instant::now();
    Visitor::to(door)?.upload(repository, blob).await?;
    Ok(blob.size as f64 / begun.elapsed().as_secs_f64())
}

/// Bytes per second of one download through this door.
pub(crate) async fn rate_down(door: &Door, repository: &str, image: &Image) -> Result<f64> {
    let blob = largest(image)?;
    let visitor = Visitor::to(door)?;
    let path = format!("{repository}/blobs/{}", blob.digest);
    let begun = Instant::now();
    let mut answer = visitor.look(Method::GET, &path).await?.context("the blob is not there")?;
    while answer.chunk().await?.is_some() {}
    Ok(blob.size as f64 / begun.elapsed().as_secs_f64())
}

/// The mean time of a question on a connection that is there already.
pub(crate) async fn round_trip(door: &Door) -> Result<Duration> {
    let visitor = Visitor::to(door)?;
    ask(&visitor).await?;
    let begun = Instant::now();
    for _ in 0..ROUND_TRIPS {
        ask(&visitor).await?;
    }
    Ok(begun.elapsed() / ROUND_TRIPS)
}

async fn ask(visitor: &Visitor) -> Result<()> {
    visitor.request(Method::GET, "/v2/").send().await?.bytes().await?;
    Ok(())
}

fn largest(image: &Image) -> Result<&Blob> {
    image.blobs.iter().max_by_key(|blob| blob.size).context("an image without blobs")
}
