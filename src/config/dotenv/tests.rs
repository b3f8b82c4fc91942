//! The rule of docs/verification.md, as tables.

use super::{MOST_OF_A_VARIABLE, Mistake, parse};

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
