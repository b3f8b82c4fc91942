//! Characters that nobody sees, and that change what is read: they hide text, reorder it or make two names look the same.

/// Whether a character is invisible: it has the Unicode property `Default_Ignorable_Code_Point` (zero-width characters, the soft
/// hyphen, variation selectors, fillers, the tags of U+E0000), is a format character (category Cf: bidirectional controls, the byte
/// order mark, annotations), or separates lines where nobody expects it (U+2028, U+2029).
///
/// Unicode 17: `DerivedCoreProperties.txt`, `UnicodeData.txt`. Assigned and reserved characters alike, as programs that show text do.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}'
        | '\u{34f}'
        | '\u{600}'..='\u{605}'
        | '\u{61c}'
        | '\u{6dd}'
        | '\u{70f}'
        | '\u{890}'..='\u{891}'
        | '\u{8e2}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{110bd}'
        | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::is_invisible;

    #[test]
    fn what_is_seen_and_what_is_not() {
        let invisible = [
            ("soft hyphen", '\u{ad}'),
            ("combining grapheme joiner", '\u{34f}'),
            ("Arabic letter mark", '\u{61c}'),
            ("Hangul filler", '\u{115f}'),
            ("Hangul filler", '\u{3164}'),
            ("half-width Hangul filler", '\u{ffa0}'),
            ("Khmer vowel", '\u{17b4}'),
            ("Mongolian vowel separator", '\u{180e}'),
            ("zero-width space", '\u{200b}'),
            ("zero-width non-joiner", '\u{200c}'),
            ("zero-width joiner", '\u{200d}'),
            ("left-to-right mark", '\u{200e}'),
            ("line separator", '\u{2028}'),
            ("paragraph separator", '\u{2029}'),
            ("right-to-left override", '\u{202e}'),
            ("word joiner", '\u{2060}'),
            ("invisible plus", '\u{2064}'),
            ("reserved", '\u{2065}'),
            ("right-to-left isolate", '\u{2067}'),
            ("nominal digit shapes", '\u{206f}'),
            ("variation selector 1", '\u{fe00}'),
            ("variation selector 16", '\u{fe0f}'),
            ("byte order mark", '\u{feff}'),
            ("interlinear annotation", '\u{fff9}'),
            ("Egyptian joiner", '\u{13430}'),
            ("shorthand format", '\u{1bca0}'),
            ("musical beam", '\u{1d173}'),
            ("language tag", '\u{e0001}'),
            ("tag a", '\u{e0061}'),
            ("cancel tag", '\u{e007f}'),
            ("variation selector 17", '\u{e0100}'),
            ("variation selector 256", '\u{e01ef}'),
            ("reserved", '\u{e0fff}'),
        ];
        for (name, c) in invisible {
            assert!(is_invisible(c), "{name} U+{:04X}", u32::from(c));
        }
        for c in "aZ0 -_./:@#äß漢字кириллица العربية 한글 हिन्दी e\u{301} €✓…│😀🇯🇵\u{a0}\u{3000}\u{fffd}".chars()
        {
            assert!(!is_invisible(c), "{c} U+{:04X}", u32::from(c));
        }
    }
}
