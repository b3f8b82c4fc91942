//! Files of environment variables: Docker's format, and the quotes of dotenv. A message has the line, never the value.
//!
//! A line is `NAME=VALUE`; `export ` before it is let be. Blank lines and lines that begin with `#` are nothing. `NAME`
//! alone takes its value from the process environment. A value runs to the end of its line as it is, `#` and blanks too
//! (as Docker has it), unless it begins with a quote: then it runs to the next such quote, over several lines if need be,
//! and only a comment may follow. Between double quotes `\n`, `\r`, `\t`, `\"`, `\\` and `\$` stand for one character;
//! between single quotes all is literal. Nothing is ever expanded.

use std::path::Path;

use super::{
    environment::Environment,
    problem::{Location, Problem},
};
use crate::domain::secret::Secret;

/// A variable.
pub(super) type Variable = (String, Secret);

/// Reads the variables of a file's text, in its order.
pub(super) fn read(path: &Path, text: &str, environment: &Environment, problems: &mut Vec<Problem>) -> Vec<Variable> {
    let mut variables = Vec::new();
    let mut lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut more = || lines.next().map(|(_, line)| line);
        match assignment(line, environment, &mut more) {
            Ok(variable) => variables.push(variable),
            Err(fault) => {
                let place = Location::File { path: path.to_owned(), line: index + 1, column: 1 };
                problems.push(fault.at(&place));
            }
        }
    }
    variables
}

/// Reads `NAME=VALUE` or `NAME` of a flag: the value as it is.
pub(super) fn of_flag(text: &str, environment: &Environment) -> Result<Variable, Fault> {
    match text.split_once('=') {
        Some((name, value)) => variable(name, value.to_owned()),
        None => from_environment(text, environment),
    }
}

/// What is wrong with a variable. It holds the name at most.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The name is none.
    #[error("a variable's name is not empty and has no blanks in it: write NAME=VALUE")]
    Name,
    /// A value that no process can be given.
    #[error("the value of `{0}` has a NUL character in it")]
    Nul(String),
    /// There is nothing to take.
    #[error("`{0}` has no value here, and is not set in the environment")]
    Unset(String),
    /// A quote that does not end.
    #[error("the quote that the value of `{0}` begins with is not closed")]
    Unclosed(String),
    /// Something after the closing quote.
    #[error("the value of `{0}` goes on after its closing quote")]
    AfterQuote(String),
}

impl Fault {
    pub(super) fn at(&self, place: &Location) -> Problem {
        let problem = Problem::new(place, self.to_string());
        match self {
            Self::Unset(name) => problem.with_hint(format!("write {name}=VALUE, or export {name} before the run")),
            Self::Unclosed(_) | Self::AfterQuote(_) => {
                problem.with_hint("write a quote within double quotes as \\\", or the value without quotes around it")
            }
            Self::Name | Self::Nul(_) => problem,
        }
    }
}

fn assignment<'a>(
    line: &'a str,
    environment: &Environment,
    more: &mut dyn FnMut() -> Option<&'a str>,
) -> Result<Variable, Fault> {
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let Some((name, rest)) = line.split_once('=') else { return from_environment(line.trim_end(), environment) };
    match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => quoted(name, &rest[1..], quote, more),
        Some(_) | None => variable(name, rest.to_owned()),
    }
}

fn quoted<'a>(
    name: &str,
    rest: &'a str,
    quote: char,
    more: &mut dyn FnMut() -> Option<&'a str>,
) -> Result<Variable, Fault> {
    let (mut value, mut line) = (String::new(), rest);
    loop {
        if let Some(after) = up_to_quote(line, quote, &mut value) {
            let after = after.trim();
            let is_comment = after.is_empty() || after.starts_with('#');
            return if is_comment { variable(name, value) } else { Err(Fault::AfterQuote(name.to_owned())) };
        }
        line = more().ok_or_else(|| Fault::Unclosed(name.to_owned()))?;
        value.push('\n');
    }
}

/// Adds what stands before the closing quote to the value, and gives what stands after it; nothing if the line has none.
fn up_to_quote<'a>(line: &'a str, quote: char, value: &mut String) -> Option<&'a str> {
    let mut characters = line.char_indices();
    while let Some((at, character)) = characters.next() {
        if character == quote {
            return Some(&line[at + 1..]);
        }
        if quote == '\'' || character != '\\' {
            value.push(character);
            continue;
        }
        match characters.next().map(|(_, escaped)| escaped) {
            Some('n') => value.push('\n'),
            Some('r') => value.push('\r'),
            Some('t') => value.push('\t'),
            Some(escaped @ ('"' | '\\' | '$')) => value.push(escaped),
            Some(other) => value.extend(['\\', other]),
            None => value.push('\\'),
        }
    }
    None
}

fn from_environment(name: &str, environment: &Environment) -> Result<Variable, Fault> {
    let (name, _) = variable(name, String::new())?;
    let value = environment.get(&name).ok_or_else(|| Fault::Unset(name.clone()))?;
    variable(&name, value.to_owned())
}

fn variable(name: &str, value: String) -> Result<Variable, Fault> {
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '=') {
        return Err(Fault::Name);
    }
    if value.contains('\0') {
        return Err(Fault::Nul(name.to_owned()));
    }
    Ok((name.to_owned(), Secret::new(value)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::read;
    use crate::config::environment::Environment;

    fn values(text: &str) -> Result<Vec<(String, String)>, Vec<String>> {
        let environment = Environment::from_pairs([("GIVEN", "from outside")]);
        let mut problems = Vec::new();
        let variables = read(Path::new("a.env"), text, &environment, &mut problems);
        if problems.is_empty() {
            Ok(variables.into_iter().map(|(name, value)| (name, value.reveal().to_owned())).collect())
        } else {
            Err(problems.iter().map(ToString::to_string).collect())
        }
    }

    #[test]
    fn values_are_read_as_docker_and_dotenv_have_them() {
        let table = [
            ("A=b", "b"),
            ("A=", ""),
            ("  A=b # not a comment ", "b # not a comment "),
            ("export A=b=c", "b=c"),
            (r#"A="b c""#, "b c"),
            (r#"A="b" # a comment"#, "b"),
            (r#"A="b\n\"c\"\\ \$d \e""#, "b\n\"c\"\\ $d \\e"),
            (r"A='b\n $c'", r"b\n $c"),
            ("A=\"b\n  c\n\"", "b\n  c\n"),
            ("A='b\nc'", "b\nc"),
            (r#"A=b"c""#, r#"b"c""#),
            ("A=$HOME ${HOME}", "$HOME ${HOME}"),
            ("\u{feff}A=b\r\n", "b"),
        ];
        for (text, value) in table {
            assert_eq!(values(text), Ok(vec![("A".to_owned(), value.to_owned())]), "{text:?}");
        }
        assert_eq!(values("\n# A=b\n\n   # c\n"), Ok(Vec::new()));
        assert_eq!(values("GIVEN"), Ok(vec![("GIVEN".to_owned(), "from outside".to_owned())]));
    }

    #[test]
    fn what_is_wrong_has_its_line_and_no_value() {
        let text = "A=1\n=hunter2\nB C=hunter2\nNOT_GIVEN\nD=\"hunter2\" hunter2\n'E=hunter2'\nF=\"hunter2\nhunter2";
        let told = values(text).unwrap_err();
        let lines: Vec<&str> = told.iter().map(|problem| problem.split(": ").next().unwrap()).collect();
        assert_eq!(lines, ["a.env:2:1", "a.env:3:1", "a.env:4:1", "a.env:5:1", "a.env:7:1"], "{told:#?}");
        assert!(told.iter().all(|problem| !problem.contains("hunter2")), "{told:#?}");
        assert!(told[2].contains("`NOT_GIVEN` has no value here"), "{told:#?}");
    }
}
