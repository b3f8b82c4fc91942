//! The report as Markdown, as GitHub's step summaries, Buildkite's annotations and `--report FILE.md` have it: the verdict first,
//! then what it is about, why, how long what took, and at last the log, folded.

mod escape;
mod parts;
mod tail;

use super::document::Document;

/// What is said where something does not fit.
const LEFT_OUT: &str = "*More is left out: there is no room for it here.*\n";
/// Of the room, so much at most is for the log: it is the least of it.
const TAIL_SHARE: usize = 4;

/// The document, in no more than so many bytes. A part that does not fit is left out, and that is said.
pub(super) fn of(document: &Document, room: usize) -> String {
    let mut text = String::new();
    let room_for_parts = room.saturating_sub(LEFT_OUT.len() + 1);
    let mut parts = parts::all(document);
    parts.push(tail::of(document, room_for_parts / TAIL_SHARE));
    let mut all_fit = true;
    for part in parts.iter().filter(|part| !part.is_empty()) {
        let fits = text.len() + part.len() < room_for_parts;
        all_fit &= fits;
        if fits {
            add(&mut text, part);
        }
    }
    if !all_fit && room > LEFT_OUT.len() {
        add(&mut text, LEFT_OUT);
    }
    text
}

/// A blank line is what keeps a part apart.
fn add(text: &mut String, part: &str) {
    text.push_str(if text.is_empty() { "" } else { "\n" });
    text.push_str(part);
}

#[cfg(test)]
mod tests;
