//! One probe of the application, as App Runner makes it: from outside, at the container's own address.

use std::{borrow::Cow, fmt, io, net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};

use super::spoken::{Received, Spoken};
use shipgate_core::{
    health::{HealthCheck, Protocol, status_passes},
    mask::Mask,
};

/// The most bytes of an answer's head that are read: what common servers allow for all headers together.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The most bytes of a body that are read: more than are shown, so that a secret in it is seen whole.
const BODY_BYTES: usize = 16 * 1024;

/// The most characters of a body or an address that are shown as evidence.
const EXCERPT_CHARACTERS: usize = 200;

/// The most bytes that are kept of something that is not HTTP: more than are shown, so that a secret in it is seen whole.
pub(super) const RECEIVED_BYTES: usize = 8 * 1024;

/// What is seen of a connection that ends before an answer is complete.
const CLOSED: &str = "the connection was closed";

/// How long the rest of a body is waited for: it is evidence, and no verdict waits for it.
const EXCERPT_LIMIT: Duration = Duration::from_millis(200);

/// An answer over HTTP.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Where it redirects to, if it does.
    pub location: Option<String>,
    /// The beginning of its body, on one line and without control characters; empty for a status that passes. Where its end is
    /// missing, it ends with `…`.
    pub body: String,
}

/// What a probe saw.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Seen {
    /// A TCP connection was accepted, which is all that was asked.
    Accepted,
    /// An HTTP answer came.
    Status(Answer),
    /// The container's kernel refused the connection: nothing listens there.
    Refused,
    /// Time ran out.
    TimedOut {
        /// Whether the connection stood by then.
        connected: bool,
        /// How long it was waited for.
        limit: Duration,
    },
    /// There is no way to the address.
    NoRoute,
    /// A connection stood, and no HTTP answer came over it.
    NotHttp {
        /// What came instead.
        what: Cow<'static, str>,
        /// The first bytes that came.
        received: Received,
    },
}

impl Seen {
    /// An answer with this status, of which nothing else is known.
    #[must_use]
    pub fn answered(status: u16) -> Self {
        Self::Status(Answer { status, location: None, body: String::new() })
    }

    /// The same as it may be shown: without the values that the application was given, and cut after that.
    pub(super) fn masked(self, mask: &Mask) -> Self {
        let shown = |text: String| match text.strip_suffix('…') {
            Some(beginning) => {
                let shown = mask.shortened(beginning, true, EXCERPT_CHARACTERS);
                if shown.ends_with('…') { shown } else { shown + "…" }
            }
            None => mask.shortened(&text, false, EXCERPT_CHARACTERS),
        };
        match self {
            Self::Status(Answer { status, location, body }) => {
                Self::Status(Answer { status, location: location.map(shown), body: shown(body) })
            }
            Self::NotHttp { what, received } => Self::NotHttp { what, received: received.masked(mask) },
            seen @ (Self::Accepted | Self::Refused | Self::TimedOut { .. } | Self::NoRoute) => seen,
        }
    }

    /// No HTTP answer, and none of the bytes that came.
    fn not_http(what: &'static str, received: Vec<u8>) -> Self {
        Self::NotHttp { what: what.into(), received: Received::new(received) }
    }

    /// What was seen of an application that is probed like this, in words.
    #[must_use]
    pub fn describe(&self, check: &HealthCheck) -> String {
        match self {
            Self::Status(Answer { status, location, .. }) if !status_passes(*status) => {
                let location = location.as_ref().map(|location| format!(" (Location: {location})")).unwrap_or_default();
                format!("GET {} answered {status}{location}", request_path(&check.path))
            }
            Self::Accepted
            | Self::Status(_)
            | Self::Refused
            | Self::TimedOut { .. }
            | Self::NoRoute
            | Self::NotHttp { .. } => self.to_string(),
        }
    }

    /// Whether the application may just need more time: it does not listen yet, or says that it cannot serve yet.
    pub(super) fn is_not_yet(&self) -> bool {
        match self {
            Self::Refused => true,
            Self::Status(answer) => matches!(answer.status, 502..=504),
            Self::Accepted | Self::TimedOut { .. } | Self::NoRoute | Self::NotHttp { .. } => false,
        }
    }

    /// Whether the probe passes.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Accepted => true,
            Self::Status(answer) => status_passes(answer.status),
            Self::Refused | Self::TimedOut { .. } | Self::NoRoute | Self::NotHttp { .. } => false,
        }
    }

    /// Whether it proves that the container itself was reached, if only to be refused.
    #[must_use]
    pub fn reached(&self) -> bool {
        match self {
            Self::Accepted | Self::Status(_) | Self::Refused | Self::NotHttp { .. } => true,
            Self::TimedOut { connected, .. } => *connected,
            Self::NoRoute => false,
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => formatter.write_str("accepted a connection"),
            Self::Status(answer) => write!(formatter, "answered {}", answer.status),
            Self::Refused => formatter.write_str("connection refused"),
            Self::TimedOut { connected: true, limit } => {
                write!(formatter, "connected, and no answer within {} s", limit.as_secs_f32())
            }
            Self::TimedOut { connected: false, limit } => {
                write!(formatter, "no connection within {} s", limit.as_secs_f32())
            }
            Self::NoRoute => formatter.write_str("no route to the container"),
            Self::NotHttp { what, received } if received.is_empty() => write!(formatter, "no HTTP answer: {what}"),
            Self::NotHttp { what, received } => write!(formatter, "no HTTP answer: {what}, received {received}"),
        }
    }
}

/// Probes once. Redirects are not followed, and no proxy is asked.
pub(super) async fn probe(target: SocketAddr, check: &HealthCheck, limit: Duration) -> Seen {
    let deadline = Instant::now() + limit;
    let stream = match timeout_at(deadline, TcpStream::connect(target)).await {
        Err(_) => return Seen::TimedOut { connected: false, limit },
        Ok(Err(error)) => return unconnected(&error),
        Ok(Ok(stream)) => stream,
    };
    match check.protocol {
        Protocol::Tcp => Seen::Accepted,
        Protocol::Http => match timeout_at(deadline, get(stream, target, &check.path)).await {
            Err(_) => Seen::TimedOut { connected: true, limit },
            Ok(seen) => seen,
        },
    }
}

fn unconnected(error: &io::Error) -> Seen {
    let kind = error.kind();
    if kind == io::ErrorKind::ConnectionRefused || kind == io::ErrorKind::ConnectionReset {
        Seen::Refused
    } else {
        Seen::NoRoute
    }
}

async fn get(mut stream: TcpStream, target: SocketAddr, path: &str) -> Seen {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: shipgate\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        request_path(path)
    );
    if stream.write_all(request.as_bytes()).await.is_err() {
        return Seen::not_http(CLOSED, Vec::new());
    }
    let mut bytes = Vec::new();
    loop {
        match read_head(&bytes) {
            Some(Head::Final { answer, body }) if !status_passes(answer.status) => {
                let body = excerpt(stream, bytes.split_off(body), &bytes).await;
                return Seen::Status(Answer { body, ..answer });
            }
            Some(Head::Final { answer, .. }) => return Seen::Status(answer),
            Some(Head::Broken(what)) => return not_http(stream, what, bytes).await,
            None => (),
        }
        match stream.read_buf(&mut bytes).await {
            Ok(1..) => (),
            Ok(0) | Err(_) => return Seen::not_http(CLOSED, bytes),
        }
    }
}

/// Reads what else comes of something that is not HTTP, for a moment: it is evidence.
async fn not_http(mut stream: TcpStream, what: &'static str, mut bytes: Vec<u8>) -> Seen {
    let reading =
        async { while bytes.len() < RECEIVED_BYTES && matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {} };
    let _in_part = timeout(EXCERPT_LIMIT, reading).await;
    bytes.truncate(RECEIVED_BYTES);
    let what = match Spoken::of(&bytes) {
        Some(Spoken::Tls) => "the answer is TLS",
        Some(Spoken::Http2) => "the answer is HTTP/2",
        None => what,
    };
    Seen::not_http(what, bytes)
}

/// The beginning of a body, as a line for people.
async fn excerpt(mut stream: TcpStream, mut body: Vec<u8>, head: &[u8]) -> String {
    let chunked = header(head, "transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    let announced: Option<usize> = header(head, "content-length").and_then(|length| length.parse().ok());
    let mut is_complete = false;
    let reading = async {
        while body.len() < BODY_BYTES && !is_complete {
            let has_ended = !matches!(stream.read_buf(&mut body).await, Ok(1..));
            is_complete = has_ended || (!chunked && announced.is_some_and(|length| body.len() >= length));
        }
    };
    let _in_part = timeout(EXCERPT_LIMIT, reading).await;
    let (body, is_last) = if chunked { chunks(&body) } else { (body, is_complete) };
    let is_whole = is_last && body.len() <= BODY_BYTES;
    let line = one_line(&body[..body.len().min(BODY_BYTES)]);
    if is_whole || line.is_empty() { line } else { line + "…" }
}

/// The chunks of a body (RFC 9112, section 7.1), as far as there are any, and whether the last one is among them. A body that is
/// not in chunks is taken as it stands.
fn chunks(body: &[u8]) -> (Vec<u8>, bool) {
    let (mut content, mut rest) = (Vec::new(), body);
    while let Some((size, after)) = chunk_size(rest) {
        if size == 0 {
            return (content, true);
        }
        let end = after.len().min(size);
        content.extend(&after[..end]);
        rest = after[end..].strip_prefix(b"\r\n").or_else(|| after[end..].strip_prefix(b"\n")).unwrap_or_default();
    }
    if content.is_empty() { (body.to_vec(), false) } else { (content, false) }
}

/// The size of the next chunk, and what follows its line.
fn chunk_size(body: &[u8]) -> Option<(usize, &[u8])> {
    let end = body.iter().position(|byte| *byte == b'\n')?;
    let size = std::str::from_utf8(&body[..end]).ok()?.split(';').next()?.trim();
    Some((usize::from_str_radix(size, 16).ok()?, &body[end + 1..]))
}

/// Text without control characters, every blank one space.
fn one_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace(|letter: char| letter.is_control(), " ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The path as it may stand in a request line: whatever could end the line or the word is percent-encoded.
fn request_path(path: &str) -> String {
    let slash = if path.starts_with('/') { "" } else { "/" };
    path.bytes().fold(slash.to_owned(), |encoded, byte| {
        if byte.is_ascii_graphic() && byte != b'#' {
            encoded + char::from(byte).encode_utf8(&mut [0; 4])
        } else {
            format!("{encoded}%{byte:02X}")
        }
    })
}

/// What every answer over HTTP/1 starts with (RFC 9112, section 4).
const VERSION: &[u8] = b"HTTP/1.";

/// The head of an answer, once it is complete.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Head {
    /// The final answer, and where its body begins.
    Final { answer: Answer, body: usize },
    /// It is none.
    Broken(&'static str),
}

/// What the bytes so far come to, once the head of the final answer is complete. Interim answers (RFC 9110, section
/// 15.2: 100 to 199) are passed over.
fn read_head(bytes: &[u8]) -> Option<Head> {
    let mut start = 0;
    loop {
        let rest = &bytes[start..];
        // Some protocols say something and wait: it must not take the head's end to see that this is not HTTP.
        if !rest.starts_with(VERSION) && !VERSION.starts_with(rest) {
            return Some(Head::Broken("the answer is not HTTP/1"));
        }
        let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") else {
            return (bytes.len() > MAX_HEAD_BYTES).then_some(Head::Broken("its head does not end"));
        };
        let (head, after) = (&rest[..end], start + end + 4);
        match status(head) {
            None => return Some(Head::Broken("the answer is not HTTP/1")),
            Some(100..200) => start = after,
            Some(status) => {
                let location = header(head, "location").map(|value| one_line(value.as_bytes()));
                return Some(Head::Final { answer: Answer { status, location, body: String::new() }, body: after });
            }
        }
    }
}

/// The value of a header in a head.
fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let lines = head.split(|byte| *byte == b'\n').skip(1);
    lines
        .filter_map(|line| std::str::from_utf8(line).ok()?.split_once(':'))
        .find_map(|(known, value)| known.trim().eq_ignore_ascii_case(name).then(|| value.trim()))
}

/// The status in `HTTP/1.1 200 OK`.
fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let (version, rest) = line.split_once(' ')?;
    let code = rest.split(' ').next()?;
    (version.starts_with("HTTP/1.") && code.len() == 3).then(|| code.parse().ok())?
}

#[cfg(test)]
mod tests;
