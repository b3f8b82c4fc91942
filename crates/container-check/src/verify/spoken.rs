//! What a port speaks that does not answer in HTTP/1: known by the bytes it sent, or by its answer to a greeting of TLS or of
//! HTTP/2. It only explains a verdict.

use std::{fmt, net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::probe::{Answer, RECEIVED_BYTES};
use shipgate_core::mask::Mask;

/// The most characters of the bytes that are shown.
const SHOWN_CHARACTERS: usize = 120;

/// A greeting of TLS 1.2 that every server of TLS answers with its own, or with an alert (RFC 5246, section 7.4.1.2).
const CLIENT_HELLO: &[u8] = b"\x16\x03\x01\x00\x4b\x01\x00\x00\x47\x03\x03\
    shipgate shipgate shipgate shipg\
    \x00\x00\x08\xc0\x2f\xc0\x2b\x00\x9c\x00\x2f\x01\x00\
    \x00\x16\x00\x0a\x00\x04\x00\x02\x00\x17\x00\x0d\x00\x0a\x00\x08\x04\x01\x04\x03\x05\x01\x08\x04";

/// The preface of an HTTP/2 connection with empty settings (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// What a port speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Spoken {
    /// TLS.
    Tls,
    /// HTTP/2, without its upgrade from HTTP/1.1.
    Http2,
}

impl Spoken {
    /// What these bytes of a server are the start of, if that is known.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            // A record of TLS 1.0 to 1.3: an alert or a handshake (RFC 8446, section 5.1).
            [0x15 | 0x16, 3, 0..=4, ..] => Some(Self::Tls),
            // A frame of SETTINGS or GOAWAY on stream 0 (RFC 9113, sections 6.5 and 6.8).
            [0, _, _, 4 | 7, _, 0, 0, 0, 0, ..] => Some(Self::Http2),
            _ => None,
        }
    }
}

/// Bytes of a server that are not HTTP/1. Only what `masked` gave is ever shown.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Received {
    raw: Vec<u8>,
    shown: String,
}

impl Received {
    /// What a server sent.
    pub(super) fn new(raw: Vec<u8>) -> Self {
        Self { raw, shown: String::new() }
    }

    /// Whether nothing was received.
    pub(super) fn is_empty(&self) -> bool {
        self.raw.is_empty() && self.shown.is_empty()
    }

    /// The same as it may be shown: without the values that the application was given, escaped, and cut after that.
    pub(super) fn masked(self, mask: &Mask) -> Self {
        let is_cut = self.raw.len() >= RECEIVED_BYTES;
        // What is not UTF-8 is taken byte by byte, so that text between the other bytes is masked too.
        let text = String::from_utf8(self.raw)
            .unwrap_or_else(|error| error.as_bytes().iter().map(|byte| char::from(*byte)).collect());
        let shown = mask.shortened(&text, is_cut, SHOWN_CHARACTERS).chars().map(escaped).collect();
        Self { raw: Vec::new(), shown }
    }
}

impl fmt::Display for Received {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", self.shown)
    }
}

fn escaped(letter: char) -> String {
    match (letter, u8::try_from(letter)) {
        ('…', _) => letter.to_string(),
        (_, Ok(byte)) => byte.escape_ascii().to_string(),
        (_, Err(_)) => letter.escape_default().to_string(),
    }
}

/// Whether an HTTP answer says that the port wants TLS: Go, nginx, Apache, and Envoy say so in plain HTTP.
pub(super) fn is_tls_refusal(answer: &Answer) -> bool {
    let body = answer.body.to_lowercase();
    let says = [
        "http request to an https server",
        "plain http request was sent to https port",
        "speaking plain http to an ssl",
    ];
    (400..500).contains(&answer.status) && says.iter().any(|words| body.contains(words))
}

/// Asks a port what it speaks. `limit` is for each of two connections.
pub(super) async fn identify(target: SocketAddr, limit: Duration) -> Option<Spoken> {
    for greeting in [CLIENT_HELLO, HTTP2_PREFACE] {
        let answer = timeout(limit, answer_to(target, greeting)).await.unwrap_or_default();
        if let Some(spoken) = Spoken::of(&answer) {
            return Some(spoken);
        }
    }
    None
}

/// The first bytes that a server answers to a greeting.
async fn answer_to(target: SocketAddr, greeting: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    let Ok(mut stream) = TcpStream::connect(target).await else { return answer };
    if stream.write_all(greeting).await.is_ok() {
        // The header of an HTTP/2 frame is the longer one.
        while answer.len() < 9 && matches!(stream.read_buf(&mut answer).await, Ok(1..)) {}
    }
    answer
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::{Answer, CLIENT_HELLO, Mask, Received, Spoken, identify, is_tls_refusal};
    use shipgate_core::secret::Secret;

    #[test]
    fn protocols_are_known_by_their_first_bytes() {
        let table: [(&[u8], Option<Spoken>); 9] = [
            (b"\x15\x03\x01\0\x02\x02\x46", Some(Spoken::Tls)),
            (b"\x16\x03\x03\0\x7a", Some(Spoken::Tls)),
            (b"\0\0\x12\x04\0\0\0\0\0", Some(Spoken::Http2)),
            (b"\0\0\x08\x07\0\0\0\0\0", Some(Spoken::Http2)),
            (b"\0\0\x08\x07\0\0\0\0\x01", None),
            (b"SSH-2.0-x\r\n", None),
            (b"\x4a\0\0\0\x0a8.0.36", None),
            (b"HTTP/1.1 400", None),
            (b"", None),
        ];
        for (bytes, spoken) in table {
            assert_eq!(Spoken::of(bytes), spoken, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn greeting_has_the_lengths_it_announces() {
        let length = |at: usize| usize::from(u16::from_be_bytes([CLIENT_HELLO[at], CLIENT_HELLO[at + 1]]));
        assert_eq!((length(3), length(7)), (CLIENT_HELLO.len() - 5, CLIENT_HELLO.len() - 9));
        // Version, random bytes, session, ciphers, compression: then the length of the extensions.
        assert_eq!(length(9 + 2 + 32 + 1 + 2 + 8 + 2), 4 + 4 + 4 + 10);
        assert_eq!(9 + 2 + 32 + 1 + 2 + 8 + 2 + 2 + 22, CLIENT_HELLO.len());
    }

    #[test]
    fn received_bytes_are_masked_escaped_and_cut() {
        let (name, value) = ("KEY".to_owned(), Secret::new("a-confidential-value"));
        let mask = Mask::new([(&name, &value)]);
        let shown = |bytes: &[u8]| Received::new(bytes.to_vec()).masked(&mask).to_string();
        assert_eq!(shown(b"SSH-2.0-x\r\n"), r#""SSH-2.0-x\r\n""#);
        assert_eq!(shown(b"\x15\x03\x01\xff"), r#""\x15\x03\x01\xff""#);
        assert_eq!(shown(b"\"a-confidential-value\" \xff"), r#""\"…\" \xff""#);
        assert_eq!(shown(b"\xff a-confidential-value"), r#""\xff …""#);
        assert_eq!(shown("caf\u{e9} \u{202e}".as_bytes()), r#""caf\xe9 \u{202e}""#);
        assert_eq!(shown(&[b'x'; 500]), format!("\"{}…\"", "x".repeat(120)));
        assert!(!Received::new(b"a-confidential-value".to_vec()).to_string().contains("confidential"));
    }

    #[test]
    fn servers_of_tls_say_so_in_plain_http() {
        let answer = |status: u16, body: &str| Answer { status, location: None, body: body.to_owned() };
        assert!(is_tls_refusal(&answer(400, "Client sent an HTTP request to an HTTPS server.")));
        assert!(is_tls_refusal(&answer(400, "<center>The plain HTTP request was sent to HTTPS port</center>")));
        assert!(is_tls_refusal(&answer(400, "Reason: You're speaking plain HTTP to an SSL-enabled server port.")));
        assert!(!is_tls_refusal(&answer(200, "Client sent an HTTP request to an HTTPS server.")));
        assert!(!is_tls_refusal(&answer(404, "not found")));
    }

    /// A server that answers to bytes that start like this, and hangs up on others.
    async fn identified(start: &'static [u8], answer: &'static [u8]) -> Option<Spoken> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        let server = async {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut greeting = vec![0; start.len()];
                stream.read_exact(&mut greeting).await.unwrap();
                if greeting == start {
                    stream.write_all(answer).await.unwrap();
                }
            }
        };
        tokio::select! {
            spoken = identify(target, Duration::from_mins(1)) => spoken,
            () = server => None,
        }
    }

    #[tokio::test]
    async fn silent_ports_are_asked_what_they_speak() {
        assert_eq!(identified(b"\x16\x03\x01", b"\x15\x03\x03\0\x02\x02\x28\0\0").await, Some(Spoken::Tls));
        assert_eq!(identified(b"PRI * HTTP/2.0", b"\0\0\0\x04\0\0\0\0\0").await, Some(Spoken::Http2));
        assert_eq!(identified(b"EHLO", b"250").await, None);
    }
}
