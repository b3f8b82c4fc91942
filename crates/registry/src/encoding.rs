//! Bodies that come compressed although every request accepts `identity` alone: some proxies and content networks do that.

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

/// What a gzip file starts with.
const GZIP_MAGIC: &[u8] = b"\x1F\x8B";

/// Why a body cannot be decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum DecodeError {
    /// It is longer than it may be.
    TooLarge,
    /// Why it is not what its header says.
    Broken(String),
}

/// Whether the body is sent in another form than its own.
pub(super) fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|value| {
        let value = value.as_bytes().trim_ascii();
        !value.is_empty() && !value.eq_ignore_ascii_case(b"identity")
    })
}

/// Whether the headers name gzip, and the body is gzip: some proxies name it and send the body as it is.
fn is_gzip(headers: &HeaderMap, body: &[u8]) -> bool {
    let names_gzip = headers.get_all(CONTENT_ENCODING).iter().any(|value| {
        let value = value.as_bytes().trim_ascii();
        value.eq_ignore_ascii_case(b"gzip") || value.eq_ignore_ascii_case(b"x-gzip")
    });
    names_gzip && body.starts_with(GZIP_MAGIC)
}

/// The body in its own form, of at most `limit` bytes.
pub(super) fn decoded(headers: &HeaderMap, body: Bytes, limit: usize) -> Result<Bytes, DecodeError> {
    if !is_gzip(headers, &body) {
        return Ok(body);
    }
    let (decoded, failure) = inflate(&body, limit.saturating_add(1));
    match failure {
        Some(failure) => Err(DecodeError::Broken(format!("its body cannot be decoded (gzip): {failure}"))),
        None if decoded.len() > limit => Err(DecodeError::TooLarge),
        None => Ok(decoded.into()),
    }
}

/// The start of the body in its own form, as far as it can be decoded: at most `limit` bytes.
pub(super) fn decoded_start(headers: &HeaderMap, body: Vec<u8>, limit: usize) -> Vec<u8> {
    if is_gzip(headers, &body) { inflate(&body, limit).0 } else { body }
}

/// As much as comes out, and why not more came.
fn inflate(body: &[u8], limit: usize) -> (Vec<u8>, Option<std::io::Error>) {
    let mut decoded = Vec::new();
    let failure = MultiGzDecoder::new(body).take(limit as u64).read_to_end(&mut decoded).err();
    (decoded, failure)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use bytes::Bytes;
    use flate2::{Compression, write::GzEncoder};
    use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};

    use super::{DecodeError, decoded, decoded_start, is_encoded};

    pub(crate) fn gzip(bytes: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap().into()
    }

    fn headers(encoding: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(encoding))])
    }

    #[test]
    fn gzip_bodies_are_decoded_within_the_limit() {
        let plain = Bytes::from_static(b"{\"a\": 1}");
        for encoding in ["gzip", "GZip", " x-gzip "] {
            assert_eq!(decoded(&headers(encoding), gzip(&plain), 8), Ok(plain.clone()), "{encoding}");
            assert_eq!(decoded(&headers(encoding), plain.clone(), 8), Ok(plain.clone()), "{encoding}");
            assert_eq!(decoded(&headers(encoding), gzip(&plain), 7), Err(DecodeError::TooLarge), "{encoding}");
        }
        let bomb = gzip(&vec![0; 1 << 20]);
        assert_eq!(decoded(&headers("gzip"), bomb.clone(), 1000), Err(DecodeError::TooLarge));
        assert_eq!(decoded_start(&headers("gzip"), bomb.to_vec(), 1000).len(), 1000);
        assert_eq!(decoded(&HeaderMap::new(), gzip(&plain), 1000), Ok(gzip(&plain)));
    }

    #[test]
    fn cut_gzip_bodies_are_errors() {
        let whole = gzip(b"a text that is long enough to be cut, a text that is long enough to be cut");
        let cut = whole.slice(..whole.len() - 9);
        assert!(matches!(decoded(&headers("gzip"), cut.clone(), 1000), Err(DecodeError::Broken(_))));
        assert!(decoded_start(&headers("gzip"), cut.to_vec(), 1000).starts_with(b"a text"));
    }

    #[test]
    fn identity_is_no_encoding() {
        for (encoding, is) in [("gzip", true), ("br", true), ("identity", false), ("Identity", false), ("", false)] {
            assert_eq!(is_encoded(&headers(encoding)), is, "{encoding}");
        }
        assert!(!is_encoded(&HeaderMap::new()));
    }
}
