//! Every finding, from the least evidence that gives it.

use std::{net::SocketAddr, time::Duration};

use super::{Decision, Evidence, Exit, Finding, HealthCheck, Seen, diagnose, enough, fits};
use crate::verify::{
    probe::Answer,
    spoken::{Received, Spoken},
};
use shipgate_core::health::Protocol;

static CHECK: HealthCheck = HealthCheck {
    protocol: Protocol::Http,
    path: String::new(),
    interval_seconds: 5,
    timeout_seconds: 2,
    healthy_threshold: 1,
    unhealthy_threshold: 5,
};

static NOTHING: Evidence<'_> = Evidence {
    port: 8080,
    check: &CHECK,
    memory_mib: 512,
    exit: None,
    refusal: None,
    last_lines: &[],
    decision: Some(Decision::Unhealthy),
    last_seen: None,
    listening: None,
    peak_bytes: None,
    late: None,
    spoken: None,
};

fn ended(code: i64, out_of_memory: bool) -> Exit {
    Exit { code, out_of_memory, after: Duration::ZERO }
}

#[test]
fn each_trouble_has_its_name() {
    let late = Seen::TimedOut { connected: true, limit: Duration::from_secs(1) };
    let status = Seen::answered(401);
    let closed = Seen::NotHttp { what: "x".into(), received: Received::default() };
    let words = "Client sent an HTTP request to an HTTPS server.".to_owned();
    let tls = Seen::Status(Answer { status: 400, location: None, body: words });
    let table = [
        (NOTHING, "does-not-listen"),
        (Evidence { exit: Some(ended(1, false)), ..NOTHING }, "exited"),
        (Evidence { exit: Some(ended(137, true)), ..NOTHING }, "out-of-memory"),
        (Evidence { last_seen: Some(&status), ..NOTHING }, "answers-status"),
        (Evidence { last_seen: Some(&late), ..NOTHING }, "answers-too-late"),
        (Evidence { last_seen: Some(&closed), ..NOTHING }, "not-http"),
        (Evidence { last_seen: Some(&closed), spoken: Some(Spoken::Tls), ..NOTHING }, "speaks-tls"),
        (Evidence { last_seen: Some(&closed), spoken: Some(Spoken::Http2), ..NOTHING }, "speaks-http2"),
        (Evidence { last_seen: Some(&late), spoken: Some(Spoken::Tls), ..NOTHING }, "speaks-tls"),
        (Evidence { last_seen: Some(&late), spoken: Some(Spoken::Http2), ..NOTHING }, "answers-too-late"),
        (Evidence { last_seen: Some(&status), spoken: Some(Spoken::Tls), ..NOTHING }, "answers-status"),
        (Evidence { last_seen: Some(&tls), ..NOTHING }, "speaks-tls"),
        (Evidence { exit: Some(ended(0, false)), ..NOTHING }, "exited"),
        (Evidence { last_seen: Some(&Seen::Refused), ..NOTHING }, "does-not-listen"),
        (Evidence { last_seen: Some(&Seen::Refused), late: Some(Duration::from_secs(31)), ..NOTHING }, "too-slow"),
        (Evidence { last_seen: Some(&status), decision: Some(Decision::Flapping), ..NOTHING }, "flaps"),
        (Evidence { last_seen: Some(&status), decision: Some(Decision::Relapsed), ..NOTHING }, "answers-status"),
    ];
    for (evidence, name) in table {
        let finding = diagnose(&evidence);
        assert_eq!(finding.name(), name);
        assert!(!finding.hint(&[]).is_empty(), "{name}");
    }
}

/// The words of runc 1.1 and 1.2, crun, and Docker's older init.
#[test]
fn a_command_that_cannot_run_is_told_by_the_runtimes_words() {
    let refusals = [
        (r#"exec: "/nowhere": stat /nowhere: no such file or directory: unknown"#, "command-not-found"),
        (r#"exec: "nope": executable file not found in $PATH: unknown"#, "command-not-found"),
        ("crun: executable file `x` not found in $PATH: No such file or directory: OCI runtime", "command-not-found"),
        (r#"exec: "/data": permission denied: unknown"#, "not-executable"),
        (r#"exec: "/etc": is a directory: unknown"#, "not-executable"),
        ("OCI runtime create failed: exec /app: exec format error", "wrong-architecture"),
        ("exec /app: no such file or directory", "interpreter-not-found"),
        ("something else", "not-started"),
        (
            r#"exec: "/program/x": stat /program/x: not a directory: unknown: Are you trying to mount"#,
            "command-not-found",
        ),
        (r#"exec: "/program": stat /program: too many levels of symbolic links: unknown"#, "command-not-found"),
        (r#"exec: "/d/program": stat /d/program: permission denied: unknown"#, "not-executable"),
        ("unable to find user bob: no matching entries in passwd file", "user-not-found"),
        ("unable to find group staff: no matching entries in group file", "user-not-found"),
        ("uids and gids must be in range 0-2147483647", "user-not-found"),
        ("No command specified", "no-command"),
        ("no command or entrypoint provided, and no CMD or ENTRYPOINT from image", "no-command"),
        ("Cannot mkdir: /program is not a directory", "bad-working-directory"),
        ("lstat /var/lib/docker/overlay2/ad/merged/program/sub: not a directory", "bad-working-directory"),
        ("runc create failed: Cwd must be an absolute path: unknown", "bad-working-directory"),
        (r#"chdir to cwd ("/secret") set in config.json failed: permission denied"#, "bad-working-directory"),
    ];
    for (refusal, name) in refusals {
        let finding = diagnose(&Evidence { refusal: Some(refusal), ..NOTHING });
        assert_eq!(finding.name(), name, "{refusal}");
    }
    let ends = [
        (&["exec /app: no such file or directory"][..], "interpreter-not-found"),
        (&["exec /app: exec format error"], "wrong-architecture"),
        (&["standard_init_linux.go:228: exec user process caused: exec format error"], "wrong-architecture"),
        (&["exec /app: permission denied"], "not-executable"),
        (&["exec container process `/app`: Exec format error"], "wrong-architecture"),
        (
            &[r#"{"msg":"exec container process (missing dynamic library?) `/app`: No such file or directory"}"#],
            "interpreter-not-found",
        ),
        // An application that says such a thing itself has run.
        (&["starting", "exec /helper: exec format error"], "exited"),
        (&["cannot open the log: no such file or directory"], "exited"),
    ];
    for (lines, name) in ends {
        let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
        let finding = diagnose(&Evidence { exit: Some(ended(255, false)), last_lines: &lines, ..NOTHING });
        assert_eq!(finding.name(), name, "{lines:?}");
    }
}

#[test]
fn where_it_listens_tells_a_refusal_from_a_refusal() {
    let listens = |sockets: &[&str]| {
        let sockets: Vec<SocketAddr> = sockets.iter().map(|socket| socket.parse().unwrap()).collect();
        diagnose(&Evidence { last_seen: Some(&Seen::Refused), listening: Some(&sockets), ..NOTHING })
    };
    assert_eq!(listens(&["127.0.0.1:8080"]), Finding::ListensLocally { port: 8080 });
    assert_eq!(listens(&["[::1]:8080", "0.0.0.0:9090"]), Finding::ListensLocally { port: 8080 });
    let elsewhere = Finding::ListensElsewhere { expected: 8080, ports: vec![80, 3000] };
    assert_eq!(listens(&["0.0.0.0:3000", "[::]:3000", "0.0.0.0:80", "127.0.0.1:9"]), elsewhere);
    assert_eq!(elsewhere.addition().unwrap(), "it listens on port 80, 3000, not 8080");
    assert_eq!(elsewhere.evidence(&["0.0.0.0:80".parse().unwrap()], ""), ["listens on 0.0.0.0:80"]);
    assert_eq!(listens(&["[::1]:8080"]), Finding::ListensLocally { port: 8080 });
    for six in ["[::]:8080", "[fd00::7]:8080"] {
        let found = listens(&[six, "127.0.0.1:8080", "0.0.0.0:9090"]);
        assert_eq!(found, Finding::ListensOnIpv6 { port: 8080 });
        assert_eq!(found.evidence(&[six.parse().unwrap()], ""), [format!("listens on {six}")]);
    }
    assert_eq!(listens(&["0.0.0.0:8080"]), Finding::DoesNotListen { port: 8080 });
    assert_eq!(listens(&["127.0.0.1:9"]), Finding::DoesNotListen { port: 8080 });
    assert_eq!(listens(&[]), Finding::DoesNotListen { port: 8080 });
}

#[test]
fn loader_names_the_library_that_is_missing() {
    let glibc = "/app: error while loading shared libraries: libpq.so.5: cannot open shared object file: No such file or directory";
    let musl = "Error loading shared library libpq.so.5: No such file or directory (needed by /app)";
    for line in [glibc, musl] {
        let lines = ["starting".to_owned(), line.to_owned()];
        let of = |code| diagnose(&Evidence { exit: Some(ended(code, false)), last_lines: &lines, ..NOTHING });
        assert_eq!(of(127), Finding::MissingLibrary { library: "libpq.so.5".to_owned() });
        assert_eq!(of(1), Finding::Exited { code: 1 });
        assert!(!of(127).hint(&[]).is_empty());
    }
}

#[test]
fn refusals_name_what_is_wrong_in_the_image() {
    let addition = |refusal: &str| diagnose(&Evidence { refusal: Some(refusal), ..NOTHING }).addition().unwrap();
    let table = [
        ("unable to find user bob: no matching entries in passwd file", "the image has no user bob"),
        ("unable to find group staff: no matching entries in group file", "the image has no group staff"),
        ("uids and gids must be in range 0-2147483647", "the image has no such user: its number is out of range"),
        ("Cannot mkdir: /program is not a directory", "its working directory /program is not a directory"),
        (
            "lstat /var/lib/docker/a/merged/program/sub: not a directory",
            "its working directory /program/sub is not a directory",
        ),
        ("Cwd must be an absolute path: unknown", "its working directory is not an absolute path"),
        (
            r#"chdir to cwd ("/a") set in config.json failed: permission denied"#,
            "its working directory /a cannot be entered by its user",
        ),
    ];
    for (refusal, expected) in table {
        assert_eq!(addition(refusal), expected);
    }
}

#[test]
fn an_end_without_its_secrets_names_them() {
    let hint = Finding::Exited { code: 1 }.hint(&["DATABASE_URL".to_owned()]);
    assert!(hint.contains("DATABASE_URL"), "{hint}");
}

#[test]
fn the_disk_holds_the_image_twice() {
    assert_eq!(fits(3_000_000_000, None), Ok(()));
    assert_eq!(fits(2_000_000_000, Some(1_000_000_000)), Ok(()));
    let over = fits(2_000_000_000, Some(1_000_000_001)).unwrap_err();
    let told = over.addition().unwrap();
    assert!(
        told.starts_with("the image takes 1.00 GB compressed and 2.00 GB unpacked, and App Runner has 3 GB"),
        "{told}"
    );
    assert_eq!(over.evidence(&[], ""), ["compressed: 1.00 GB", "unpacked: 2.00 GB"]);
    assert!(fits(3_450_000_000, None).unwrap_err().addition().unwrap().contains("3.45 GB unpacked"));
}

#[test]
fn slowness_is_told_with_thresholds_that_would_do() {
    let slow = diagnose(&Evidence { late: Some(Duration::from_millis(31_200)), ..NOTHING });
    let told = slow.addition().unwrap();
    assert_eq!(told, "it is ready after 31.2 s, and the health check gives up after 25 s");
    assert!(slow.hint(&[]).contains("interval 5 and unhealthy_threshold 8 would do"), "{}", slow.hint(&[]));
    let seconds = Duration::from_secs;
    let table = [
        (seconds(4), 1, Some((1, 6))),
        (seconds(70), 5, Some((5, 18))),
        (seconds(100), 5, Some((7, 18))),
        (seconds(319), 20, Some((20, 20))),
        (seconds(321), 20, None),
    ];
    for (ready, interval, expected) in table {
        assert_eq!(enough(ready, interval), expected, "{ready:?} {interval}");
        if let Some((interval, threshold)) = expected {
            assert!(seconds(u64::from(interval * threshold)) > ready, "{ready:?}");
        }
    }
    assert!(
        Finding::TooSlow { ready: seconds(999), allowed: seconds(25), enough: None }
            .hint(&[])
            .contains("no health check")
    );
}

#[test]
fn evidence_is_what_was_seen() {
    let answer = Answer { status: 301, location: Some("/login".to_owned()), body: "Moved".to_owned() };
    let found = diagnose(&Evidence { last_seen: Some(&Seen::Status(answer)), ..NOTHING });
    assert_eq!(found.evidence(&[], ""), ["location: /login", "body: Moved"]);
    let memory = Evidence { exit: Some(ended(137, true)), peak_bytes: Some(130 << 20), ..NOTHING };
    assert_eq!(diagnose(&memory).evidence(&[], ""), ["limit: 512 MiB", "peak: at least 130 MiB, as sampled"]);
    assert_eq!(Finding::Flaps.evidence(&[], "+-+-"), ["probes: +-+- (+ passed, - failed)"]);
}
