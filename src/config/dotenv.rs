//! Files of environment variables, as `docker run --env-file` and dotenv read them: `NAME=VALUE` a line.
//!
//! `export` before a name, blank lines and lines that begin with `#` are passed over. A value in single quotes is taken as
//! it stands; in double quotes `\n`, `\t`, `\"` and `\\` are what they are in C. Without quotes the value is the rest of the
//! line, and a comment in it begins with ` #`. Nothing is expanded. A problem names the line, and never shows it: what is
//! written there may be the secret itself.

use std::collections::BTreeMap;

use crate::domain::secret::Secret;

/// A line that is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct BadLine {
    /// Its number, from 1.
    pub(super) number: usize,
    /// What is wrong with it.
    pub(super) reason: &'static str,
}

/// Reads a file's text. Of a name that stands there twice the last value counts.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, Secret>, Vec<BadLine>> {
    let (mut variables, mut bad) = (BTreeMap::new(), Vec::new());
    // Windows' editors begin a file with a byte order mark.
    let text = text.trim_start_matches('\u{feff}');
    for (number, line) in (1..).zip(text.lines()) {
        match read_line(line) {
            Ok(Some((name, value))) => drop(variables.insert(name.to_owned(), value)),
            Ok(None) => {}
            Err(reason) => bad.push(BadLine { number, reason }),
        }
    }
    if bad.is_empty() { Ok(variables) } else { Err(bad) }
}

fn read_line(line: &str) -> Result<Option<(&str, Secret)>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let (name, value) = line.split_once('=').ok_or("there is no `=` in it")?;
    let name = name.trim_end();
    if !is_name(name) {
        return Err("what stands before the `=` is no variable's name");
    }
    Ok(Some((name, Secret::new(read_value(value.trim_start())?))))
}

/// Whether a text can be a variable's name: not what POSIX asks for, but what engines take.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '=' || c == '#')
}

fn read_value(text: &str) -> Result<String, &'static str> {
    if let Some(rest) = text.strip_prefix('\'') {
        let (value, after) = rest.split_once('\'').ok_or("a quote is not closed")?;
        return nothing_but_a_comment(after).map(|()| value.to_owned());
    }
    if let Some(rest) = text.strip_prefix('"') {
        return double_quoted(rest);
    }
    let end = [" #", "\t#"].iter().filter_map(|comment| text.find(comment)).min();
    Ok(text[..end.unwrap_or(text.len())].trim_end().to_owned())
}

fn double_quoted(text: &str) -> Result<String, &'static str> {
    let (mut value, mut characters) = (String::new(), text.char_indices());
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return nothing_but_a_comment(&text[at + 1..]).map(|()| value),
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, plain @ ('"' | '\\' | '$'))) => value.push(plain),
                Some((_, other)) => value.extend(['\\', other]),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err("a quote is not closed")
}

fn nothing_but_a_comment(rest: &str) -> Result<(), &'static str> {
    let rest = rest.trim();
    if rest.is_empty() || rest.starts_with('#') { Ok(()) } else { Err("something follows the closing quote") }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn values_are_read_as_docker_and_dotenv_read_them() {
        let table = [
            ("A=b", "b"),
            ("A=", ""),
            ("A = b ", "b"),
            ("export A=b", "b"),
            ("A=b c=d", "b c=d"),
            ("A=b # why", "b"),
            ("A=b#c", "b#c"),
            ("A='b # c'", "b # c"),
            ("A='b\\n' # why", "b\\n"),
            (r#"A="b\n\"c\" \\ \x" # why"#, "b\n\"c\" \\ \\x"),
            (r#"A="$HOME \$HOME""#, "$HOME $HOME"),
            ("A=${HOME}", "${HOME}"),
            ("\u{feff}A=b", "b"),
            ("# A=x\n\nA=b\r\n", "b"),
            ("A=x\nA=b", "b"),
        ];
        for (text, value) in table {
            let read = parse(text).unwrap();
            assert_eq!(read["A"].reveal(), value, "{text}");
            assert_eq!(read.len(), 1, "{text}");
        }
    }

    #[test]
    fn bad_lines_are_all_named_by_number_and_not_shown() {
        let bad = parse("GOOD=1\nhunter2\n=x\nA B=c\nC='open\nD=\"open\nE='a' b\n").unwrap_err();
        let numbers: Vec<usize> = bad.iter().map(|line| line.number).collect();
        assert_eq!(numbers, [2, 3, 4, 5, 6, 7]);
        assert!(!format!("{bad:?}").contains("hunter2"));
    }
}
