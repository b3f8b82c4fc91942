//! Blobs: looked for, and opened for reading at any offset. What is read is checked by [`BlobReader`].

use bytes::{Bytes, BytesMut};
use reqwest::{
    Method, Response, StatusCode,
    header::{CONTENT_RANGE, HeaderValue, RANGE},
};

use super::{
    blob_reader::BlobReader,
    client::Registry,
    error::{Action, RegistryError},
    request::{Reply, bad_answer},
    retry,
};
use shipgate_core::{digest::Digest, manifest::Descriptor};

/// The most bytes a blob may have that is read whole into memory: configurations are a few kilobytes.
const MAX_WHOLE_BLOB_BYTES: u64 = 16 * 1024 * 1024;

/// A blob's body, open somewhere at or before where it was asked for.
pub(super) struct OpenBlob {
    pub(super) response: Response,
    /// Bytes that come first and have been seen before: the server did not honour the range.
    pub(super) to_skip: u64,
}

impl Registry {
    /// Whether a blob is in the repository, by one HEAD, or by opening it where HEAD is refused.
    ///
    /// # Errors
    /// Whatever keeps the registry from answering. A repository that does not exist has no blobs.
    pub async fn has_blob(&self, repository: &str, digest: &Digest) -> Result<bool, RegistryError> {
        let action = self.action("look for blob", digest.as_str(), repository);
        let head = retry::persist(self, &action, || async {
            let url = self.resource(repository, &format!("blobs/{digest}"));
            if self.send_head(self.request(Method::HEAD, url.clone(), action.clone())).await?.is_some() {
                return Ok(());
            }
            // One byte is asked for, and none is read.
            let first = HeaderValue::from_static("bytes=0-0");
            match self.send(self.request(Method::GET, url, action.clone()).header(RANGE, first)).await {
                // A blob without bytes has no first one.
                Err(error) if error.answer().is_some_and(|answer| answer.status == 416) => Ok(()),
                answer => answer.map(drop),
            }
        });
        match head.await {
            Ok(()) => Ok(true),
            Err(RegistryError::ContentNotFound { .. } | RegistryError::RepositoryNotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
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

    /// Opens a blob at an offset, one attempt. The registry is asked anew each time, so that a presigned address it
    /// redirects to is fresh.
    pub(super) async fn open_blob(
        &self,
        repository: &str,
        descriptor: &Descriptor,
        offset: u64,
    ) -> Result<OpenBlob, RegistryError> {
        let action = self.blob_action(repository, &descriptor.digest);
        let url = self.resource(repository, &format!("blobs/{}", descriptor.digest));
        let mut request = self.request(Method::GET, url, action.clone());
        if offset > 0 {
            request = request.text_header(RANGE, &format!("bytes={offset}-"))?;
        }
        let reply = self.send(request).await?;
        let start = first_byte(&reply, &action)?;
        must_fit(&reply, descriptor, start, &action)?;
        match offset.checked_sub(start) {
            Some(to_skip) => Ok(OpenBlob { response: reply.response, to_skip }),
            None => Err(bad_answer(action, format!("asked for byte {offset} on, it begins at {start}"))),
        }
    }
}

/// Which byte of the blob the body begins with.
fn first_byte(reply: &Reply, action: &Action) -> Result<u64, RegistryError> {
    if reply.response.status() != StatusCode::PARTIAL_CONTENT {
        return Ok(0);
    }
    let range = reply.response.headers().get(CONTENT_RANGE).map_or(b"".as_slice(), HeaderValue::as_bytes);
    parse_range_start(range)
        .ok_or_else(|| bad_answer(action.clone(), "206 without a readable Content-Range".to_owned()))
}

/// `bytes 5-9/10` begins at 5 (RFC 9110, section 14.4).
fn parse_range_start(range: &[u8]) -> Option<u64> {
    let (start, _) = std::str::from_utf8(range).ok()?.trim().strip_prefix("bytes ")?.split_once('-')?;
    start.parse().ok()
}

/// A body of another length than the descriptor's is refused before a byte of it is read.
fn must_fit(reply: &Reply, descriptor: &Descriptor, start: u64, action: &Action) -> Result<(), RegistryError> {
    let Some(announced) = reply.announced_bytes() else { return Ok(()) };
    if start.saturating_add(announced) == descriptor.size_bytes {
        return Ok(());
    }
    Err(RegistryError::SizeMismatch {
        action: Box::new(action.clone()),
        expected: descriptor.size_bytes,
        actual: start.saturating_add(announced),
    })
}

#[cfg(test)]
mod tests {
    use super::parse_range_start;

    #[test]
    fn content_ranges() {
        let table = [
            ("bytes 5-9/10", Some(5)),
            ("bytes 0-0/*", Some(0)),
            ("", None),
            ("bytes */10", None),
            ("bytes=5-9", None),
        ];
        for (range, start) in table {
            assert_eq!(parse_range_start(range.as_bytes()), start, "{range}");
        }
    }
}
