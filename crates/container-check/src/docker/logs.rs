//! A container's output, as lines without terminal control. It is somebody else's text, and may hold secrets: whoever shows a
//! line masks it first, and then cuts it to [`LINE_CHARACTERS`].

use bollard::{container::LogOutput, query_parameters::LogsOptions};
use futures_util::{Stream, StreamExt};

use super::{connect::Engine, error::EngineError};

/// The most characters of a line that are shown.
pub const LINE_CHARACTERS: usize = 1_000;

/// The most bytes gathered while waiting for a line's end: far more than are shown, so that a secret is seen whole.
const LINE_BYTES: usize = 64 * 1024;

/// A line of output.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutputLine {
    /// Its text, without what acts on a terminal.
    pub text: String,
    /// Whether it was so long that its end is missing.
    pub is_cut: bool,
}

impl Engine {
    /// The container's output from its start, line by line, until it ends. A broken stream ends it too.
    pub fn follow_log(&self, id: &str) -> impl Stream<Item = OutputLine> + use<> {
        let options = LogsOptions { follow: true, stdout: true, stderr: true, ..LogsOptions::default() };
        let output = Box::pin(self.docker.logs(id, Some(options)));
        let pieces = futures_util::stream::unfold(
            (output, Lines::default(), false),
            |(mut output, mut lines, ended)| async move {
                if ended {
                    return None;
                }
                if let Some(Ok(piece)) = output.next().await {
                    let whole = lines.take(&piece);
                    Some((whole, (output, lines, false)))
                } else {
                    let rest = lines.rest();
                    Some((rest, (output, lines, true)))
                }
            },
        );
        pieces.flat_map(futures_util::stream::iter)
    }

    /// The last lines of a container's output so far, at most this many.
    ///
    /// # Errors
    /// [`EngineError::Call`] when the engine fails.
    pub async fn last_lines(&self, id: &str, count: usize) -> Result<Vec<OutputLine>, EngineError> {
        let options = LogsOptions { stdout: true, stderr: true, tail: count.to_string(), ..LogsOptions::default() };
        let mut output = std::pin::pin!(self.docker.logs(id, Some(options)));
        let (mut lines, mut last) = (Lines::default(), Vec::new());
        while let Some(piece) = output.next().await {
            let piece =
                piece.map_err(|error| EngineError::call(format!("read the output of container {id}"), &error))?;
            last.extend(lines.take(&piece));
        }
        last.extend(lines.rest());
        last.drain(..last.len().saturating_sub(count));
        Ok(last)
    }
}

/// Makes lines of pieces. The two streams of a container are kept apart, so that neither tears the other's lines.
#[derive(Default)]
struct Lines {
    output: Vec<u8>,
    errors: Vec<u8>,
}

impl Lines {
    fn take(&mut self, piece: &LogOutput) -> Vec<OutputLine> {
        let (pending, bytes) = match piece {
            LogOutput::StdErr { message } => (&mut self.errors, message),
            LogOutput::StdOut { message } | LogOutput::StdIn { message } | LogOutput::Console { message } => {
                (&mut self.output, message)
            }
        };
        let mut whole = Vec::new();
        for &byte in bytes {
            if byte == b'\n' {
                whole.push(clean(pending));
                pending.clear();
            } else if pending.len() < LINE_BYTES {
                pending.push(byte);
            }
        }
        whole
    }

    /// What was said without a line's end.
    fn rest(&mut self) -> Vec<OutputLine> {
        [std::mem::take(&mut self.output), std::mem::take(&mut self.errors)]
            .iter()
            .filter(|pending| !pending.is_empty())
            .map(|pending| clean(pending))
            .collect()
    }
}

/// A line as text: terminal sequences (ECMA-48 CSI) and control characters dropped, tabs kept.
fn clean(bytes: &[u8]) -> OutputLine {
    let text = String::from_utf8_lossy(bytes);
    let mut kept = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' && characters.next_if_eq(&'[').is_some() {
            while characters.next().is_some_and(|next| !('@'..='~').contains(&next)) {}
        } else if character == '\t' || !character.is_control() {
            kept.push(character);
        }
    }
    OutputLine { text: kept, is_cut: bytes.len() >= LINE_BYTES }
}

#[cfg(test)]
mod tests {
    use bollard::container::LogOutput;

    use super::{LINE_BYTES, Lines, OutputLine, clean};

    fn out(text: &str) -> LogOutput {
        LogOutput::StdOut { message: text.to_owned().into() }
    }

    fn texts(lines: Vec<OutputLine>) -> Vec<String> {
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn pieces_become_lines_and_streams_stay_apart() {
        let mut lines = Lines::default();
        assert!(lines.take(&out("first ha")).is_empty());
        assert_eq!(texts(lines.take(&LogOutput::StdErr { message: "error\nhalf".into() })), ["error"]);
        assert_eq!(texts(lines.take(&out("lf\nsecond\n\n"))), ["first half", "second", ""]);
        assert_eq!(texts(lines.rest()), ["half"]);
        assert!(lines.rest().is_empty());
    }

    #[test]
    fn a_line_is_cut_and_cannot_steer_the_terminal() {
        assert_eq!(clean(b"\x1b[31mred\x1b[0m\r \x07bell\ttab").text, "red bell\ttab");
        assert_eq!(clean(b"\xff\xfe").text, "\u{fffd}\u{fffd}");
        assert!(!clean(&[b'x'; 10_000]).is_cut);
        let mut lines = Lines::default();
        assert!(lines.take(&out(&"y".repeat(1_000_000))).is_empty());
        assert!(lines.output.len() <= LINE_BYTES, "an endless line is gathered without bound");
        assert!(lines.rest()[0].is_cut);
    }
}
