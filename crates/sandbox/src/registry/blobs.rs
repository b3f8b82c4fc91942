//! Blobs: GET and HEAD, with ranges; DELETE where the registry is a plain one.

use std::io::SeekFrom;

use axum::{
    body::Body,
    http::{Method, Response, StatusCode, header},
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncSeekExt as _},
};
use tokio_util::io::ReaderStream;

use super::{Asked, Refusal, Registry, empty, manifests::digest_header};
use crate::{cloud::Cloud, ecr::repository::RepositoryId};
use shipgate_core::digest::Digest;

/// How much is read from disk at a time.
const READ_AHEAD: usize = 256 * 1024;

/// GET and HEAD of a blob: on ECR a GET is sent to the second address.
pub(crate) async fn get(
    registry: &Registry,
    id: &RepositoryId,
    digest: &str,
    asked: Asked,
) -> Result<Response<Body>, Refusal> {
    let parsed: Digest = digest.parse().map_err(|_| Refusal::digest_invalid(digest, None))?;
    let known = registry.cloud.images.look(id, |repository| repository.layers.contains_key(&parsed));
    if !known.map_err(|missing| Refusal::no_repository(&missing))? {
        return Err(Refusal::blob_unknown(digest));
    }
    if registry.cloud.ecr_manners && asked.method == Method::GET {
        let link = registry.cloud.links.to(&parsed, registry.cloud.faults.links_are_expired());
        return Ok(empty(StatusCode::TEMPORARY_REDIRECT, &[(header::LOCATION, link)]));
    }
    file(&registry.cloud, &parsed, &asked.method, asked.header("range")).await
}

/// DELETE: takes the blob out of this repository. ECR cannot be asked for it.
pub(crate) fn delete(registry: &Registry, id: &RepositoryId, digest: &str) -> Result<Response<Body>, Refusal> {
    if registry.cloud.ecr_manners {
        return Err(Refusal::unsupported());
    }
    let parsed: Digest = digest.parse().map_err(|_| Refusal::digest_invalid(digest, None))?;
    // The file stays: other repositories may have it too.
    let gone = registry.cloud.images.with(id, |repository| repository.layers.remove(&parsed));
    let gone = gone.map_err(|missing| Refusal::no_repository(&missing))?;
    gone.map(|_| empty(StatusCode::ACCEPTED, &[])).ok_or_else(|| Refusal::blob_unknown(digest))
}

/// The blob's bytes, or those of the range that is asked for. A unit that is not bytes is passed over (RFC 9110, 14.2).
pub(crate) async fn file(
    cloud: &Cloud,
    digest: &Digest,
    method: &Method,
    range: Option<&str>,
) -> Result<Response<Body>, Refusal> {
    let range = range.filter(|range| range.starts_with("bytes="));
    let mut file = File::open(cloud.images.blob_path(digest)).await.map_err(|error| Refusal::disk(&error))?;
    let size = file.metadata().await.map_err(|error| Refusal::disk(&error))?.len();
    let part = match range {
        None => Part { first: 0, end: size },
        Some(range) => Part::read(range, size).ok_or_else(|| {
            Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, "RANGE_INVALID", "the range is outside of the blob")
                .with(header::CONTENT_RANGE, format!("bytes */{size}"))
        })?,
    };
    let mut headers = vec![
        (header::CONTENT_LENGTH, (part.end - part.first).to_string()),
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (digest_header(), digest.to_string()),
    ];
    if range.is_some() {
        headers.push((header::CONTENT_RANGE, format!("bytes {}-{}/{size}", part.first, part.end.saturating_sub(1))));
    }
    let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = empty(status, &headers);
    if *method == Method::GET {
        file.seek(SeekFrom::Start(part.first)).await.map_err(|error| Refusal::disk(&error))?;
        let flipped = cloud.faults.corrupts(digest).then_some(size / 2);
        *response.body_mut() = stream(file, part, flipped);
    }
    Ok(response)
}

/// The bytes of a part, with the byte at this offset of the blob flipped.
fn stream(file: File, part: Part, flipped: Option<u64>) -> Body {
    let reader = ReaderStream::with_capacity(file.take(part.end - part.first), READ_AHEAD);
    let mut at = part.first;
    Body::from_stream(reader.map(move |chunk| {
        chunk.map(|chunk| {
            let first = at;
            at += chunk.len() as u64;
            match flipped.and_then(|offset| usize::try_from(offset.checked_sub(first)?).ok()) {
                Some(offset) if offset < chunk.len() => flip(&chunk, offset),
                _ => chunk,
            }
        })
    }))
}

fn flip(chunk: &Bytes, offset: usize) -> Bytes {
    let mut bytes = BytesMut::from(chunk.as_ref());
    bytes[offset] ^= 0xff;
    bytes.freeze()
}

/// A part of a blob: from the first byte to before the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Part {
    first: u64,
    end: u64,
}

impl Part {
    /// Reads `bytes=A-B`, `bytes=A-`, `bytes=-N`; `None` when it is not within the size.
    fn read(range: &str, size: u64) -> Option<Self> {
        let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
        let part = if first.is_empty() {
            Self { first: size.saturating_sub(last.parse().ok()?), end: size }
        } else {
            let end = if last.is_empty() { size } else { last.parse::<u64>().ok()?.saturating_add(1).min(size) };
            Self { first: first.parse().ok()?, end }
        };
        (part.first < part.end).then_some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::Part;

    #[test]
    fn ranges() {
        for (range, expected) in [
            ("bytes=0-0", Some((0, 1))),
            ("bytes=2-4", Some((2, 5))),
            ("bytes=7-", Some((7, 10))),
            ("bytes=-3", Some((7, 10))),
            ("bytes=-30", Some((0, 10))),
            ("bytes=5-100", Some((5, 10))),
            ("bytes=10-", None),
            ("bytes=4-2", None),
            ("bytes=a-b", None),
            ("lines=1-2", None),
        ] {
            let part = Part::read(range, 10).map(|part| (part.first, part.end));
            assert_eq!(part, expected, "{range}");
        }
    }
}
