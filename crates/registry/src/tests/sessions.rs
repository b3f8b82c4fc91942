//! Uploads in parts, as registries of several manners take them.

use axum::{body::Body, extract::Request, response::Response};
use futures_util::StreamExt as _;

use super::{
    fake::{FakeRegistry, refuse, refuse_text},
    serve::Fault,
};

/// How a registry behaves when blobs come in parts.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Manners {
    /// What came of a part that broke off is kept, and told.
    #[default]
    Plain,
    /// A part counts whole or not at all; 201; `Range` sticks at the first part; an upload's status is 404.
    Ecr,
    /// A part that breaks off ends the session.
    Strict,
}

/// An upload under way.
#[derive(Default)]
pub(super) struct Session {
    pub(super) bytes: Vec<u8>,
    first_part: usize,
}

pub(super) fn location(repository: &str, session: &str) -> String {
    format!("/v2/{repository}/blobs/uploads/{session}?_state=a%2Bb%3D")
}

fn told(registry: &FakeRegistry, repository: &str, session: &str, status: u16) -> Response<Body> {
    let contents = registry.locked();
    let upload = &contents.sessions[session];
    let bytes = if contents.manners == Manners::Ecr { upload.first_part } else { upload.bytes.len() };
    Response::builder()
        .status(status)
        .header("location", location(repository, session))
        .header("range", format!("0-{}", bytes.saturating_sub(1)))
        .body(Body::empty())
        .unwrap()
}

/// PATCH: a part, which must begin where the last one ended.
pub(super) async fn append(
    registry: &FakeRegistry,
    repository: &str,
    session: &str,
    request: Request,
    fault: Option<Fault>,
) -> Response<Body> {
    let range = request.headers().get("content-range").map(|value| value.to_str().unwrap().to_owned());
    let first = range.as_deref().and_then(|range| range.split_once('-')?.0.parse::<usize>().ok());
    let (Some(first), true) = (first, request.headers().contains_key("content-length")) else {
        registry.complain(format!("a part without Content-Range or Content-Length: {range:?}"));
        return refuse(400, "BLOB_UPLOAD_INVALID");
    };
    let there = registry.locked().sessions.get(session).map(|upload| upload.bytes.len());
    match there {
        None => return refuse(404, "BLOB_UPLOAD_UNKNOWN"),
        Some(there) if there != first => return out_of_place(first, there),
        Some(_) => {}
    }
    let (part, is_whole) = read(request).await;
    take(registry, session, &part, is_whole);
    match fault {
        Some(_) => refuse(500, "UNKNOWN"),
        None if !is_whole => refuse(400, "BLOB_UPLOAD_INVALID"),
        None => {
            let is_ecr = registry.locked().manners == Manners::Ecr;
            told(registry, repository, session, if is_ecr { 201 } else { 202 })
        }
    }
}

async fn read(request: Request) -> (Vec<u8>, bool) {
    let mut part = Vec::new();
    let mut chunks = request.into_body().into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else { return (part, false) };
        part.extend_from_slice(&chunk);
    }
    (part, true)
}

fn take(registry: &FakeRegistry, session: &str, part: &[u8], is_whole: bool) {
    let mut contents = registry.locked();
    let manners = contents.manners;
    if !is_whole && manners == Manners::Strict {
        contents.sessions.remove(session);
    }
    let Some(upload) = contents.sessions.get_mut(session) else { return };
    if is_whole || manners == Manners::Plain {
        upload.bytes.extend_from_slice(part);
    }
    if upload.first_part == 0 {
        upload.first_part = upload.bytes.len();
    }
}

fn out_of_place(first: usize, there: usize) -> Response<Body> {
    let message = format!("First byte of the layer part is {first} instead of {there}");
    refuse_text(416, "BLOB_UPLOAD_INVALID", &message)
}

/// GET: how far the upload is.
pub(super) fn status(registry: &FakeRegistry, repository: &str, session: &str) -> Response<Body> {
    let known = registry.locked().sessions.contains_key(session);
    if !known || registry.locked().manners == Manners::Ecr {
        return refuse(404, "BLOB_UPLOAD_UNKNOWN");
    }
    told(registry, repository, session, 204)
}
