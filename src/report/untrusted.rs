//! Text that somebody else wrote, made safe to print: it must not move the cursor, colour the screen, reorder what
//! is read, or speak to the CI system that reads the output.

use std::{iter::Peekable, str::Chars};

/// More of one line than this helps nobody.
const MAX_CHARS: usize = 2000;

/// The text on one line, without escape sequences and control characters.
pub(super) fn cleaned(text: &str) -> String {
    let mut clean = String::with_capacity(text.len().min(MAX_CHARS));
    let mut chars = text.chars().peekable();
    let mut length = 0;
    while let Some(next) = chars.next() {
        let Some(shown) = shown(next, &mut chars) else { continue };
        if length == MAX_CHARS {
            clean.push('…');
            break;
        }
        clean.push(shown);
        length += 1;
    }
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
        '\t' | '\n' => Some(' '),
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

/// Marks that reorder or hide text (Unicode: bidirectional controls, zero-width characters, byte order mark).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::{MAX_CHARS, cleaned};

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
}
