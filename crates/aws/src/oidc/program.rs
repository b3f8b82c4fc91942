//! A program of the CI system that prints the token of the job it runs in. The token is only ever in its output, which is
//! read here and shown to nobody.

use std::{path::Path, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, Command},
};

use super::error::TokenError;
use shipgate_core::{
    mask::{masked, shortened},
    oidc::TokenProgram,
    secret::Secret,
};

/// The programs ask their service, with retries of their own.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A token is one or two kilobytes.
const MAX_BYTES: u64 = 64 * 1024;

/// As much of a complaint as is shown.
const MAX_SHOWN: usize = 300;

/// Runs the program for a token of this audience.
pub(super) async fn run(
    path: &Path,
    program: TokenProgram,
    audience: &str,
    patience: Duration,
) -> Result<Secret, TokenError> {
    let failed = |reason: String| TokenError::Program { program: program.name(), reason };
    let mut child = Command::new(path)
        .args(program.arguments(audience))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("could not be started: {error}")))?;
    match tokio::time::timeout(patience, listen(&mut child)).await {
        Ok(Ok(output)) => output.map_err(failed),
        Ok(Err(error)) => Err(failed(format!("broke off: {error}"))),
        Err(_) => Err(failed(format!("gave no answer within {} s", patience.as_secs_f32()))),
    }
}

/// What it printed, or what it did instead.
async fn listen(child: &mut Child) -> std::io::Result<Result<Secret, String>> {
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let (output, errors) = tokio::try_join!(read(output), read(errors))?;
    let status = child.wait().await?;
    if status.success() {
        return Ok(Ok(Secret::new(String::from_utf8_lossy(&output).trim())));
    }
    let ended = status.code().map_or("was killed".to_owned(), |code| format!("ended with status {code}"));
    let complaint = fit_to_show(&String::from_utf8_lossy(&errors));
    Ok(Err(if complaint.is_empty() { ended } else { format!("{ended}: {complaint}") }))
}

/// All of it is taken, so that the program does not wait for a reader; what is too much is let go.
async fn read(from: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        (&mut from).take(MAX_BYTES).read_to_end(&mut bytes).await?;
        tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    }
    Ok(bytes)
}

/// A complaint on one line, capped, without what looks like a token.
fn fit_to_show(text: &str) -> String {
    let printable: String = masked(text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let shown = |word| if looks_like_a_token(word) { "…" } else { word };
    let line = printable.split_whitespace().map(shown).collect::<Vec<_>>().join(" ");
    shortened(&line, MAX_SHOWN)
}

/// The first part of every JSON web token is an object in base64: it begins with `{"`.
fn looks_like_a_token(word: &str) -> bool {
    word.contains("eyJ")
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, process::Command, time::Duration};

    use super::{PATIENCE, TokenProgram, run};

    /// A program that runs these lines. Another process writes it: a test beside this one that forks while we had it open for
    /// writing would keep it from being run.
    async fn ran(lines: &str, patience: Duration) -> Result<String, String> {
        let directory = tempfile::tempdir().unwrap();
        let file: PathBuf = directory.path().join("buildkite-agent");
        let write = r#"printf '#!/bin/sh\n%s\n' "$2" > "$1" && chmod +x "$1""#;
        let status = Command::new("/bin/sh").args(["-c", write, "sh"]).arg(&file).arg(lines).status().unwrap();
        assert!(status.success());
        let token = run(&file, TokenProgram::Buildkite, "sts.amazonaws.com", patience).await;
        token.map(|token| token.reveal().to_owned()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn what_a_program_prints_is_the_token_and_its_complaints_show_none() {
        let asks = r#"[ "$*" = "oidc request-token --audience sts.amazonaws.com" ] && echo " eyJ.t.s ""#;
        let table = [
            (asks, Ok("eyJ.t.s")),
            ("echo no job >&2; exit 3", Err("buildkite-agent ended with status 3: no job")),
            (
                "echo eyJ.t.s; echo token=eyJ.t.s is no good >&2; exit 1",
                Err("buildkite-agent ended with status 1: token=… is no good"),
            ),
            ("kill -9 $$", Err("buildkite-agent was killed")),
            ("head -c 1000000 /dev/zero >&2; echo t", Ok("t")),
        ];
        for (lines, expected) in table {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(ran(lines, PATIENCE).await, expected, "{lines}");
        }
    }

    #[tokio::test]
    async fn a_program_that_does_not_answer_is_given_up() {
        let error = ran("exec sleep 600", Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(error, "buildkite-agent gave no answer within 0.05 s");
    }
}
