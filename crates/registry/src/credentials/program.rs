//! Asks a credential helper, as Docker does: `docker-credential-NAME get`, the server's name on standard input, JSON on
//! standard output (docker/docker-credential-helpers, README). What it keeps is in no argument, message or log of ours.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
};

use shipgate_core::{
    credentials::Credentials,
    mask::{masked, shortened},
    secret::Secret,
};

/// More than any token has.
const MAX_ANSWER_BYTES: u64 = 256 * 1024;

/// As much as is read of what it complains of.
const MAX_COMPLAINT_BYTES: u64 = 16 * 1024;

/// As many characters of that as are shown.
const MAX_SHOWN: usize = 300;

/// What helpers say, in just these words, when they have nothing; and what some of them say on standard error.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// The name that stands for "the secret is an identity token".
const TOKEN_USER: &str = "<token>";

// No `Debug`: it holds the secret.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    secret: String,
}

struct Outcome {
    status: ExitStatus,
    answer: Vec<u8>,
    complaint: Vec<u8>,
}

/// What the program of a credential helper is called; `None` when the name would lead out of PATH.
pub(super) fn file_name(helper: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!helper.is_empty() && helper.chars().all(is_plain)).then(|| format!("docker-credential-{helper}"))
}

/// The first file of that name in the directories of PATH.
pub(super) fn find(name: &str, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path)
        .filter(|directory| directory.is_absolute())
        .map(|d| d.join(name))
        .find(|file| file.is_file())
}

/// Asks for the credentials of a server.
///
/// # Errors
/// What the program did instead of answering, as the end of a sentence about it.
pub(super) async fn ask(program: &Path, server: &str, patience: Duration) -> Result<Option<Credentials>, String> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("could not be started: {error}"))?;
    match tokio::time::timeout(patience, converse(&mut child, server)).await {
        Ok(Ok(outcome)) => read_outcome(&outcome),
        Ok(Err(error)) => Err(format!("broke off: {error}")),
        Err(_) => Err(format!("gave no answer within {} s", patience.as_secs_f32())),
    }
}

async fn converse(child: &mut Child, server: &str) -> std::io::Result<Outcome> {
    if let Some(mut input) = child.stdin.take() {
        // A program that ends without having listened says why by its status.
        let _ = input.write_all(server.as_bytes()).await;
    }
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let (answer, complaint) = tokio::try_join!(read(output, MAX_ANSWER_BYTES), read(errors, MAX_COMPLAINT_BYTES))?;
    Ok(Outcome { status: child.wait().await?, answer, complaint })
}

async fn read(from: Option<impl AsyncRead + Unpin>, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(limit).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

fn read_outcome(outcome: &Outcome) -> Result<Option<Credentials>, String> {
    let answer = serde_json::from_slice::<Answer>(&outcome.answer).ok();
    match answer {
        Some(answer) if outcome.status.success() => Ok(credentials(answer)),
        None if outcome.status.success() => Err("answered something that is not a credential in JSON".to_owned()),
        answer => failure(outcome, answer),
    }
}

fn credentials(answer: Answer) -> Option<Credentials> {
    let Answer { username, secret } = answer;
    match username.as_str() {
        _ if secret.is_empty() => None,
        TOKEN_USER => Some(Credentials::IdentityToken(Secret::new(secret))),
        _ => Some(Credentials::Basic { username, password: Secret::new(secret) }),
    }
}

/// Helpers complain on standard output. What may be the beginning of an answer is not shown, and what was an answer in
/// spite of the status is taken out of the complaint.
fn failure(outcome: &Outcome, answer: Option<Answer>) -> Result<Option<Credentials>, String> {
    let [output, errors] = [&outcome.answer, &outcome.complaint].map(|bytes| String::from_utf8_lossy(bytes));
    if output.contains(NOT_FOUND) || errors.contains(NOT_FOUND) {
        return Ok(None);
    }
    let complaint = if errors.trim().is_empty() && !output.contains('{') { output } else { errors };
    let complaint = match answer.map(|answer| answer.secret).filter(|secret| !secret.is_empty()) {
        Some(secret) => fit_to_show(&complaint.replace(Secret::new(secret).reveal(), "…")),
        None => fit_to_show(&complaint),
    };
    let ended = match outcome.status.code() {
        Some(code) => format!("ended with status {code}"),
        None => "was killed".to_owned(),
    };
    Err(if complaint.is_empty() { ended } else { format!("{ended}: {complaint}") })
}

/// The text without secrets, on one line, capped.
fn fit_to_show(text: &str) -> String {
    let printable: String = masked(text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = printable.split_whitespace().collect::<Vec<_>>().join(" ");
    shortened(&line, MAX_SHOWN)
}

#[cfg(test)]
pub(super) mod tests {
    use std::{
        path::{Path, PathBuf},
        process::Command,
        time::Duration,
    };

    use super::{ask, file_name, find};
    use shipgate_core::{credentials::Credentials, secret::Secret};

    const MINUTE: Duration = Duration::from_mins(1);

    /// A program of this name that runs these lines. Another process writes it: a test beside this one that forks while we
    /// had it open for writing would keep it from being run.
    pub(in crate::credentials) fn script(directory: &Path, name: &str, lines: &str) -> PathBuf {
        let file = directory.join(name);
        let write = r#"printf '#!/bin/sh\n%s\n' "$2" > "$1" && chmod +x "$1""#;
        let status = Command::new("/bin/sh").args(["-c", write, "sh"]).arg(&file).arg(lines).status().unwrap();
        assert!(status.success());
        file
    }

    async fn asked(lines: &str, patience: Duration) -> Result<Option<Credentials>, String> {
        let directory = tempfile::tempdir().unwrap();
        ask(&script(directory.path(), "docker-credential-test", lines), "r.test", patience).await
    }

    #[tokio::test]
    async fn answers() {
        let basic = Credentials::Basic { username: "u".to_owned(), password: Secret::new("p") };
        let table = [
            // The one argument, and the server on standard input, nothing after it.
            (
                r#"[ "$*" = get ] && [ "$(cat)" = r.test ] && echo '{"ServerURL":"r.test","Username":"u","Secret":"p"}'"#,
                Some(basic),
            ),
            (r#"echo '{"Username":"<token>","Secret":"t"}'"#, Some(Credentials::IdentityToken(Secret::new("t")))),
            (r#"echo '{"ServerURL":"","Username":"","Secret":""}'"#, None),
            ("echo credentials not found in native keychain; exit 1", None),
            ("echo credentials not found in native keychain >&2; exit 1", None),
        ];
        for (lines, expected) in table {
            assert_eq!(asked(lines, MINUTE).await, Ok(expected), "{lines}");
        }
    }

    #[tokio::test]
    async fn failures_are_told_without_what_may_be_secret() {
        let table = [
            ("echo the vault is sealed; exit 3", "ended with status 3: the vault is sealed"),
            ("echo the vault >&2; echo is sealed >&2; exit 1", "ended with status 1: the vault is sealed"),
            (r#"echo '{"Username":"u","Secret":"hunter2"'; exit 1"#, "ended with status 1"),
            (
                r#"echo '{"Username":"u","Secret":"hunter2"}'; echo no use for hunter2 >&2; exit 1"#,
                "ended with status 1: no use for …",
            ),
            ("echo hunter2", "answered something that is not a credential in JSON"),
            ("kill -9 $$", "was killed"),
        ];
        for (lines, reason) in table {
            assert_eq!(asked(lines, MINUTE).await, Err(reason.to_owned()), "{lines}");
        }
        let long = asked("head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1", MINUTE).await.unwrap_err();
        assert!(long.len() < 400 && long.ends_with('…'), "{long}");
    }

    #[tokio::test]
    async fn a_program_that_does_not_answer_is_given_up() {
        let error = asked("exec sleep 600", Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(error, "gave no answer within 0.05 s");
    }

    #[test]
    fn names_stay_on_the_path() {
        assert_eq!(file_name("ecr-login").as_deref(), Some("docker-credential-ecr-login"));
        for name in ["", "../pass", "a b", "a;b", "é"] {
            assert_eq!(file_name(name), None, "{name}");
        }
        let directory = tempfile::tempdir().unwrap();
        let file = script(directory.path(), "docker-credential-test", "");
        let path = std::env::join_paths([Path::new("."), Path::new("/nowhere"), directory.path()]).unwrap();
        assert_eq!(find("docker-credential-test", &path), Some(file));
        assert_eq!(find("docker-credential-none", &path), None);
    }
}
