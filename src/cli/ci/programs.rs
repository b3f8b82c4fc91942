//! Programs that a CI system puts on the path of its jobs.

use std::{
    io,
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
};

use shipgate_core::mask::{masked, shortened};

/// Tokens are longer than words.
const LONG_WORD: usize = 32;

/// Runs a program to its end, which is waited for so long. Its standard output is nobody's; its last line of talk is in the
/// error. Input and arguments are masked as all output is.
///
/// # Errors
/// Why it did not do its work, in one line.
pub(super) async fn run(
    program: &str,
    arguments: &[&str],
    input: Option<&str>,
    patience: Duration,
) -> Result<(), String> {
    let arguments: Vec<String> = arguments.iter().map(|argument| masked(argument)).collect();
    let input = input.map(masked);
    let doing = format!("{program} {}", arguments.first().map_or("", String::as_str));
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    let mut command = Command::new(program);
    command.args(&arguments).stdin(stdin).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let child = command.spawn().map_err(|error| not_run(program, &error))?;
    match tokio::time::timeout(patience, feed(child, input.as_deref())).await {
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => Err(format!("{doing} ended with {}{}", output.status, last_line(&output.stderr))),
        Ok(Err(error)) => Err(format!("{doing}: {error}")),
        Err(_) => Err(format!("{doing} did not end within {} s", patience.as_secs())),
    }
}

fn not_run(program: &str, error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        format!("there is no {program} on the path")
    } else {
        format!("{program} cannot be run: {error}")
    }
}

/// A program that ends without reading all of its input has its own reasons: its exit code tells.
async fn feed(mut child: Child, input: Option<&str>) -> io::Result<Output> {
    let stdin = child.stdin.take();
    let write = async {
        if let (Some(mut stdin), Some(input)) = (stdin, input) {
            let _unread = stdin.write_all(input.as_bytes()).await;
        }
    };
    let ((), output) = tokio::join!(write, child.wait_with_output());
    output
}

fn last_line(talk: &[u8]) -> String {
    let talk = String::from_utf8_lossy(talk);
    let last = talk.lines().rev().find(|line| !line.trim().is_empty());
    last.map(|line| format!(": {}", shown(line))).unwrap_or_default()
}

/// Without what acts on a terminal, and without words as long as a token of the system.
fn shown(line: &str) -> String {
    let plain: String = masked(line).chars().filter(|c| !c.is_control()).collect();
    let words = plain.split(' ').map(|word| if word.len() >= LONG_WORD { "…" } else { word });
    shortened(&words.collect::<Vec<_>>().join(" "), 300)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::run;

    const LONG: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn a_program_is_given_its_input_and_waited_for() {
        let script = |text: &'static str| ["-c", text];
        assert_eq!(run("sh", &script("test \"$(cat)\" = given"), Some("given"), LONG).await, Ok(()));
        let refused =
            run("sh", &script("echo one >&2; echo 'not \u{1b}[31mallowed' $(printf %040d 7) >&2; exit 3"), None, LONG)
                .await;
        assert_eq!(refused, Err("sh -c ended with exit status: 3: not [31mallowed …".to_owned()));
        let unread = run("sh", &script("exit 0"), Some(&"x".repeat(1 << 20)), LONG).await;
        assert_eq!(unread, Ok(()));
        let absent = run("shipgate-no-such-program", &[], None, LONG).await;
        assert_eq!(absent, Err("there is no shipgate-no-such-program on the path".to_owned()));
    }

    #[tokio::test]
    async fn a_program_that_does_not_end_is_not_waited_for() {
        let late = run("sh", &["-c", "exec tail -f /dev/null"], None, Duration::from_millis(50)).await;
        assert_eq!(late, Err("sh -c did not end within 0 s".to_owned()));
    }
}
