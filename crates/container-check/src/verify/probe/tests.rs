//! What is made of answers, and of none.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{Answer, Head, HealthCheck, Mask, Protocol, Seen, one_line, probe, read_head, request_path};
use shipgate_core::secret::Secret;

#[test]
fn heads() {
    let not_http = || Some(Seen::not_http("the answer is not HTTP/1", Vec::new()));
    let table: [(&[u8], Option<Seen>); 13] = [
        (b"", None),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n", None),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody", Some(Seen::answered(200))),
        (b"HTTP/1.0 404 Not Found\r\n\r\n", Some(Seen::answered(404))),
        (b"HTTP/1.1 301\r\nX: /\r\n\r\n", Some(Seen::answered(301))),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", None),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 503 x\r\n\r\n", Some(Seen::answered(503))),
        (b"SSH-2.0-OpenSSH\r\n\r\n", not_http()),
        // It is known before a head's end, which may never come.
        (b"SSH-2.0-OpenSSH\r\n", not_http()),
        (b"\x15\x03\x01", not_http()),
        (b"HTTP/2", not_http()),
        (b"HTTP/1", None),
        (b"HTTP/1.1 2000 OK\r\n\r\n", not_http()),
    ];
    for (bytes, expected) in table {
        let seen = read_head(bytes).map(|head| match head {
            Head::Final { answer, .. } => Seen::Status(answer),
            Head::Broken(what) => Seen::not_http(what, Vec::new()),
        });
        assert_eq!(seen, expected, "{}", String::from_utf8_lossy(bytes));
    }
    let endless = [b"HTTP/1.1 200 OK\r\n".to_vec(), vec![b'x'; 70_000]].concat();
    assert!(matches!(read_head(&endless), Some(Head::Broken("its head does not end"))));
}

#[test]
fn what_a_server_says_is_one_line_without_control_characters() {
    assert_eq!(one_line(b"  a\r\n\x1b[31mb\x00 \t c"), "a [31mb c");
    assert_eq!(one_line(b"\xff"), "\u{fffd}");
}

#[test]
fn answers_are_masked_and_then_cut() {
    let (name, value) = ("PLAN".to_owned(), Secret::new("a-confidential-value"));
    let mask = Mask::new([(&name, &value)]);
    let shown = |body: &str| {
        let seen = Seen::Status(Answer { body: body.to_owned(), ..answer() }).masked(&mask);
        let Seen::Status(answer) = seen else { panic!("{seen}") };
        answer.body
    };
    assert_eq!(shown(&"x".repeat(200)), "x".repeat(200));
    assert_eq!(shown(&"x".repeat(201)), "x".repeat(200) + "…");
    let long = format!("{} a-confidential-value", "x".repeat(190));
    assert_eq!(shown(&long), "x".repeat(190) + " …");
    assert_eq!(shown("not ready: a-confidential-va…"), "not ready: …");
}

fn answer() -> Answer {
    Answer { status: 500, location: None, body: String::new() }
}

#[test]
fn the_values_an_application_was_given_are_taken_out_of_its_answer() {
    let (name, value) = ("PLAN".to_owned(), Secret::new("a-confidential-value"));
    let mask = Mask::new([(&name, &value)]);
    let seen = Seen::Status(Answer {
        status: 500,
        location: Some("/?a-confidential-value".to_owned()),
        body: "PLAN=a-confidential-value".to_owned(),
    });
    assert!(!format!("{:?}", seen.masked(&mask)).contains("confidential"));
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
    assert_eq!(answered_with("HTTP/1.1 200 OK\r\n\r\n", Protocol::Http).await, Seen::answered(200));
    let moved = Answer { status: 302, location: Some("/login".to_owned()), body: "moved".to_owned() };
    let head = "HTTP/1.1 302 Found\r\nLocation: /login\r\n";
    let whole: &'static str = Box::leak(format!("{head}Content-Length: 5\r\n\r\nmoved").into_boxed_str());
    assert_eq!(answered_with(whole, Protocol::Http).await, Seen::Status(moved.clone()));
    for chunks in ["5\r\nmoved\r\n0\r\n\r\n", "2;x=y\r\nmo\r\n3\r\nved\r\n0\r\n\r\n"] {
        let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{chunks}");
        assert_eq!(answered_with(chunked.leak(), Protocol::Http).await, Seen::Status(moved.clone()));
    }
    // The connection ends within the second chunk.
    let partial = format!("{head}transfer-encoding: chunked\r\n\r\n2\r\nmo\r\n3\r\nv").leak();
    let seen = answered_with(partial, Protocol::Http).await;
    assert_eq!(seen, Seen::Status(Answer { body: "mov…".to_owned(), ..moved }));
    assert!(matches!(answered_with("", Protocol::Http).await, Seen::NotHttp { .. }));
    assert_eq!(answered_with("", Protocol::Tcp).await, Seen::Accepted);
}

#[tokio::test]
async fn other_protocols_show_the_bytes_received() {
    let shown = |seen: Seen| seen.masked(&Mask::default()).to_string();
    let tls = answered_with("\x15\x03\x01\0\x02\x02\x46", Protocol::Http).await;
    assert_eq!(shown(tls), r#"no HTTP answer: the answer is TLS, received "\x15\x03\x01\x00\x02\x02F""#);
    let http2 = answered_with("\0\0\0\x04\0\0\0\0\0", Protocol::Http).await;
    assert!(shown(http2).starts_with("no HTTP answer: the answer is HTTP/2, received "));
    let ssh = answered_with("SSH-2.0-x\r\n", Protocol::Http).await;
    assert_eq!(shown(ssh), r#"no HTTP answer: the answer is not HTTP/1, received "SSH-2.0-x\r\n""#);
    assert_eq!(shown(answered_with("", Protocol::Http).await), "no HTTP answer: the connection was closed");
}

#[test]
fn failed_answers_name_their_path() {
    let check = HealthCheck { path: "/health".to_owned(), ..HealthCheck::default() };
    let moved = Answer { status: 301, location: Some("/login".to_owned()), body: String::new() };
    assert_eq!(Seen::answered(404).describe(&check), "GET /health answered 404");
    assert_eq!(Seen::Status(moved).describe(&check), "GET /health answered 301 (Location: /login)");
    assert_eq!(Seen::answered(200).describe(&check), "answered 200");
    assert_eq!(Seen::Refused.describe(&check), "connection refused");
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
