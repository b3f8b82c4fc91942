//! One probe of the application, as App Runner makes it: from outside, at the container's own address.

use std::{fmt, io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout_at},
};

use crate::domain::health::{HealthCheck, Protocol, status_passes};

/// The most bytes of an answer's head that are read: what common servers allow for all headers together.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// What a probe saw.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    /// A TCP connection was accepted, which is all that was asked.
    Accepted,
    /// An HTTP answer with this status came.
    Status(u16),
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
    NotHttp(&'static str),
}

impl Seen {
    /// Whether the probe passes.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Accepted => true,
            Self::Status(status) => status_passes(*status),
            Self::Refused | Self::TimedOut { .. } | Self::NoRoute | Self::NotHttp(_) => false,
        }
    }

    /// Whether it proves that the container itself was reached, if only to be refused.
    #[must_use]
    pub fn reached(&self) -> bool {
        match self {
            Self::Accepted | Self::Status(_) | Self::Refused | Self::NotHttp(_) => true,
            Self::TimedOut { connected, .. } => *connected,
            Self::NoRoute => false,
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => formatter.write_str("accepted a connection"),
            Self::Status(status) => write!(formatter, "answered {status}"),
            Self::Refused => formatter.write_str("connection refused"),
            Self::TimedOut { connected: true, limit } => {
                write!(formatter, "connected, and no answer within {} s", limit.as_secs_f32())
            }
            Self::TimedOut { connected: false, limit } => {
                write!(formatter, "no connection within {} s", limit.as_secs_f32())
            }
            Self::NoRoute => formatter.write_str("no route to the container"),
            Self::NotHttp(what) => write!(formatter, "no HTTP answer: {what}"),
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
        return Seen::NotHttp("the connection was closed");
    }
    let mut head = Vec::new();
    loop {
        if let Some(seen) = read_head(&head) {
            return seen;
        }
        match stream.read_buf(&mut head).await {
            Ok(1..) => (),
            Ok(0) | Err(_) => return Seen::NotHttp("the connection was closed"),
        }
    }
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

/// What the bytes so far come to, once the head of the final answer is complete. Interim answers (RFC 9110, section
/// 15.2: 100 to 199) are passed over.
fn read_head(bytes: &[u8]) -> Option<Seen> {
    let mut rest = bytes;
    loop {
        let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") else {
            return (bytes.len() > MAX_HEAD_BYTES).then_some(Seen::NotHttp("its head does not end"));
        };
        match status(&rest[..end]) {
            None => return Some(Seen::NotHttp("the answer is not HTTP/1")),
            Some(100..200) => rest = &rest[end + 4..],
            Some(status) => return Some(Seen::Status(status)),
        }
    }
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
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::{HealthCheck, Protocol, Seen, probe, read_head, request_path};

    #[test]
    fn heads() {
        let table: [(&[u8], Option<Seen>); 9] = [
            (b"", None),
            (b"HTTP/1.1 200 OK\r\nA: b\r\n", None),
            (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody", Some(Seen::Status(200))),
            (b"HTTP/1.0 404 Not Found\r\n\r\n", Some(Seen::Status(404))),
            (b"HTTP/1.1 301\r\nLocation: /\r\n\r\n", Some(Seen::Status(301))),
            (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", None),
            (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 503 x\r\n\r\n", Some(Seen::Status(503))),
            (b"SSH-2.0-OpenSSH\r\n\r\n", Some(Seen::NotHttp("the answer is not HTTP/1"))),
            (b"HTTP/1.1 2000 OK\r\n\r\n", Some(Seen::NotHttp("the answer is not HTTP/1"))),
        ];
        for (bytes, seen) in table {
            assert_eq!(read_head(bytes), seen, "{}", String::from_utf8_lossy(bytes));
        }
        assert!(matches!(read_head(&vec![b'x'; 70_000]), Some(Seen::NotHttp(_))));
    }

    #[test]
    fn a_path_cannot_leave_its_line() {
        assert_eq!(request_path("/health?full=1"), "/health?full=1");
        assert_eq!(request_path("health"), "/health");
        assert_eq!(request_path("/a b\r\nX: y"), "/a%20b%0D%0AX:%20y");
    }

    async fn answered_with(answer: &'static str, protocol: Protocol) -> Seen {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        let check = HealthCheck { protocol, ..HealthCheck::default() };
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _request = stream.read(&mut request).await;
            let _sent = stream.write_all(answer.as_bytes()).await;
        };
        // The limit only keeps a broken build from hanging: every answer here comes, or the connection ends.
        tokio::join!(probe(target, &check, Duration::from_mins(1)), server).0
    }

    #[tokio::test]
    async fn answers_over_a_connection() {
        assert_eq!(answered_with("HTTP/1.1 200 OK\r\n\r\n", Protocol::Http).await, Seen::Status(200));
        assert_eq!(answered_with("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", Protocol::Http).await, Seen::Status(302));
        assert!(matches!(answered_with("", Protocol::Http).await, Seen::NotHttp(_)));
        assert_eq!(answered_with("", Protocol::Tcp).await, Seen::Accepted);
    }

    #[tokio::test]
    async fn silence_and_refusal_are_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        let check = HealthCheck { protocol: Protocol::Http, ..HealthCheck::default() };
        let limit = Duration::from_millis(1);
        assert_eq!(probe(target, &check, limit).await, Seen::TimedOut { connected: true, limit });
        drop(listener);
        assert_eq!(probe(target, &check, Duration::from_mins(1)).await, Seen::Refused);
    }
}
