//! A reader of Rust source that knows just enough: words and punctuation without comments and literals, items that are
//! only compiled for tests, and paths from the crate's root.

/// A file of src/, without comments, literals and tests.
pub(super) struct Source {
    /// The modules from the crate's root to this file: `[report, text]` for `report/text/mod.rs`.
    modules: Vec<String>,
    tokens: Vec<Token>,
    test_modules: Vec<String>,
}

#[derive(Clone, PartialEq, Debug)]
enum Token {
    Word(String),
    /// `::`
    Path,
    Mark(char),
}

impl Token {
    fn word(&self) -> Option<&str> {
        if let Self::Word(word) = self { Some(word) } else { None }
    }

    fn is(&self, word: &str) -> bool {
        self.word() == Some(word)
    }
}

impl Source {
    /// Reads a file; `path` is below src/, with slashes.
    pub(super) fn parse(path: &str, text: &str) -> Self {
        let modules = modules_of(path);
        let (tokens, declared) = without_tests(&tokens_of(&text.chars().collect::<Vec<_>>()));
        let folder = path.strip_suffix("mod.rs").map_or_else(|| format!("{}/", modules.join("/")), str::to_owned);
        let test_modules = declared.iter().map(|name| format!("{folder}{name}")).collect();
        Self { modules, tokens, test_modules }
    }

    /// The top-level module this file belongs to; `lib` and `main` for the roots.
    pub(super) fn module(&self) -> &str {
        &self.modules[0]
    }

    /// The modules in other files that this one declares for tests alone, as paths below src/ without `.rs`.
    pub(super) fn test_modules(&self) -> &[String] {
        &self.test_modules
    }

    /// The top-level modules that are named here, through `crate::`, `shipgate::` or enough `super::`.
    pub(super) fn imports(&self) -> Vec<String> {
        let mut found = Vec::new();
        for at in 0..self.tokens.len() {
            if let Some(rest) = self.after_root(at) {
                found.extend(first_words(rest));
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// What follows `crate::` and its like, if that begins here.
    fn after_root(&self, at: usize) -> Option<&[Token]> {
        let rest = &self.tokens[at..];
        if rest[0].is("crate") || rest[0].is("shipgate") {
            return (rest.get(1) == Some(&Token::Path)).then(|| &rest[2..]);
        }
        let continues = at >= 2 && self.tokens[at - 1] == Token::Path && self.tokens[at - 2].is("super");
        let supers = rest.chunks(2).take_while(|pair| pair[0].is("super") && pair.get(1) == Some(&Token::Path)).count();
        let root = matches!(self.module(), "lib" | "main");
        (!continues && !root && supers > 0 && supers == self.modules.len()).then(|| &rest[2 * supers..])
    }

    /// Whether `super::*` is imported.
    pub(super) fn has_super_glob(&self) -> bool {
        self.tokens.windows(3).any(|three| three[0].is("super") && three[1..] == [Token::Path, Token::Mark('*')])
    }

    /// Whether a name is used: a word, a word's beginning (`aws_sdk_*`), or the end of a path (`env::var`, also as
    /// `env::{var}`).
    pub(super) fn names(&self, name: &str) -> bool {
        if let Some(beginning) = name.strip_suffix('*') {
            return self.tokens.iter().filter_map(Token::word).any(|word| word.starts_with(beginning));
        }
        let Some((parent, last)) = name.split_once("::") else {
            return self.tokens.iter().any(|token| token.is(name));
        };
        self.tokens.windows(2).enumerate().any(|(at, two)| {
            two[0].is(parent)
                && two[1] == Token::Path
                && first_words(&self.tokens[at + 2..]).iter().any(|word| word == last)
        })
    }
}

fn modules_of(path: &str) -> Vec<String> {
    let mut modules: Vec<String> = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if modules.len() > 1 && modules.last().is_some_and(|last| last == "mod") {
        modules.pop();
    }
    modules
}

/// The word that follows, or the first word of each member of the group that follows.
fn first_words(tokens: &[Token]) -> Vec<String> {
    let mut found = Vec::new();
    let (mut depth, mut wanted) = (0, true);
    for token in tokens {
        match token {
            Token::Mark('{') => depth += 1,
            Token::Mark('}') => depth -= 1,
            Token::Mark(',') if depth == 1 => wanted = true,
            Token::Word(word) if wanted => {
                found.push(word.clone());
                wanted = false;
            }
            Token::Mark('*') if wanted => found.push("*".to_owned()),
            Token::Word(_) | Token::Path | Token::Mark(_) => wanted = false,
        }
        if depth == 0 {
            break;
        }
    }
    found
}

/// The tokens without items that are only there for tests, and the names of the modules among those.
fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    let (mut kept, mut declared) = (Vec::new(), Vec::new());
    let mut rest = tokens;
    while let Some((first, after)) = rest.split_first() {
        let inner = tokens_match(rest, &['#', '!', '[']);
        if !inner && !tokens_match(rest, &['#', '[']) {
            kept.push(first.clone());
            rest = after;
            continue;
        }
        let start = if inner { 2 } else { 1 };
        let end = start + group_length(&rest[start..]);
        let test = is_test(&rest[start + 1..end]);
        rest = &rest[end..];
        if test && inner {
            return (Vec::new(), Vec::new());
        }
        if test {
            let item = &rest[..item_length(rest)];
            declared.extend(declared_module(item));
            rest = &rest[item.len()..];
        }
    }
    (kept, declared)
}

fn tokens_match(tokens: &[Token], marks: &[char]) -> bool {
    tokens.len() >= marks.len() && tokens.iter().zip(marks).all(|(token, mark)| *token == Token::Mark(*mark))
}

/// Whether an attribute, from behind its `[`, means that the item is only compiled for tests.
fn is_test(attribute: &[Token]) -> bool {
    let has = |word| attribute.iter().any(|token| token.is(word));
    let name = attribute.iter().take_while(|token| **token != Token::Mark('(')).filter_map(Token::word).last();
    name == Some("test") || (name == Some("cfg") && has("test") && !has("not") && !has("any"))
}

/// From an opening bracket to behind the closing one.
fn group_length(tokens: &[Token]) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        depth += nesting(token);
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

fn nesting(token: &Token) -> i32 {
    match token {
        Token::Mark('{' | '(' | '[') => 1,
        Token::Mark('}' | ')' | ']') => -1,
        Token::Word(_) | Token::Path | Token::Mark(_) => 0,
    }
}

/// An item with its attributes: up to its semicolon, or to the end of its braces.
fn item_length(tokens: &[Token]) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        depth += nesting(token);
        if depth < 0 {
            return at;
        }
        if depth == 0 && matches!(token, Token::Mark(';' | '}')) {
            return at + 1;
        }
    }
    tokens.len()
}

fn declared_module(item: &[Token]) -> Option<String> {
    let at = item.iter().position(|token| token.is("mod"))?;
    let name = item.get(at + 1)?.word()?;
    (item.get(at + 2) == Some(&Token::Mark(';'))).then(|| name.to_owned())
}

fn tokens_of(text: &[char]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let length = match rest {
            ['/', '/', ..] => rest.iter().take_while(|c| **c != '\n').count(),
            ['/', '*', ..] => comment_length(rest),
            ['"', ..] => string_length(rest),
            ['\'', ..] => quote_length(rest),
            [':', ':', ..] => {
                tokens.push(Token::Path);
                2
            }
            [c, ..] if c.is_alphanumeric() || *c == '_' => word(rest, &mut tokens),
            [c, ..] => {
                tokens.extend((!c.is_whitespace()).then_some(Token::Mark(*c)));
                1
            }
            [] => 1,
        };
        at += length;
    }
    tokens
}

/// A word, or the raw string that one begins.
fn word(text: &[char], tokens: &mut Vec<Token>) -> usize {
    let length = text.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
    let word: String = text[..length].iter().collect();
    if ["r", "br", "cr"].contains(&word.as_str()) {
        let hashes = text[length..].iter().take_while(|c| **c == '#').count();
        let body = length + hashes + 1;
        if text.get(body - 1) == Some(&'"') {
            let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            let inside = text[body..].windows(end.len()).position(|window| window == end);
            return inside.map_or(text.len(), |inside| body + inside + end.len());
        }
    }
    tokens.push(Token::Word(word));
    length
}

fn string_length(text: &[char]) -> usize {
    let mut at = 1;
    while let Some(c) = text.get(at) {
        match c {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// A character, or only the quote of a lifetime.
fn quote_length(text: &[char]) -> usize {
    match text {
        ['\'', '\\', _, rest @ ..] => 3 + rest.iter().take_while(|c| **c != '\'').count() + 1,
        ['\'', _, '\'', ..] => 3,
        _ => 1,
    }
}

/// Block comments nest.
fn comment_length(text: &[char]) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < text.len() {
        match text[at..] {
            ['/', '*', ..] => (at, depth) = (at + 2, depth + 1),
            ['*', '/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}
