//! Finds values in text, however the text encodes them.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    ops::Range,
    sync::OnceLock,
};

use super::encoding::{base64_cores, begins_escape, readings};

/// A piece of a value this long, at the end or the beginning of a line, is taken for a value that was broken over lines.
const LEAST_PIECE: usize = 8;

/// Pieces of base64 are longer: short ones look like words.
const LEAST_BASE64_PIECE: usize = 12;

/// A whole line that is a part of a value.
const LEAST_MIDDLE: usize = 16;

/// More bytes than any escape has.
const LONGEST_ESCAPE: usize = 12;

/// What is looked for. The values themselves are in no `Debug`.
#[derive(Clone, Default)]
pub(super) struct Patterns {
    all: Vec<Pattern>,
    /// The places in `all` of those that begin with a byte.
    by_first: HashMap<u8, Vec<usize>>,
    /// And with these bytes.
    by_start: HashMap<[u8; START], Vec<usize>>,
    /// Every run of [`LEAST_PIECE`] bytes in a pattern; made when it is first needed.
    runs: OnceLock<HashSet<[u8; LEAST_PIECE]>>,
}

/// How many bytes of each pattern are looked up at once. No pattern is shorter.
const START: usize = 3;

#[derive(Clone)]
struct Pattern {
    bytes: Vec<u8>,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Wherever it stands.
    Anywhere,
    /// Where no letter or digit is next to it.
    Word,
    /// Within base64, which may share a character with what is before and after.
    Base64 { joins_before: bool, joins_after: bool },
}

/// How far a pattern and a text agree.
enum Agreement {
    /// To the end of the pattern, which is here in the text.
    Whole(usize),
    /// To the end of the text, with so many bytes of the pattern.
    Piece(usize),
    None,
}

impl Patterns {
    /// Looks for this value in all its encodings.
    pub(super) fn add(&mut self, value: &str) {
        let word = value.bytes().all(|byte| byte.is_ascii_digit());
        self.push(value.as_bytes(), if word { Form::Word } else { Form::Anywhere });
        for core in base64_cores(value.as_bytes()) {
            let form = Form::Base64 { joins_before: core.joins_before, joins_after: core.joins_after };
            self.push(core.text.as_bytes(), form);
        }
    }

    /// Looks for this value where it stands as a word.
    pub(super) fn add_word(&mut self, value: &str) {
        self.push(value.as_bytes(), Form::Word);
    }

    fn push(&mut self, bytes: &[u8], form: Form) {
        let Some(start) = bytes.first_chunk::<START>() else { return };
        self.by_first.entry(start[0]).or_default().push(self.all.len());
        self.by_start.entry(*start).or_default().push(self.all.len());
        self.runs = OnceLock::new();
        self.all.push(Pattern { bytes: bytes.to_vec(), form });
    }

    /// Where the values are, in order and apart.
    pub(super) fn spans(&self, text: &str) -> Vec<Range<usize>> {
        let bytes = text.as_bytes();
        let found = (0..bytes.len()).filter_map(|at| self.span_at(bytes, at));
        joined(found.collect())
    }

    /// The longest value that begins here.
    fn span_at(&self, text: &[u8], at: usize) -> Option<Range<usize>> {
        let span = |pattern: &Pattern| match pattern.agreement(text, at) {
            Agreement::Whole(end) => pattern.span(text, at..end),
            Agreement::Piece(_) | Agreement::None => None,
        };
        self.candidates(&text[at..]).filter_map(span).max_by_key(|span| span.end)
    }

    /// The patterns that may begin where this text does.
    fn candidates(&self, text: &[u8]) -> impl Iterator<Item = &Pattern> {
        let start = text.first_chunk::<START>().filter(|start| !start.iter().copied().any(begins_escape));
        // With an escape among its first bytes, or at its end, the text has to be read to know.
        let (by_start, by_first) = match (start, text.first()) {
            (Some(start), _) => (self.by_start.get(start), None),
            (None, Some(first)) => (None, self.by_first.get(first)),
            (None, None) => (None, None),
        };
        let escaped = text.first().filter(|first| begins_escape(**first)).map(|_| readings(text));
        let escaped = escaped.into_iter().flatten().flatten();
        let escaped = escaped.filter_map(|reading| self.by_first.get(reading.bytes().first()?)).flatten();
        by_start.into_iter().chain(by_first).flatten().chain(escaped).map(|at| &self.all[*at])
    }

    /// Whether a line may begin within a value.
    fn may_continue(&self, line: &[u8]) -> bool {
        let runs = self.runs.get_or_init(|| {
            let windows = self.all.iter().flat_map(|pattern| pattern.bytes.windows(LEAST_PIECE));
            windows.filter_map(|window| window.first_chunk().copied()).collect()
        });
        line.first_chunk().is_some_and(|start| runs.contains(start))
    }

    /// Where a value begins that the end of the text has cut off.
    pub(super) fn cut_off_at(&self, text: &str) -> Option<usize> {
        let bytes = text.as_bytes();
        let is_piece = |at: usize| {
            self.candidates(&bytes[at..]).any(|pattern| matches!(pattern.agreement(bytes, at), Agreement::Piece(_)))
        };
        (0..bytes.len()).filter(|at| text.is_char_boundary(*at)).find(|at| is_piece(*at))
    }

    /// Where pieces of values are in a line: values that a program has broken over several lines.
    pub(super) fn pieces(&self, line: &str) -> Vec<Range<usize>> {
        let trimmed = line.trim();
        if trimmed.len() < LEAST_PIECE {
            return Vec::new();
        }
        let start = line.len() - line.trim_start().len();
        let end = start + trimmed.len();
        let bytes = &line.as_bytes()[..end];
        let mut found = Vec::new();
        for at in (start..end).filter(|at| line.is_char_boundary(*at)) {
            for pattern in self.candidates(&bytes[at..]) {
                if let Agreement::Piece(length) = pattern.agreement(bytes, at)
                    && length >= pattern.least_piece()
                {
                    found.push(at..end);
                }
            }
        }
        if self.may_continue(&bytes[start..]) {
            let rests = self.all.iter().filter_map(|pattern| pattern.rest_of(&bytes[start..]));
            found.extend(rests.map(|length| start..start + length));
        }
        joined(found)
    }
}

impl Pattern {
    /// How far it agrees with the text from here on.
    fn agreement(&self, text: &[u8], at: usize) -> Agreement {
        let (text, plain) = (&text[at..], self.bytes.as_slice());
        let literal = text.iter().zip(plain).take_while(|(one, other)| one == other).count();
        if literal == plain.len() {
            return Agreement::Whole(at + literal);
        }
        if literal == text.len() {
            return Agreement::Piece(literal);
        }
        if !text[..=literal].iter().copied().any(begins_escape) {
            return Agreement::None;
        }
        // Where a value holds a byte that escapes begin with, its text can be read in two ways.
        match self.decoded(text, true) {
            Agreement::Whole(length) => Agreement::Whole(at + length),
            Agreement::Piece(length) => Agreement::Piece(length),
            Agreement::None => match self.decoded(text, false) {
                Agreement::Whole(length) => Agreement::Whole(at + length),
                other @ (Agreement::Piece(_) | Agreement::None) => other,
            },
        }
    }

    fn decoded(&self, text: &[u8], escapes_first: bool) -> Agreement {
        let (mut at, mut done) = (0, 0);
        while done < self.bytes.len() {
            let Some(here) = text.get(at).copied() else { return Agreement::Piece(done) };
            let is_literal = here == self.bytes[done];
            if begins_escape(here) && (escapes_first || !is_literal) {
                let fits = |reading: &super::encoding::Reading| self.bytes[done..].starts_with(reading.bytes());
                if let Some(reading) = readings(&text[at..]).into_iter().flatten().find(fits) {
                    at += reading.consumed;
                    done += reading.bytes().len();
                    continue;
                }
            }
            if !is_literal {
                // The text may end within an escape.
                let is_at_end = begins_escape(here) && text.len() - at < LONGEST_ESCAPE && done > 0;
                return if is_at_end { Agreement::Piece(done) } else { Agreement::None };
            }
            at += 1;
            done += 1;
        }
        Agreement::Whole(at)
    }

    /// What is masked when the pattern is here, if it may be here.
    fn span(&self, text: &[u8], span: Range<usize>) -> Option<Range<usize>> {
        match self.form {
            Form::Anywhere => Some(span),
            Form::Word => {
                let before = span.start.checked_sub(1).map(|at| text[at]);
                let after = text.get(span.end).copied();
                let joins = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte >= 0x80);
                (!joins(before) && !joins(after)).then_some(span)
            }
            Form::Base64 { joins_before, joins_after } => {
                let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
                let before = span.start.checked_sub(1).filter(|at| joins_before && is_base64(&text[*at]));
                let mut end = span.end;
                end += usize::from(joins_after && text.get(end).is_some_and(is_base64));
                end += text[end..].iter().take(2).take_while(|byte| **byte == b'=').count();
                Some(before.unwrap_or(span.start)..end)
            }
        }
    }

    fn least_piece(&self) -> usize {
        match self.form {
            Form::Anywhere => LEAST_PIECE.max(self.bytes.len().div_ceil(2)),
            Form::Base64 { .. } => LEAST_BASE64_PIECE,
            Form::Word => usize::MAX,
        }
    }

    /// How many bytes at the beginning of a line continue a value that began in a line before.
    fn rest_of(&self, line: &[u8]) -> Option<usize> {
        let starts = (1..self.bytes.len()).filter(|at| self.bytes[*at] == line[0]);
        let lengths = starts.filter_map(|at| {
            let rest = &self.bytes[at..];
            let length = line.iter().zip(rest).take_while(|(one, other)| one == other).count();
            let is_end = length == rest.len() && length >= self.least_piece();
            // A line of nothing else is the middle of a value that takes three lines or more.
            let is_middle = length == line.len() && length >= LEAST_MIDDLE && self.form != Form::Word;
            (is_end || is_middle).then_some(length)
        });
        lengths.max()
    }
}

impl fmt::Debug for Patterns {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Patterns({})", self.all.len())
    }
}

/// Spans in order, those that touch made one.
pub(super) fn joined(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_by_key(|span| span.start);
    let mut apart: Vec<Range<usize>> = Vec::new();
    for span in spans {
        match apart.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => apart.push(span),
        }
    }
    apart
}

/// The text with `…` in the place of each span.
pub(super) fn without(text: &str, spans: &[Range<usize>]) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for span in spans {
        masked.push_str(&text[done..span.start]);
        masked.push('…');
        done = span.end;
    }
    masked.push_str(&text[done..]);
    masked
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::{Patterns, without};

    const VALUE: &str = "p@ss \"w/rd\"\\%20&<é>";

    fn patterns(values: &[&str]) -> Patterns {
        let mut patterns = Patterns::default();
        for value in values {
            patterns.add(value);
        }
        patterns
    }

    fn masked(values: &[&str], text: &str) -> String {
        without(text, &patterns(values).spans(text))
    }

    #[test]
    fn a_value_is_found_in_every_encoding() {
        let json = serde_json::to_string(VALUE).unwrap();
        let table = [
            VALUE.to_owned(),
            "p%40ss%20%22w%2Frd%22%5C%2520%26%3C%C3%A9%3E".to_owned(),
            "p%40ss+%22w%2frd%22%5c%2520%26%3c%c3%a9%3e".to_owned(),
            "p@ss%20%22w/rd%22%5C%2520&%3C%C3%A9%3E".to_owned(),
            json.trim_matches('"').to_owned(),
            serde_json::to_string(&json).unwrap().trim_matches('"').trim_matches(['\\', '"']).to_owned(),
            "p@ss \\\"w\\/rd\\\"\\\\%20\\u0026\\u003c\\u00E9\\u003e".to_owned(),
            "p@ss &quot;w/rd&quot;\\%20&amp;&lt;é&gt;".to_owned(),
            "p@ss &#34;w/rd&#x22;\\%20&#38;&#60;&#xe9;&gt;".to_owned(),
            "p\\@ss \"w/rd\"\\\\%20\\&\\<é\\>".to_owned(),
            STANDARD.encode(VALUE),
            STANDARD.encode(VALUE).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"),
        ];
        for text in table {
            let line = format!("before [{text}] after");
            let shown = masked(&[VALUE], &line);
            assert!(shown.starts_with("before […"), "{line}: {shown}");
            assert!(shown.contains("] after") && !shown.contains("rd"), "{line}: {shown}");
        }
        for before in ["u:", "us:", "use:"] {
            let line = STANDARD.encode(format!("{before}{VALUE}!"));
            let shown = masked(&[VALUE], &line);
            let kept = shown.split('…').map(str::len).max().unwrap();
            assert!(shown.contains('…') && kept <= 6, "{line}: {shown}");
        }
    }

    #[test]
    fn overlapping_values_are_all_masked() {
        assert_eq!(masked(&["abcdefgh", "efghijkl"], "x abcdefghijkl y"), "x … y");
        assert_eq!(masked(&["password", "u:password@db"], "u:password@db password"), "… …");
    }

    #[test]
    fn a_number_is_masked_as_a_whole_number() {
        assert_eq!(masked(&["12345678"], "12345678, 0123456789, id=12345678"), "…, 0123456789, id=…");
    }

    #[test]
    fn a_value_at_a_cut_is_found() {
        let patterns = patterns(&["hunter2-and-more"]);
        assert_eq!(patterns.cut_off_at("the password is hunter2-an"), Some(16));
        assert_eq!(patterns.cut_off_at("the password is h"), Some(16));
        assert_eq!(patterns.cut_off_at("the password is hunter3"), None);
    }

    #[test]
    fn pieces_of_broken_values_are_found() {
        let secret = "correct-horse-7-battery-staple-9";
        let patterns = patterns(&[secret]);
        let masked = |line: &str| without(line, &patterns.pieces(line));
        assert_eq!(masked("PASSWORD=correct-horse-7-bat"), "PASSWORD=…");
        assert_eq!(masked("orse-7-battery-staple-9 ends"), "… ends");
        assert_eq!(masked("it is correct"), "it is correct");
        assert_eq!(masked("staple-9 is short"), "staple-9 is short");
        let long = STANDARD.encode(secret.repeat(4));
        let patterns = super::tests::patterns(&[&secret.repeat(4)]);
        for line in [&long[..76], &long[76..152], &long[152..]] {
            // The last character before the padding holds four bits of the value.
            let kept = without(line, &patterns.pieces(line)).chars().filter(|c| *c != '…').count();
            assert!(kept <= 2, "{line}: {kept}");
        }
    }
}
