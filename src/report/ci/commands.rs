//! Workflow commands, as GitHub's runner reads them: a line `::name key=value,key=value::message`.

use crate::report::untrusted::cleaned;

/// A command. Its properties without a value are left out.
pub(super) fn command(name: &str, properties: &[(&str, Option<String>)], message: &str) -> String {
    let told = |(key, value): &(&str, Option<String>)| Some(format!("{key}={}", property(value.as_deref()?)));
    let properties: Vec<String> = properties.iter().filter_map(told).collect();
    let gap = if properties.is_empty() { "" } else { " " };
    format!("::{name}{gap}{}::{}", properties.join(","), message_of(message))
}

/// A message may have several lines. What acts on terminals is taken out of each.
fn message_of(text: &str) -> String {
    text.lines().map(|line| escaped(&cleaned(line))).collect::<Vec<_>>().join("%0A")
}

fn property(text: &str) -> String {
    escaped(&cleaned(text)).replace(':', "%3A").replace(',', "%2C")
}

/// The runner's own rules (actions/runner, `ActionCommand`): the per cent sign first, as the others are written with it.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn nothing_in_a_command_ends_it() {
        let table = [
            ("plain", "::error::plain"),
            ("100% of it", "::error::100%25 of it"),
            ("two\nlines", "::error::two%0Alines"),
            ("two\r\nlines", "::error::two%0Alines"),
            ("over\rwritten", "::error::overwritten"),
            ("%0A::error::x", "::error::%250A::error::x"),
            ("\u{1b}[31mred\u{1b}[0m ##[error]x", "::error::red # #[error]x"),
        ];
        for (message, line) in table {
            assert_eq!(command("error", &[], message), line, "{message:?}");
        }
        let properties = [
            ("file", Some("a:b,c%d.yaml".to_owned())),
            ("line", None),
            ("title", Some("one\ntwo::error::x".to_owned())),
        ];
        assert_eq!(
            command("warning", &properties, "m"),
            "::warning file=a%3Ab%2Cc%25d.yaml,title=one two%3A%3Aerror%3A%3Ax::m"
        );
    }
}
