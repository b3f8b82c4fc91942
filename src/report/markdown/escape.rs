//! Text in Markdown. Whatever it holds, it stays what it is: code is code, and no other text becomes HTML, a link or the
//! end of what it stands in.

use crate::report::untrusted::cleaned;

/// What has a meaning in CommonMark, in GitHub's extensions of it (tables, strikethrough, mathematics, mentions), or in HTML.
const MEANT: &str = "\\`*_[]<>|~&#@$!";

/// Text that is read as text.
pub(super) fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in cleaned(text).chars() {
        if MEANT.contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Text that is shown as it is, in a line. A cell of a table ends at a bar even within code, and a backslash before it is read in
/// more than one way, so another character stands for it.
pub(super) fn code(text: &str) -> String {
    let text = cleaned(text).replace('|', "¦");
    if text.trim().is_empty() {
        return String::new();
    }
    let ticks = "`".repeat(longest_run(&text, '`') + 1);
    // CommonMark takes one blank off each side, where there is one on both.
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// Lines that are shown as they are. The fence is longer than any within.
pub(super) fn fenced(language: &str, lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| cleaned(line)).collect();
    let longest = lines.iter().map(|line| longest_run(line, '`')).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}{language}\n{}\n{fence}\n", lines.join("\n"))
}

fn longest_run(text: &str, wanted: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == wanted { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::{code, fenced, text};

    #[test]
    fn text_is_text() {
        let table = [
            ("shop-api serves sha256:6105d6cc76af", "shop-api serves sha256:6105d6cc76af"),
            ("<img src=x> & [a](b)", "\\<img src=x\\> \\& \\[a\\](b)"),
            ("`x` | *y* _z_ @team $1$", "\\`x\\` \\| \\*y\\* \\_z\\_ \\@team \\$1\\$"),
            ("a\\<b", "a\\\\\\<b"),
            ("two\nlines", "two lines"),
        ];
        for (raw, escaped) in table {
            assert_eq!(text(raw), escaped, "{raw:?}");
        }
    }

    #[test]
    fn code_is_code() {
        let table = [
            ("plain", "`plain`"),
            ("</details>", "`</details>`"),
            ("a `b` c", "``a `b` c``"),
            ("`b", "`` `b ``"),
            ("```", "```` ``` ````"),
            ("a | b \\| c", "`a ¦ b \\¦ c`"),
            ("two\nlines", "`two lines`"),
            ("", ""),
        ];
        for (raw, escaped) in table {
            assert_eq!(code(raw), escaped, "{raw:?}");
        }
    }

    #[test]
    fn a_fence_is_longer_than_what_is_within() {
        let lines = ["plain", "````", "</details>", "\u{1b}[31m```\r"].map(str::to_owned);
        assert_eq!(fenced("text", &lines), "`````text\nplain\n````\n</details>\n```\n`````\n");
        assert_eq!(fenced("", &[]), "```\n\n```\n");
    }
}
