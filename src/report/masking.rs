//! The one way out: what leaves the process as output or as a file goes through here, and secrets stay behind. Most of them have
//! been masked before, where text of others comes in; this is for all that was not.

use std::io::{self, Write};

use super::untrusted::escaped_json;
use shipgate_core::mask::{masked, masked_json, masked_markup};

/// What a text is, and so how it can be masked without breaking it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// Text for people, or lines of a simple format.
    Text,
    /// JSON documents.
    Json,
    /// XML or HTML.
    Markup,
}

impl Content {
    /// The text without secrets.
    #[must_use]
    pub fn masked(self, text: &str) -> String {
        match self {
            Self::Text => masked(text),
            // Masking writes strings anew: invisible characters in them are escaped again.
            Self::Json => escaped_json(&masked_json(text)),
            Self::Markup => masked_markup(text),
        }
    }
}

/// A stream that secrets are taken out of, line by line.
pub struct MaskedWriter<W> {
    inner: W,
    content: Content,
    /// What has been written since the last end of a line.
    pending: Vec<u8>,
}

impl<W: Write> MaskedWriter<W> {
    /// Writes to this stream.
    pub fn new(inner: W, content: Content) -> Self {
        Self { inner, content, pending: Vec::new() }
    }

    fn pass_on(&mut self, length: usize) -> io::Result<()> {
        let rest = self.pending.split_off(length);
        let whole = std::mem::replace(&mut self.pending, rest);
        match str::from_utf8(&whole) {
            Ok(text) => self.inner.write_all(self.content.masked(text).as_bytes()),
            Err(_) => self.inner.write_all(self.content.masked(&String::from_utf8_lossy(&whole)).as_bytes()),
        }
    }
}

impl<W: Write> Write for MaskedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend(bytes);
        if let Some(end) = self.pending.iter().rposition(|byte| *byte == b'\n') {
            self.pass_on(end + 1)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            self.pass_on(self.pending.len())?;
        }
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::{Content, MaskedWriter};
    use shipgate_core::secret::Secret;

    #[test]
    fn a_secret_in_several_writes_is_masked() {
        let _secret = Secret::new("hunter2-and-more");
        let mut out = Vec::new();
        let mut writer = MaskedWriter::new(&mut out, Content::Text);
        for part in ["it is hun", "ter2-and", "-more\nand then: hunter2", "-and-more"] {
            writer.write_all(part.as_bytes()).unwrap();
        }
        writer.flush().unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "it is …\nand then: …");
    }

    #[test]
    fn json_lines_stay_valid() {
        let _secret = Secret::new("n1234567");
        let mut out = Vec::new();
        let mut writer = MaskedWriter::new(&mut out, Content::Json);
        writer.write_all(b"{\"event\":\"notice\",\"message\":\"a\\n1234567 n1234567\"}\n").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "{\"event\":\"notice\",\"message\":\"a\\n1234567 …\"}\n");
    }
}
