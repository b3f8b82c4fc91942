//! A start command, split into words as a shell would, without a shell: quotes and backslashes group, nothing is
//! expanded.

/// The words of a start command.
pub(super) fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut escaped) = (Vec::new(), None::<String>, None::<char>, false);
    for c in command.chars() {
        if escaped {
            let word = word.get_or_insert_default();
            // Between double quotes a backslash is one, but before what it would have to escape there.
            if quote.is_some() && c != '"' && c != '\\' {
                word.push('\\');
            }
            word.push(c);
            escaped = false;
            continue;
        }
        match (quote, c) {
            (Some('"') | None, '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn words_of_a_command() {
        let table: [(&str, &[&str]); 8] = [
            (r#"x "a\n""#, &["x", r"a\n"]),
            ("", &[]),
            ("  node   server.js ", &["node", "server.js"]),
            ("sh -c 'a  b && c'", &["sh", "-c", "a  b && c"]),
            (r#"x "a 'b' \"c\"" d\ e"#, &["x", "a 'b' \"c\"", "d e"]),
            ("x ''", &["x", ""]),
            ("echo $HOME && true", &["echo", "$HOME", "&&", "true"]),
            ("x 'open end", &["x", "open end"]),
        ];
        for (command, expected) in table {
            assert_eq!(words(command), expected, "{command}");
        }
    }
}
