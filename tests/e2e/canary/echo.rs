//! A registry, token service and engine in one that repeats what it knows: the request, and the secrets that its caller holds.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

/// How it answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// With this status, and errors as the distribution specification has them.
    Error(u16),
    /// With this status and a page.
    Page(u16),
    /// With a success that is no manifest.
    Nonsense,
    /// Once with a challenge and a token, and then with 403.
    Token(&'static str),
    /// With a redirect to an address that has secrets in it.
    Redirect,
    /// With a token service that refuses.
    NoToken,
}

impl Answer {
    pub(super) fn all(token: &'static str) -> [Self; 12] {
        [
            Self::Error(401),
            Self::Error(403),
            Self::Token(token),
            Self::Error(400),
            Self::Error(500),
            Self::NoToken,
            Self::Page(403),
            Self::Page(404),
            Self::Token(token),
            Self::Nonsense,
            Self::Redirect,
            Self::NoToken,
        ]
    }
}

/// The server. Its threads end with the test's process.
pub(super) struct Echo {
    port: u16,
    requests: Arc<AtomicUsize>,
}

impl Echo {
    pub(super) fn start(answer: Answer, held: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::<AtomicUsize>::default();
        let (held, counted) = (held.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), requests.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (held, counted) = (held.clone(), counted.clone());
                std::thread::spawn(move || {
                    serve(&stream, |request| {
                        let number = counted.fetch_add(1, Ordering::Relaxed);
                        reply(answer, port, number, request, &held)
                    });
                });
            }
        });
        Self { port, requests }
    }

    pub(super) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The same under another name.
    pub(super) fn other_host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

/// Reads one request, head and body as text, and writes what is made of it.
pub(super) fn serve(stream: &TcpStream, reply: impl Fn(&str) -> String) {
    let mut reader = BufReader::new(stream);
    let (mut request, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        let is_end = line.trim().is_empty();
        request.push_str(&line);
        if is_end {
            break;
        }
    }
    let mut body = vec![0; length];
    let _in_part = reader.read_exact(&mut body);
    request.push_str(&String::from_utf8_lossy(&body));
    let mut writer = stream;
    let _unread = writer.write_all(reply(&request).as_bytes());
}

fn reply(answer: Answer, port: u16, number: usize, request: &str, held: &[String]) -> String {
    let text = secrets(number, request, held);
    let json = serde_json::to_string(&text).unwrap();
    let errors = format!(r#"{{"errors":[{{"code":"DENIED","message":{json},"detail":{{"request":{json}}}}}]}}"#);
    let is_token = request.starts_with("GET /token") || request.starts_with("POST /token");
    let challenge = format!("WWW-Authenticate: Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"echo\"\r\n");
    let one_line = in_header(&text);
    match answer {
        Answer::NoToken if is_token => response(403, "", &errors),
        Answer::Token(token) if is_token => response(200, "", &format!(r#"{{"token":"{token}"}}"#)),
        // Before a token is had, it cannot be known.
        Answer::Token(_) | Answer::NoToken if !request.contains("Bearer ") => response(401, &challenge, ""),
        Answer::Token(_) | Answer::NoToken => response(403, "", &errors),
        Answer::Error(status) => response(status, "Retry-After: 9999\r\n", &errors),
        Answer::Page(status) => response(status, "", &format!("<html>{text}</html>")),
        Answer::Nonsense => response(200, &format!("Content-Type: {one_line}\r\nX-Echo: {one_line}\r\n"), &text),
        Answer::Redirect => {
            response(307, &format!("Location: http://me:{}@127.0.0.1:1/?sig={one_line}\r\n", held[0]), "")
        }
    }
}

/// On one line, and in ASCII alone: the rest percent-encoded, as it is in addresses.
fn in_header(text: &str) -> String {
    text.bytes().fold(String::new(), |line, byte| match byte {
        _ if byte.is_ascii_control() => line,
        _ if byte.is_ascii() => line + char::from(byte).encode_utf8(&mut [0; 4]),
        _ => format!("{line}%{byte:02X}"),
    })
}

pub(super) fn response(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

/// The secrets in one encoding, each time another one first, and now and then across the place where long messages are cut.
pub(super) fn secrets(number: usize, request: &str, held: &[String]) -> String {
    let all = [held.join(" "), request.to_owned()].join(" ");
    let percent = |upper: bool| {
        all.bytes().fold(String::new(), |text, byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' => text + char::from(byte).encode_utf8(&mut [0; 4]),
            _ if upper => format!("{text}%{byte:02X}"),
            _ => format!("{text}%{byte:02x}"),
        })
    };
    let encodings = [
        all.clone(),
        STANDARD.encode(&all),
        percent(true),
        serde_json::to_string(&all).unwrap(),
        URL_SAFE_NO_PAD.encode(format!("u{all}")),
        percent(false),
        STANDARD.encode(format!("us{all}")),
        all.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;"),
    ];
    let first = number % encodings.len();
    let padding = "x".repeat([0, 295, 290, 0, 280][number % 5]);
    let rest: Vec<String> = encodings.iter().cycle().skip(first).take(encodings.len()).cloned().collect();
    format!("{padding} {}", rest.join(" "))
}
