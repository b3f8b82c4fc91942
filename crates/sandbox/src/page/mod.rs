//! The page for people: what is in the sandbox, live, in a browser. Server-rendered; a little script asks once a second
//! for what has changed. It shows and changes nothing, and no secret of any kind is on it.
//!
//! `gather` looks, `view` is what was seen, everything else writes it as HTML.

mod accounts;
mod document;
mod fragment;
mod gather;
mod lines;
mod log;
mod operations;
mod phrase;
mod query;
mod repositories;
mod service;
mod services;
#[cfg(test)]
mod tests;
mod view;

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
};
use jiff::Timestamp;

use self::query::Query;
use super::{
    cloud::Cloud,
    control::{Received, digesting::sha256_hex, percent},
};

/// Answers what a browser asks for: the page (`GET /`), and the part of it that changes (`GET /_sandbox/page`).
///
/// The address that the sandbox prints has a key in it. The browser gets a cookie for it, and the address without the key.
///
/// `None`: it is none of a browser's, but a call of an AWS client.
pub(crate) fn answer(cloud: &Cloud, received: &Received) -> Option<Response<Body>> {
    if !["GET", "HEAD"].contains(&received.method.as_str()) || is_a_call(received) {
        return None;
    }
    if !["/", "/_sandbox/page"].contains(&received.path.as_str()) {
        return None;
    }
    if let Some(cookie) = cloud.control.cookie_for(&received.query) {
        return Some(redirect(&cookie));
    }
    if !cloud.control.may_view(&received.headers) {
        let mut response = page("Open the page by the address that the sandbox has printed.".to_owned());
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        return Some(response);
    }
    let query = Query::read(&received.query);
    match received.path.as_str() {
        "/" => {
            let view = gather::view(cloud, &query, Timestamp::now());
            let host = received.header("host").unwrap_or_default();
            Some(page(document::whole(&view, host).into_string()))
        }
        "/_sandbox/page" => {
            let fragment = fragment::of(&gather::view(cloud, &query, Timestamp::now())).into_string();
            Some(unless_known(fragment, received.header("if-none-match")))
        }
        _ => None,
    }
}

/// Whether it is signed, or names an action, as the query protocol may do in the address.
fn is_a_call(received: &Received) -> bool {
    let is_of_a_call = |(name, _): &(String, String)| name == "Action" || name.starts_with("X-Amz-");
    let is_signed = received.header("authorization").is_some_and(|value| value.starts_with("AWS4-"));
    is_signed || percent::pairs(&received.query, true).iter().any(is_of_a_call)
}

fn redirect(cookie: &str) -> Response<Body> {
    let mut response = page(String::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    set(&mut response, header::LOCATION, "/");
    set(&mut response, header::SET_COOKIE, cookie);
    response
}

fn page(body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    for (name, value) in document::headers() {
        set(&mut response, name, value);
    }
    response
}

/// The fragment, or 304 when the browser shows it already.
fn unless_known(fragment: String, known: Option<&str>) -> Response<Body> {
    let tag = format!("\"{}\"", &sha256_hex(fragment.as_bytes())[..32]);
    let mut response = if known == Some(tag.as_str()) {
        let mut response = page(String::new());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        page(fragment)
    };
    set(&mut response, header::ETAG, &tag);
    response
}

fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
