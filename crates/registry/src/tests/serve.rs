//! Blobs served as a server should, and in the ways it should not.

use std::time::Duration;

use axum::{body::Body, extract::Request, response::Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

/// What goes wrong, once, with a request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Answered with this status and body, and these headers.
    Answer(u16, &'static str, Vec<(&'static str, String)>),
    /// The body's connection is cut after so many bytes; its length had been announced.
    CutAfter(usize),
    /// The body ends after so many bytes, no length announced.
    EndAfter(usize),
    /// The body stops after so many bytes, without an end.
    StallAfter(usize),
    /// The body comes in drops after so many bytes.
    DripAfter(usize),
    /// The body has other bytes than it should.
    Instead(Bytes),
    /// The blob is served whole whatever range was asked for.
    IgnoreRange,
    /// The upload is taken and stored; the answer is a 500.
    StoredButFailed,
}

pub(crate) fn respond(status: u16, body: &'static str) -> Response<Body> {
    Response::builder().status(status).body(Body::from(body)).unwrap()
}

pub(crate) fn serve_bytes(request: &Request, blob: &Bytes, fault: Option<Fault>) -> Response<Body> {
    let range = request.headers().get("range").and_then(|value| value.to_str().unwrap().strip_prefix("bytes="));
    let start = range.and_then(|range| range.strip_suffix('-')).map(|start| start.parse::<usize>().unwrap());
    let start = start.filter(|_| !matches!(fault, Some(Fault::IgnoreRange)));
    let rest = blob.slice(start.unwrap_or(0)..);
    let response = match start {
        Some(start) => Response::builder()
            .status(206)
            .header("content-range", format!("bytes {start}-{}/{}", blob.len() - 1, blob.len())),
        None => Response::builder().status(200),
    };
    let part = |end: usize| stream::iter([Ok(rest.slice(..end))]);
    let cut = || stream::iter([Err(std::io::Error::other("cut"))]);
    let announced = |response: axum::http::response::Builder| response.header("content-length", rest.len());
    match fault {
        Some(Fault::CutAfter(end)) => announced(response).body(Body::from_stream(part(end).chain(cut()))),
        Some(Fault::StallAfter(end)) => announced(response).body(Body::from_stream(part(end).chain(stream::pending()))),
        Some(Fault::DripAfter(end)) => {
            let drops = stream::iter(rest.slice(end..)).then(|byte| async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Ok(Bytes::from(vec![byte]))
            });
            announced(response).body(Body::from_stream(part(end).chain(drops)))
        }
        Some(Fault::EndAfter(end)) => return response.body(Body::from_stream(part(end))).unwrap(),
        Some(Fault::Instead(other)) => Response::builder().status(200).body(Body::from(other)),
        Some(_) | None => announced(response).body(Body::from(rest)),
    }
    .unwrap()
}
