//! HTML that is written, never pasted: markup comes from literals alone, and everything else is escaped on its way in.

use crate::characters::is_invisible;

/// HTML under construction.
#[derive(Default)]
pub struct Html(String);

/// Attributes of an element: names from literals, values escaped.
pub type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Html {
    /// Adds text, escaped.
    pub fn text(&mut self, text: &str) {
        text.chars().for_each(|c| self.escaped(c));
    }

    /// Adds an element with what `content` writes into it.
    pub fn element(&mut self, name: &'static str, attributes: Attributes<'_>, content: impl FnOnce(&mut Self)) {
        self.open(name, attributes);
        content(self);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    /// Adds an element with nothing but text in it.
    pub fn leaf(&mut self, name: &'static str, attributes: Attributes<'_>, text: &str) {
        self.element(name, attributes, |html| html.text(text));
    }

    /// Adds an element that has no end tag, or begins one whose end is written by [`Self::literal`].
    pub fn open(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.0.push('<');
        self.0.push_str(name);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            value.chars().for_each(|c| self.escaped(c));
            self.0.push('"');
        }
        self.0.push('>');
    }

    /// Adds markup of this program's own.
    pub fn literal(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// Adds what was written before.
    pub fn append(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    /// The text of it.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }

    /// Safe in text and in quoted attributes. Control characters become their pictures (U+2400…), and invisible
    /// ones become U+FFFD.
    fn escaped(&mut self, c: char) {
        match c {
            '&' => self.0.push_str("&amp;"),
            '<' => self.0.push_str("&lt;"),
            '>' => self.0.push_str("&gt;"),
            '"' => self.0.push_str("&quot;"),
            '\'' => self.0.push_str("&#39;"),
            '\t' | '\n' => self.0.push(c),
            '\u{0}'..='\u{1f}' => self.0.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')),
            '\u{7f}' => self.0.push('\u{2421}'),
            '\u{80}'..='\u{9f}' => self.0.push('\u{fffd}'),
            c if is_invisible(c) => self.0.push('\u{fffd}'),
            c => self.0.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Html;

    fn written(write: impl FnOnce(&mut Html)) -> String {
        let mut html = Html::default();
        write(&mut html);
        html.into_string()
    }

    #[test]
    fn text_cannot_become_markup() {
        for (text, escaped) in [
            ("plain ünïcode ✓", "plain ünïcode ✓"),
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("&lt;", "&amp;lt;"),
            ("</main><!-- ]]>", "&lt;/main&gt;&lt;!-- ]]&gt;"),
            ("a\0b\u{1b}[31m\r", "a␀b␛[31m␍"),
            ("live\u{202e}gpj", "live\u{fffd}gpj"),
            ("a\u{ad}b\u{e0061}c", "a\u{fffd}b\u{fffd}c"),
            ("tab\tline\nend", "tab\tline\nend"),
        ] {
            assert_eq!(written(|html| html.text(text)), escaped);
        }
    }

    #[test]
    fn an_attribute_cannot_be_left() {
        let html = written(|html| html.leaf("p", &[("title", "\" onclick='x' <b>")], "t"));
        assert_eq!(html, "<p title=\"&quot; onclick=&#39;x&#39; &lt;b&gt;\">t</p>");
    }

    #[test]
    fn elements_hold_what_is_written_into_them() {
        let html = written(|html| {
            html.element("ul", &[], |html| {
                html.leaf("li", &[("id", "a")], "1");
                html.leaf("li", &[], "2");
            });
        });
        assert_eq!(html, "<ul><li id=\"a\">1</li><li>2</li></ul>");
    }
}
