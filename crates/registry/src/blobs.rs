//! Blobs: looked for, and opened for reading at any offset. What is read is checked by [`BlobReader`].

use bytes::{Bytes, BytesMut};
use reqwest::{
    Method, Response, StatusCode,
    header::{CONTENT_RANGE, HeaderValue, RANGE},
};

use super::{
    blob_reader::BlobReader,
    client::Registry,
    encoding,
    error::{Action, RegistryError},
    location::Resource,
    request::{Reply, bad_answer},
    retry,
};
use shipgate_core::{digest::Digest, manifest::Descriptor};

/// The most bytes a blob may have that is read whole into memory: configurations are a few kilobytes.
const MAX_WHOLE_BLOB_BYTES: u64 = 16 * 1024 * 1024;

/// A blob's body, open at the requested offset or before it.
pub(super) struct OpenBlob {
    pub(super) response: Response,
    /// Bytes that come first and have been seen before: the server did not honour the range.
    pub(super) to_skip: u64,
    /// Where the body ends: a range may be shorter than the one that was requested.
    pub(super) end: u64,
    /// The whole blob was requested, because the server refused the range or answered it in a way that cannot be read.
    pub(super) is_without_range: bool,
    /// It has given bytes that had not been seen before.
    pub(super) has_progressed: bool,
}

/// The bytes of a blob that a body has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Span {
    start: u64,
    /// The byte after the last.
    end: u64,
    /// How long the blob is, where the server knows.
    blob_bytes: Option<u64>,
}

impl Registry {
    /// Whether a blob is in the repository, by one HEAD, or by opening it where HEAD is refused.
    ///
    /// # Errors
    /// Whatever keeps the registry from answering. A repository that does not exist has no blobs.
    pub async fn has_blob(&self, repository: &str, digest: &Digest) -> Result<bool, RegistryError> {
        let action = self.action("look for blob", digest.as_str(), repository);
        let head = retry::persist(self, &action, || async {
            let url = self.resource(repository, Resource::Blob(digest));
            if self.send_head(self.request(Method::HEAD, url.clone(), action.clone())).await?.is_some() {
                return Ok(());
            }
            // The request is for one byte, and none is read.
            let first = HeaderValue::from_static("bytes=0-0");
            match self.send(self.request(Method::GET, url, action.clone()).header(RANGE, first)).await {
                // A blob without bytes has no first one.
                Err(error) if error.registry_answer().is_some_and(|answer| answer.status == 416) => Ok(()),
                answer => answer.map(drop),
            }
        });
        match head.await {
            Ok(()) => Ok(true),
            Err(RegistryError::ContentNotFound { .. } | RegistryError::RepositoryNotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// How many bytes a blob has, as the registry announces it; `None` if it does not.
    ///
    /// # Errors
    /// [`RegistryError::ContentNotFound`], and whatever keeps the registry from answering.
    pub(super) async fn blob_size(&self, repository: &str, digest: &Digest) -> Result<Option<u64>, RegistryError> {
        let action = self.action("look for blob", digest.as_str(), repository);
        retry::persist(self, &action, || async {
            let url = self.resource(repository, Resource::Blob(digest));
            let head = self.send_head(self.request(Method::HEAD, url.clone(), action.clone())).await?;
            // Some registries announce no byte in their answer to HEAD.
            if let Some(size) = head.as_ref().and_then(size_of).filter(|size| *size > 0) {
                return Ok(Some(size));
            }
            let whole = self.send(self.request(Method::GET, url, action.clone())).await?;
            Ok(size_of(&whole))
        })
        .await
    }

    /// A small blob, whole: an image's configuration.
    ///
    /// # Errors
    /// [`RegistryError::TooLarge`] above 16 MiB, [`RegistryError::DigestMismatch`], [`RegistryError::SizeMismatch`],
    /// and whatever keeps the registry from answering.
    pub async fn blob_bytes(&self, repository: &str, descriptor: &Descriptor) -> Result<Bytes, RegistryError> {
        if descriptor.size_bytes > MAX_WHOLE_BLOB_BYTES {
            let action = Box::new(self.blob_action(repository, &descriptor.digest));
            return Err(RegistryError::TooLarge { action, limit_bytes: MAX_WHOLE_BLOB_BYTES });
        }
        let mut reader = self.blob(repository, descriptor);
        let mut bytes = BytesMut::new();
        while let Some(chunk) = reader.next_chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }

    /// A blob as a verified stream. Nothing is asked before the first chunk is.
    #[must_use]
    pub fn blob(&self, repository: &str, descriptor: &Descriptor) -> BlobReader {
        BlobReader::new(self.clone(), repository, descriptor)
    }

    pub(super) fn blob_action(&self, repository: &str, digest: &Digest) -> Action {
        self.action("read blob", digest.as_str(), repository)
    }

    /// Opens a blob at an offset, one attempt. Each attempt starts at the registry, so that a presigned address it redirects
    /// to is fresh. If a server does not serve the range, shipgate requests the whole blob.
    pub(super) async fn open_blob(
        &self,
        repository: &str,
        descriptor: &Descriptor,
        offset: u64,
        with_range: bool,
    ) -> Result<OpenBlob, RegistryError> {
        if with_range && offset > 0 {
            match self.request_blob(repository, descriptor, (offset, true)).await {
                Ok(Some(open)) => return Ok(open),
                Ok(None) => {}
                Err(error) if is_about_range(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let Some(open) = self.request_blob(repository, descriptor, (offset, false)).await? else {
            let action = self.blob_action(repository, &descriptor.digest);
            return Err(bad_answer(action, "206 without a readable Content-Range".to_owned()));
        };
        Ok(OpenBlob { is_without_range: offset > 0, ..open })
    }

    /// One request for a blob; `None` when the answer holds a part of it and does not say which, or one after the offset.
    async fn request_blob(
        &self,
        repository: &str,
        descriptor: &Descriptor,
        (offset, with_range): (u64, bool),
    ) -> Result<Option<OpenBlob>, RegistryError> {
        let action = self.blob_action(repository, &descriptor.digest);
        let url = self.resource(repository, Resource::Blob(&descriptor.digest));
        let mut request = self.request(Method::GET, url, action.clone());
        if with_range {
            request = request.text_header(RANGE, &format!("bytes={offset}-"))?;
        }
        let reply = self.send(request).await?;
        let span = if reply.response.status() == StatusCode::PARTIAL_CONTENT {
            let range = reply.response.headers().get(CONTENT_RANGE).map_or(b"".as_slice(), HeaderValue::as_bytes);
            let Some(span) = parse_content_range(range).filter(|span| span.start <= offset) else { return Ok(None) };
            span
        } else {
            let announced = reply.announced_bytes();
            Span { start: 0, end: announced.unwrap_or(descriptor.size_bytes), blob_bytes: announced }
        };
        must_fit(span, descriptor, &action)?;
        let (response, to_skip) = (reply.response, offset.saturating_sub(span.start));
        Ok(Some(OpenBlob { response, to_skip, end: span.end, is_without_range: false, has_progressed: false }))
    }
}

/// Whether a request for a range may have been refused because of the range.
fn is_about_range(error: &RegistryError) -> bool {
    // A refusal that may pass, as of a link that has expired, is about something else.
    !error.is_transient() && error.registry_answer().is_some_and(|answer| matches!(answer.status, 400 | 403 | 416))
}

/// The length of an encoded body is not that of the blob.
fn size_of(reply: &Reply) -> Option<u64> {
    reply.announced_bytes().filter(|_| !encoding::is_encoded(reply.response.headers()))
}

/// `bytes 5-9/10` begins at 5 and ends before 10 (RFC 9110, section 14.4).
fn parse_content_range(range: &[u8]) -> Option<Span> {
    let (unit, range) = std::str::from_utf8(range).ok()?.trim().split_once(' ')?;
    let (range, blob) = range.split_once('/').unwrap_or((range, "*"));
    let (start, last) = range.split_once('-')?;
    let (start, last): (u64, u64) = (start.trim().parse().ok()?, last.trim().parse().ok()?);
    let blob_bytes = match blob.trim() {
        "*" => None,
        bytes => Some(bytes.parse().ok()?),
    };
    let is_range = unit.eq_ignore_ascii_case("bytes") && start <= last;
    Some(Span { start, end: last.checked_add(1)?, blob_bytes }).filter(|_| is_range)
}

/// A body of a blob of another length than the descriptor's is refused before a byte of it is read.
fn must_fit(span: Span, descriptor: &Descriptor, action: &Action) -> Result<(), RegistryError> {
    let actual = span.blob_bytes.unwrap_or(descriptor.size_bytes).max(span.end);
    if actual == descriptor.size_bytes {
        return Ok(());
    }
    Err(RegistryError::SizeMismatch { action: Box::new(action.clone()), expected: descriptor.size_bytes, actual })
}

#[cfg(test)]
mod tests {
    use super::{Span, parse_content_range};

    #[test]
    fn content_ranges() {
        let span = |start, end, blob_bytes| Some(Span { start, end, blob_bytes });
        let table = [
            ("bytes 5-9/10", span(5, 10, Some(10))),
            ("Bytes 5-7/10", span(5, 8, Some(10))),
            ("BYTES 0-0/*", span(0, 1, None)),
            ("bytes 5-9", span(5, 10, None)),
            ("", None),
            ("bytes */10", None),
            ("bytes=5-9", None),
            ("bytes 9-5/10", None),
            ("bytes 5-9/ten", None),
            ("items 5-9/10", None),
            ("bytes 0-18446744073709551615/*", None),
        ];
        for (range, expected) in table {
            assert_eq!(parse_content_range(range.as_bytes()), expected, "{range}");
        }
    }
}
