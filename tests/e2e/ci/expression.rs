//! GitHub's expressions, as far as the action and the examples use them: paths, strings, `==`, `!=`, `!`, `&&`, `||`, and the
//! functions that tell how the job stands. What is not known is a panic: the harness must not guess.

use serde_json::{Value, json};

use super::job::Standing;

/// What expressions are read in: `inputs`, `steps`, `github`, …
pub(super) struct Scope<'a> {
    pub(super) contexts: &'a Value,
    pub(super) standing: Standing,
}

impl Scope<'_> {
    /// A text with its `${{ }}` filled in.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut parts = text.split("${{");
        let mut filled = parts.next().unwrap().to_owned();
        for part in parts {
            let (expression, rest) = part.split_once("}}").expect("an expression ends");
            filled.push_str(&shown(&self.value(expression)));
            filled.push_str(rest);
        }
        filled
    }

    /// Whether a step with this `if` runs. One that does not ask how the job stands runs only while it stands well.
    pub(super) fn holds(&self, condition: Option<&str>) -> bool {
        let condition = condition.unwrap_or("success()");
        let bare = condition.trim().trim_start_matches("${{").trim_end_matches("}}");
        let asks = ["always()", "success()", "failure()", "cancelled()"].iter().any(|name| bare.contains(name));
        let stands = asks || self.standing == Standing::Well;
        stands && is_true(&self.value(bare))
    }

    fn value(&self, expression: &str) -> Value {
        let words = words(expression);
        let mut reader = Reader { scope: self, words: &words, at: 0 };
        let value = reader.any_of();
        assert_eq!(reader.at, words.len(), "`{expression}` goes on after what the harness knows");
        value
    }

    fn path(&self, path: &str) -> Value {
        let mut found = self.contexts;
        for name in path.split('.') {
            found = found.get(name).unwrap_or(&Value::Null);
        }
        found.clone()
    }

    fn function(&self, name: &str) -> Value {
        json!(match name {
            "always" => true,
            "success" => self.standing == Standing::Well,
            "failure" => self.standing == Standing::Failed,
            "cancelled" => self.standing == Standing::Cancelled,
            _ => panic!("the harness does not know {name}()"),
        })
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn is_true(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && value != "" && value != 0
}

fn words(expression: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = expression.trim();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' => rest[1..].find('\'').expect("a string ends") + 2,
            '(' | ')' => 1,
            '=' | '&' | '|' => 2,
            '!' => 1 + usize::from(rest[1..].starts_with('=')),
            _ => rest.find(|c: char| !(c.is_alphanumeric() || "._-".contains(c))).unwrap_or(rest.len()),
        };
        assert!(length > 0, "the harness cannot read `{rest}`");
        words.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    words
}

/// Reads words from the loosest operator to the tightest.
struct Reader<'a> {
    scope: &'a Scope<'a>,
    words: &'a [String],
    at: usize,
}

impl Reader<'_> {
    fn takes(&mut self, word: &str) -> bool {
        let is_next = self.words.get(self.at).is_some_and(|next| next == word);
        self.at += usize::from(is_next);
        is_next
    }

    fn any_of(&mut self) -> Value {
        let mut left = self.all_of();
        while self.takes("||") {
            let right = self.all_of();
            left = if is_true(&left) { left } else { right };
        }
        left
    }

    fn all_of(&mut self) -> Value {
        let mut left = self.compared();
        while self.takes("&&") {
            let right = self.compared();
            left = if is_true(&left) { right } else { left };
        }
        left
    }

    fn compared(&mut self) -> Value {
        let left = self.single();
        if self.takes("==") {
            json!(shown(&left) == shown(&self.single()))
        } else if self.takes("!=") {
            json!(shown(&left) != shown(&self.single()))
        } else {
            left
        }
    }

    fn single(&mut self) -> Value {
        if self.takes("!") {
            return json!(!is_true(&self.single()));
        }
        if self.takes("(") {
            let inner = self.any_of();
            assert!(self.takes(")"), "a bracket is closed");
            return inner;
        }
        let word = self.words.get(self.at).expect("a value").clone();
        self.at += 1;
        match word.strip_prefix('\'') {
            Some(text) => json!(text.trim_end_matches('\'')),
            None if self.takes("(") => {
                assert!(self.takes(")"), "the harness knows functions without arguments");
                self.scope.function(&word)
            }
            None if ["true", "false"].contains(&word.as_str()) => json!(word == "true"),
            None => self.scope.path(&word),
        }
    }
}

#[test]
fn expressions_are_read_as_github_reads_them() {
    let contexts =
        json!({"inputs": {"a": "x", "none": "", "yes": true}, "steps": {"s": {"outputs": {"from-it": "source"}}}});
    let table = [
        ("inputs.a", "x"),
        ("inputs.nothing", ""),
        ("inputs.none || inputs.a", "x"),
        ("inputs.a && 'then' || 'else'", "then"),
        ("inputs.none && 'then' || 'else'", "else"),
        ("steps.s.outputs.from-it == 'source'", "true"),
        ("!(inputs.a != 'x') && inputs.yes", "true"),
        ("failure() || always()", "true"),
    ];
    let scope = Scope { contexts: &contexts, standing: Standing::Well };
    for (expression, expected) in table {
        assert_eq!(scope.fill(&format!("<${{{{ {expression} }}}}>")), format!("<{expected}>"), "{expression}");
    }
    let failed = Scope { contexts: &contexts, standing: Standing::Failed };
    let held =
        [None, Some("inputs.yes"), Some("always()"), Some("${{ failure() }}")].map(|condition| failed.holds(condition));
    assert_eq!(held, [false, false, true, true]);
}
