//! `${NAME}` and `${NAME:-default}` in a text. It works on scalars after the YAML was read, so the value of a variable
//! can never become a key, a list or a comment.

/// What is wrong with a text's variables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// The variable is not set, and the text gives no default.
    Unset(String),
    /// There is a `${` that begins neither form.
    Malformed,
}

/// Puts in the variables' values. As in a shell, `:-` also stands in for an empty value. `$${` gives `${`; any other `$`
/// is left alone.
///
/// # Errors
/// Every fault of the text, in order.
pub(super) fn expand<'a>(text: &str, lookup: impl Fn(&str) -> Option<&'a str>) -> Result<String, Vec<Fault>> {
    let (mut expanded, mut faults, mut rest) = (String::new(), Vec::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            expanded.push_str(before);
            expanded.push_str("${");
            rest = after;
            continue;
        }
        expanded.push_str(before);
        let (body, after) = after.split_once('}').unwrap_or((" ", ""));
        match substitute(body, &lookup) {
            Ok(value) => expanded.push_str(value),
            Err(fault) => faults.push(fault),
        }
        rest = after;
    }
    expanded.push_str(rest);
    if faults.is_empty() { Ok(expanded) } else { Err(faults) }
}

/// The value for what stands between the braces.
fn substitute<'v, 'a: 'v>(body: &'v str, lookup: impl Fn(&str) -> Option<&'a str>) -> Result<&'v str, Fault> {
    let (name, default) = match body.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (body, None),
    };
    if !is_name(name) {
        return Err(Fault::Malformed);
    }
    match (lookup(name), default) {
        (None | Some(""), Some(default)) => Ok(default),
        (Some(value), _) => Ok(value),
        (None, None) => Err(Fault::Unset(name.to_owned())),
    }
}

/// Whether a text can be the name of a variable (POSIX: letters, digits, underscores, not a digit first).
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::{Fault, expand};

    fn lookup(name: &str) -> Option<&'static str> {
        match name {
            "A" => Some("one"),
            "EMPTY" => Some(""),
            "HOSTILE" => Some("x\nrole: ${A} # \"'"),
            _ => None,
        }
    }

    #[test]
    fn variables_are_put_in() {
        let table = [
            ("", ""),
            ("plain $A $ }", "plain $A $ }"),
            ("${A}", "one"),
            ("a${A}b${A}", "aonebone"),
            ("[${EMPTY}]", "[]"),
            ("${EMPTY:-two}", "two"),
            ("${NONE:-two}", "two"),
            ("${NONE:-}", ""),
            ("${NONE:-a:-b}", "a:-b"),
            ("${A:-two}", "one"),
            ("$${A} $$ $$${A}", "${A} $$ $${A}"),
            ("${HOSTILE}", "x\nrole: ${A} # \"'"),
        ];
        for (text, expected) in table {
            assert_eq!(expand(text, lookup).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn every_fault_is_told() {
        let unset = |name: &str| Fault::Unset(name.to_owned());
        assert_eq!(expand("${X}${A}${Y}", lookup), Err(vec![unset("X"), unset("Y")]));
        for malformed in ["${", "${A", "${}", "${1}", "${A-b}", "${A:b}", "${ A }", "${A:=b}"] {
            assert_eq!(expand(malformed, lookup), Err(vec![Fault::Malformed]), "{malformed}");
        }
    }
}
