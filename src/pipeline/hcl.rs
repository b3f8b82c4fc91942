//! Terraform's language, in the form that `terraform fmt` leaves as it is: equals signs of neighbours that take one line stand
//! below each other. Pure.

/// Names and values, a line each or more.
pub(super) fn attributes(members: &[(String, String)], depth: usize) -> String {
    let is_single = |(_, value): &(String, String)| !value.contains('\n');
    let mut text = String::new();
    for group in members.chunk_by(|one, next| is_single(one) && is_single(next)) {
        let width = group.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in group {
            text.extend([format!("{}{name:<width$} = {value}\n", "  ".repeat(depth))]);
        }
    }
    text
}

/// A block of attributes.
pub(super) fn block(header: &str, members: &[(&str, String)]) -> String {
    let members: Vec<(String, String)> =
        members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    format!("{header} {{\n{}}}\n", attributes(&members, 1))
}

/// A string. `${` and `%{` would be read as templates.
pub(super) fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "$${").replace("%{", "%%{");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn strings_are_no_templates() {
        assert_eq!(quoted(r#"a"b\c${d}%{e}"#), r#""a\"b\\c$${d}%%{e}""#);
    }
}
