//! The least of a registry's client: puts an image where copies begin. No line of it is shared with what is measured.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::{Body, Client, Method, RequestBuilder, Response, StatusCode, header};
use tokio::{fs::File, time::Instant};

use super::{
    image::{Blob, Image, MANIFEST},
    registry::{Door, Registry},
};

/// Registries give a manifest as something older to those who do not name its type.
const ACCEPTED: &str =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, */*;q=0.1";
/// How many round trips the wire is measured with.
const ROUND_TRIPS: usize = 21;
/// How many transfers each way.
const TRANSFERS: usize = 3;

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
        let answer = self.request(method, path).header(header::ACCEPT, ACCEPTED).send().await?;
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
        let put =
            put.header(header::CONTENT_LENGTH, blob.size).header(header::CONTENT_TYPE, "application/octet-stream");
        let done = put.body(body).send().await?;
        ensure!(done.status() == StatusCode::CREATED, "{}: {}", done.status(), done.text().await?);
        Ok(())
    }

    async fn download(&self, repository: &str, blob: &Blob) -> Result<()> {
        let path = format!("{repository}/blobs/{}", blob.digest);
        let mut answer = self.look(Method::GET, &path).await?.context("the blob is not there")?;
        while answer.chunk().await?.is_some() {}
        Ok(())
    }

    async fn ask(&self) -> Result<()> {
        self.request(Method::GET, "/v2/").send().await?.bytes().await?;
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

/// What a wire is in truth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire {
    pub(crate) round_trip: Duration,
    /// Bytes per second.
    pub(crate) down: f64,
    /// Bytes per second.
    pub(crate) up: f64,
}

/// Measures a wire with the largest blob of an image, by medians. Set-up and heads are counted as a copier would meet them.
pub(crate) async fn measure(door: &Door, repository: &str, image: &Image) -> Result<Wire> {
    let blob = image.blobs.iter().max_by_key(|blob| blob.size).context("an image without blobs")?;
    let visitor = Visitor::to(door)?;
    let (mut asked, mut ups, mut downs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TRANSFERS {
        ups.push(timed(visitor.upload(repository, blob)).await?);
        downs.push(timed(visitor.download(repository, blob)).await?);
    }
    for _ in 0..ROUND_TRIPS {
        asked.push(timed(visitor.ask()).await?);
    }
    let rate = |times| blob.size as f64 / median(times).as_secs_f64();
    Ok(Wire { round_trip: median(asked), down: rate(downs), up: rate(ups) })
}

async fn timed(work: impl Future<Output = Result<()>>) -> Result<Duration> {
    let begun = Instant::now();
    work.await?;
    Ok(begun.elapsed())
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
