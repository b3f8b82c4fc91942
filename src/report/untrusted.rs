//! Text that somebody else wrote, made safe to print: it must not move the cursor, colour the screen, reorder what
//! is read, or speak to the CI system that reads the output.

use std::{fmt::Write as _, iter::Peekable, str::Chars};

use shipgate_core::{characters::is_invisible, mask::shortened};

/// More of one line than this helps nobody.
const MAX_CHARS: usize = 2000;

/// The text on one line, without escape sequences, control characters and secrets.
pub(super) fn cleaned(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(next) = chars.next() {
        clean.extend(shown(next, &mut chars));
    }
    let clean = shortened(&clean, MAX_CHARS);
    // GitHub's runner obeys `##[command]` anywhere in a line; `::command` only at its beginning, where shipgate's
    // own words are.
    clean.replace("##[", "# #[").trim_end().to_owned()
}

/// What is shown for a character, if anything. Takes the rest of an escape sequence with it.
fn shown(next: char, rest: &mut Peekable<Chars<'_>>) -> Option<char> {
    match next {
        '\u{1b}' => {
            skip_escape(rest);
            None
        }
        '\u{9b}' => {
            skip_control_sequence(rest);
            None
        }
        '\t' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(' '),
        _ if next.is_control() || is_invisible(next) => None,
        _ => Some(next),
    }
}

/// ECMA-48: CSI sequences end in a letter; OSC, DCS, SOS, PM and APC strings end in BEL or ESC \; others are one
/// character, after any intermediate ones.
fn skip_escape(rest: &mut Peekable<Chars<'_>>) {
    match rest.next() {
        Some('[') => skip_control_sequence(rest),
        Some(']' | 'P' | 'X' | '^' | '_') => skip_string(rest),
        Some(' '..='/') => while rest.next().is_some_and(|c| matches!(c, ' '..='/')) {},
        Some(_) | None => (),
    }
}

fn skip_control_sequence(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|c| matches!(c, ' '..='?')).is_some() {}
    rest.next_if(|c| matches!(c, '@'..='~'));
}

fn skip_string(rest: &mut Peekable<Chars<'_>>) {
    while let Some(next) = rest.next() {
        match next {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                rest.next_if_eq(&'\\');
                return;
            }
            _ => (),
        }
    }
}

/// Makes lines with foreign text in them harmless, also a line that the foreign text started: GitHub's runner obeys lines that start
/// with `::`.
pub(crate) fn harmless(text: &str) -> String {
    let harmless = |line: &str| {
        let clean = cleaned(line);
        if clean.trim_start().starts_with("::") { format!("| {clean}") } else { clean }
    };
    text.lines().map(harmless).collect::<Vec<_>>().join("\n")
}

/// Writes invisible characters and control characters as JSON escapes, and breaks `##[`, which GitHub's runner obeys anywhere in a line.
/// The JSON keeps its meaning.
pub(super) fn escaped_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.replace("##[", r"##\u005b").chars() {
        if is_invisible(c) || matches!(c, '\u{7f}'..='\u{9f}') {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _infallible = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{MAX_CHARS, cleaned, escaped_json, harmless};

    #[test]
    fn nothing_that_acts_comes_through() {
        let table = [
            ("plain ✓ text", "plain ✓ text"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}[2J\u{1b}[1;1Hhome", "home"),
            ("\u{9b}31mred", "red"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;https://example.com\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}(Bascii", "ascii"),
            ("\u{1b}cgone", "gone"),
            ("half\u{1b}", "half"),
            ("half\u{1b}[", "half"),
            ("over\rwritten", "overwritten"),
            ("bell\u{7}\u{8}\u{0}\u{7f}", "bell"),
            ("tab\tline\nfeed", "tab line feed"),
            ("abc\u{202e}txt.exe", "abctxt.exe"),
            ("admin\u{ad}istrator", "administrator"),
            ("a\u{200b}b\u{200d}c\u{2060}d\u{feff}e", "abcde"),
            ("ignore\u{e0069}\u{e0067}\u{e006e}\u{e007f}d", "ignored"),
            ("\u{2067}left\u{2069}", "left"),
            ("x\u{fe0f}y\u{e0101}z\u{3164}", "xyz"),
            ("one\u{2028}two\u{2029}three\u{85}four", "one two three four"),
            ("x #\u{200b}#\u{ad}[add-mask]secret", "x # #[add-mask]secret"),
            ("x ##[add-mask]secret", "x # #[add-mask]secret"),
            ("#\u{0}#[add-mask]secret", "# #[add-mask]secret"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(cleaned(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_endless_line_ends() {
        let clean = cleaned(&"x".repeat(MAX_CHARS * 3));
        assert_eq!(clean.chars().count(), MAX_CHARS + 1);
        assert!(clean.ends_with('…'));
        assert!(!cleaned(&"x".repeat(MAX_CHARS)).ends_with('…'));
    }

    #[test]
    fn no_line_begins_a_command() {
        let table = [
            ("cannot write a\n::error::b.json\nhint: x", "cannot write a\n| ::error::b.json\nhint: x"),
            ("  ::add-mask::x", "|   ::add-mask::x"),
            ("\u{1b}[0m::group::x\r\n\u{200b}::group::y", "| ::group::x\n| ::group::y"),
            ("a::b ##[group]c", "a::b # #[group]c"),
            ("Usage: shipgate\n\n  --file", "Usage: shipgate\n\n  --file"),
        ];
        for (text, expected) in table {
            assert_eq!(harmless(text), expected, "{text:?}");
        }
    }

    #[test]
    fn json_means_the_same_and_shows_everything() {
        let hostile = "a\u{9b}31m\u{7f}\u{202e}\u{ad}\u{2028}\u{e0041}##[add-mask]✓😀";
        let json = serde_json::to_string(hostile).unwrap();
        let escaped = escaped_json(&json);
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), hostile);
        assert_eq!(escaped, r#""a\u009b31m\u007f\u202e\u00ad\u2028\udb40\udc41##\u005badd-mask]✓😀""#);
    }
}
