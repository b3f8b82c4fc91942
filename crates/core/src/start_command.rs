//! A service's start command, in words as App Runner splits it: without a shell.

/// Why a command cannot be split.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unsplittable(pub &'static str);

/// The command in words, as no shell would split it: quotes and backslashes group, and nothing is expanded. A command of
/// nothing but blanks is none.
///
/// # Errors
/// [`Unsplittable`] when a quote is not closed, or the last backslash has nothing behind it.
pub fn words(command: &str) -> Result<Option<Vec<String>>, Unsplittable> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None::<char>);
    let mut characters = command.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (None, blank) if blank.is_whitespace() => words.extend(word.take()),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (Some(open), close) if open == close => quote = None,
            (None | Some('"'), '\\') => {
                let next = characters.next().ok_or(Unsplittable("it ends in a backslash"))?;
                let literal = quote.is_some() && !matches!(next, '"' | '\\');
                let word = word.get_or_insert_default();
                if literal {
                    word.push('\\');
                }
                word.push(next);
            }
            (_, other) => word.get_or_insert_default().push(other),
        }
    }
    if quote.is_some() {
        return Err(Unsplittable("a quote is not closed"));
    }
    words.extend(word);
    Ok((!words.is_empty()).then_some(words))
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn commands_are_split_without_a_shell() {
        let table: [(&str, &[&str]); 9] = [
            ("node server.js", &["node", "server.js"]),
            ("  a\t b\n", &["a", "b"]),
            (r#"sh -c "echo $HOME && exec app""#, &["sh", "-c", "echo $HOME && exec app"]),
            ("a 'b  c' d", &["a", "b  c", "d"]),
            (r"a b\ c", &["a", "b c"]),
            (r#"a "b\"c\n""#, &["a", r#"b"c\n"#]),
            (r"a 'b\c'", &["a", r"b\c"]),
            ("a '' b", &["a", "", "b"]),
            ("--name=\"x y\"z", &["--name=x yz"]),
        ];
        for (command, expected) in table {
            assert_eq!(words(command).unwrap().unwrap(), expected, "{command}");
        }
        assert_eq!(words("  ").unwrap(), None);
        for bad in ["a 'b", "a \"b", "a\\"] {
            assert!(words(bad).is_err(), "{bad}");
        }
    }
}
