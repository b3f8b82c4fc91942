//! The rule of docs/verification.md, as tables.

use super::{MOST_OF_A_VARIABLE, Mistake, is_name, listed, parse};

fn environment(name: &str) -> Option<&'static str> {
    [("HOME", "/home/dev"), ("EMPTY", "")].into_iter().find_map(|(known, value)| (known == name).then_some(value))
}

fn mistakes(text: &[u8]) -> Vec<Mistake> {
    parse(text, MOST_OF_A_VARIABLE, environment).unwrap_err()
}

fn places(text: &[u8]) -> Vec<(usize, usize)> {
    mistakes(text).iter().map(|mistake| (mistake.line, mistake.column)).collect()
}

#[test]
fn each_file_has_this_value() {
    let table = [
        ("A=b", "b"),
        ("A=", ""),
        ("A = b ", "b"),
        ("export A=b", "b"),
        ("export\tA=b", "b"),
        ("A=b c=d", "b c=d"),
        ("A=b # why", "b"),
        ("A=b\t# why", "b"),
        ("A=b#c", "b#c"),
        ("A=#fff", "#fff"),
        ("A=  # only for the cloud", ""),
        ("A= #", ""),
        ("A=\t# tab", ""),
        ("A=#", "#"),
        ("A='b # c'", "b # c"),
        ("A='' # why", ""),
        ("A='b\\n' # why", "b\\n"),
        (r#"A="b\n\"c\" \\ \x" # why"#, "b\n\"c\" \\ \\x"),
        (r#"A="$HOME \$HOME""#, "$HOME $HOME"),
        ("A=${HOME}", "${HOME}"),
        ("A=pa$$word", "pa$$word"),
        ("\u{feff}A=b", "b"),
        ("# A=x\n\nA=b\r\n", "b"),
        ("  # x\r\n\t\r\n  A = b  \r\n", "b"),
        ("A=x\nA=b", "b"),
        // Quotes inside a value are its own.
        ("A=it's", "it's"),
        ("A=5\" disk", "5\" disk"),
        ("A=`x 'y' \"z\"`", "`x 'y' \"z\"`"),
        (r#"A={"type":"x","key":"a#b"}"#, r#"{"type":"x","key":"a#b"}"#),
        (r#"A={"key":"a # b \" # c"} # why"#, r#"{"key":"a # b \" # c"}"#),
        ("A=[1,2]", "[1,2]"),
        ("A=C:\\dir\\", "C:\\dir\\"),
        ("A=a;b", "a;b"),
        ("A=x; export B=2", "x; export B=2"),
        ("A=\u{a0}x\u{a0}", "\u{a0}x\u{a0}"),
        // Values of several lines.
        ("A=\"-----BEGIN\nabc==\n-----END\"\n", "-----BEGIN\nabc==\n-----END"),
        ("A='-----BEGIN\r\nabc=\r\n-----END'\r\n", "-----BEGIN\nabc=\n-----END"),
        ("A=\"one\n# two\n\nB=3\" # why", "one\n# two\n\nB=3"),
        (r#"A="-----BEGIN\nabc=\n-----END""#, "-----BEGIN\nabc=\n-----END"),
        ("A=\"one\r\ntwo\rthree\"\r", "one\ntwo\nthree"),
        ("A='one\rtwo'\r", "one\ntwo"),
        ("A=\"one\\\r\ntwo\\\rthree\"\r\n", "one\\\ntwo\\\nthree"),
        (r#"A="one\r\ntwo""#, "one\r\ntwo"),
        ("# x\rA=b\r", "b"),
        ("# x\r\rA = b \r\n", "b"),
    ];
    for (text, value) in table {
        let read = parse(text.as_bytes(), MOST_OF_A_VARIABLE, environment)
            .unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"));
        assert_eq!(read["A"].reveal(), value, "{text}");
        assert_eq!(read.len(), 1, "{text}");
    }
}

#[test]
fn name_alone_takes_the_environments_value() {
    let read = parse(b"HOME\nexport EMPTY # why\nA=1", MOST_OF_A_VARIABLE, environment).unwrap();
    let read: Vec<(&str, &str)> = read.iter().map(|(name, value)| (name.as_str(), value.reveal())).collect();
    assert_eq!(read, [("A", "1"), ("EMPTY", ""), ("HOME", "/home/dev")]);
}

#[test]
fn names_are_what_engines_accept() {
    let text = b"spring.datasource.url=x\nmy-var=x\n1ABC=x\nlogging.level[0]=x\na:b=x\n\xc3\xa4=x\n";
    let read = parse(text, MOST_OF_A_VARIABLE, environment).unwrap();
    assert_eq!(read.len(), 6, "{:?}", read.keys());
    assert!(read.values().all(|value| value.reveal() == "x"));
}

#[test]
fn each_mistake_has_its_place_and_one_message() {
    let table: [(&[u8], (usize, usize), &str); 18] = [
        (b"hunter2", (1, 1), "no such variable"),
        (b"export hunter2", (1, 8), "no such variable"),
        (b"A=1\n  two hunter2 words\n", (2, 3), "there is no `=` in this line"),
        (b"=hunter2", (1, 1), "not a variable name"),
        (b"A B=hunter2", (1, 1), "not a variable name"),
        (b"B\xc2\xa0=hunter2", (1, 1), "not a variable name"),
        (b"'A'=hunter2", (1, 1), "not a variable name"),
        (b"A: hunter2", (1, 1), "a `:`"),
        (b"A: b=hunter2", (1, 1), "a `:`"),
        (b"A:", (1, 1), "a `:`"),
        (b"A=1\nB='hunter2\nC=3\nD=4\n", (2, 3), "not closed"),
        (b"A=1\nB = \"hunter2\\\"\nC=3", (2, 5), "not closed"),
        (b"A=\"hunter2\"b", (1, 12), "after the closing quote (the value opens on line 1)"),
        (b"A='open\nB='hunter2'\n", (2, 4), "after the closing quote (the value opens on line 1)"),
        (b"export A=1; export B=hunter2", (1, 11), "a second `export`"),
        (b"A=\xc3\xa4\nB=caf\xe9", (2, 6), "not UTF-8"),
        (b"A=1\nB=x\0y", (2, 4), "NUL"),
        (b"\xff\xfeA\0=\0", (1, 1), "UTF-16"),
    ];
    for (text, place, message) in table {
        let found = mistakes(text);
        assert_eq!(places(text), [place], "{}: {found:?}", String::from_utf8_lossy(text));
        assert!(found[0].message.contains(message), "{found:?}");
        assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
    }
    assert!(mistakes(b"A\0=\0b\0")[0].message.contains("UTF-16"));
}

#[test]
fn invisible_characters_in_names_are_named() {
    let table: [(&str, (usize, usize), &str); 9] = [
        ("A\u{200b}B=hunter2", (1, 1), "not a variable name: it contains the invisible character U+200B"),
        ("A=1\n\u{feff}B=hunter2", (2, 1), "not a variable name: it contains the invisible character U+FEFF"),
        ("\u{feff}\u{feff}B=hunter2", (1, 1), "U+FEFF"),
        (
            "A=1\r\u{feff}# hunter2",
            (2, 1),
            "there is no `=` in this line, and it contains the invisible character U+FEFF",
        ),
        ("A\u{ad}=hunter2", (1, 1), "U+00AD"),
        ("A\u{a0}=hunter2", (1, 1), "U+00A0"),
        ("A\u{202e}=hunter2", (1, 1), "U+202E"),
        ("export A\u{2060}=hunter2", (1, 8), "U+2060"),
        ("A=1\n\u{200b}\n", (2, 1), "U+200B"),
    ];
    for (text, place, message) in table {
        let found = mistakes(text.as_bytes());
        assert_eq!(places(text.as_bytes()), [place], "{text:?}: {found:?}");
        assert!(found[0].message.contains(message), "{found:?}");
        assert!(found[0].hint.as_ref().unwrap().starts_with("delete U+"), "{found:?}");
        assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
    }
    let read = parse("\u{e4}\u{6587}=x".as_bytes(), MOST_OF_A_VARIABLE, environment).unwrap();
    assert_eq!(read.len(), 1, "letters that show are kept");
    assert!(!is_name("A\u{200b}") && is_name("A"));
}

#[test]
fn each_kind_of_line_end_counts_once() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["A=1", "", "x y", "B='2", "3' c"].join(end);
        assert_eq!(places(text.as_bytes()), [(3, 1), (5, 4)], "{end:?}");
    }
}

#[test]
fn triple_quotes_are_one_mistake() {
    for (text, place) in [
        ("A=\"\"\"x\ny\"\"\"\nB=1\n", (1, 3)),
        ("C=1\nA='''x\n\ny'''", (2, 3)),
        ("A=\"\"\"x\ny\n", (1, 3)),
        ("A=\"\"\"", (1, 3)),
    ] {
        assert_eq!(places(text.as_bytes()), [place], "{text}");
        assert_eq!(mistakes(text.as_bytes())[0].message, "triple quotes are not supported");
    }
}

#[test]
fn ten_mistakes_are_listed_and_the_rest_counted() {
    let listed = |count: usize| {
        let text: String = (0..count).map(|_| "x y\n").collect::<Vec<_>>().concat();
        listed(mistakes(text.as_bytes()))
    };
    for (count, shown) in [(1, 1), (10, 10), (11, 11), (12, 11), (3_000, 11)] {
        assert_eq!(listed(count).len(), shown, "{count}");
    }
    assert_eq!(listed(11)[10].line, 11);
    assert!(listed(11)[10].message.contains("no `=`"));
    let many = listed(3_000);
    assert_eq!((many[10].line, many[10].message.as_str()), (11, "and 2990 more problems in this file"));
}

#[test]
fn all_mistakes_of_a_file_are_reported() {
    let text = b"\xef\xbb\xbfhunter2\nGOOD=1\n=x\nA B=c\nC='a\nb' c\nD=\"open\nE=1\n";
    assert_eq!(places(text), [(1, 1), (3, 1), (4, 1), (6, 4), (7, 3)]);
}

#[test]
fn long_values_are_refused_and_many_are_not() {
    let long = |size: usize| format!("A=1\nB={}\n", "x".repeat(size));
    assert!(parse(long(MOST_OF_A_VARIABLE).as_bytes(), MOST_OF_A_VARIABLE, environment).is_ok());
    let found = mistakes(long(MOST_OF_A_VARIABLE + 1).as_bytes());
    assert_eq!(found[0].message, "the value of B has 51201 characters, and the limit is 51200");
    assert_eq!(found[0].line, 2);
    let many: String = (0..3_000).map(|number| format!("V{number}=x\n")).collect::<Vec<_>>().concat();
    assert_eq!(parse(many.as_bytes(), MOST_OF_A_VARIABLE, environment).unwrap().len(), 3_000);
}
