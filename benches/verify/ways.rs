//! The two ways to know whether an image is healthy, each timed from outside.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use super::engine::Image;

/// shipgate, as it is released.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_shipgate");

/// Between two attempts of the loop: what people write is a second; this is as kind as a loop can be without spinning.
const LOOP_PAUSE: Duration = Duration::from_millis(50);

/// Where the loop's container is published.
const LOOP_PORT: &str = "18080";

/// How long a way took.
#[derive(Clone, Copy)]
pub(crate) struct Took {
    /// Until it was known whether the image is healthy.
    pub(crate) verdict: Duration,
    /// Until its container was gone.
    pub(crate) end: Duration,
}

/// `shipgate verify`, with the exit code that is to come.
pub(crate) fn shipgate(image: &Image, arguments: &[&str], code: i32) -> Took {
    let begun = Instant::now();
    let mut process = Command::new(BINARY)
        .args(["verify", &image.name, "--output", "json"])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut verdict = None;
    for line in BufReader::new(process.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        // A bad verdict may be told before what more is found out about it.
        if [r#""event":"judged""#, r#""event":"verified""#].iter().any(|event| line.contains(event)) {
            verdict.get_or_insert_with(|| begun.elapsed());
        }
    }
    assert_eq!(process.wait().unwrap().code(), Some(code), "{} {arguments:?}", image.name);
    Took { verdict: verdict.expect("a verdict was told"), end: begun.elapsed() }
}

/// `docker run`, curl until it answers 200, `docker rm`.
pub(crate) fn curl_loop(image: &Image) -> Took {
    let begun = Instant::now();
    let published = format!("127.0.0.1:{LOOP_PORT}:8080");
    let container = said(&["run", "--detach", "--publish", &published, &image.name]);
    let address = format!("http://127.0.0.1:{LOOP_PORT}/");
    while !Command::new("curl")
        .args(["-fsS", "-o", "/dev/null", &address])
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
    {
        sleep(LOOP_PAUSE);
    }
    let verdict = begun.elapsed();
    said(&["rm", "--force", &container]);
    Took { verdict, end: begun.elapsed() }
}

fn said(arguments: &[&str]) -> String {
    let ran = Command::new("docker").args(arguments).output().unwrap();
    assert!(ran.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}
