//! What a run said, made comparable: ports, times, ids and digests differ from run to run.

use crate::world::Ran;

/// The exit code, standard output and standard error, with what varies replaced.
pub(crate) fn without_what_varies(ran: &Ran) -> String {
    let section = |name: &str, text: &str| format!("── {name}\n{}\n", neutral(text).trim_end());
    format!("exit code {}\n{}{}", ran.code, section("stdout", &ran.stdout), section("stderr", &ran.stderr))
}

pub(crate) fn neutral(text: &str) -> String {
    text.lines().map(|line| words(line).trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Word by word, so that the punctuation around stays.
fn words(line: &str) -> String {
    let mut neutral = String::new();
    let mut word = String::new();
    for c in line.chars().chain(['\n']) {
        if c.is_ascii_alphanumeric() || "./:@-_".contains(c) {
            word.push(c);
        } else {
            neutral.push_str(&replacement(&word));
            word.clear();
            neutral.push(c);
        }
    }
    without_times(&neutral)
}

fn replacement(word: &str) -> String {
    let hex = |text: &str, least: usize| text.len() >= least && text.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some((before, digits)) = word.split_once("sha256:")
        && hex(digits.trim_end_matches(|c: char| !c.is_ascii_hexdigit()), 12)
    {
        return format!("{before}sha256:…");
    }
    for local in ["127.0.0.1:", "172.17."] {
        if let Some((before, _)) = word.split_once(local) {
            return format!("{before}ADDRESS");
        }
    }
    let bare: String = word.chars().filter(|c| *c != '-').collect();
    match word.rsplit_once('-') {
        _ if hex(&bare, 32) => "ID".to_owned(),
        // A tag of the record.
        Some((before, id)) if hex(id, 32) => format!("{before}-ID"),
        Some(_) | None => word.to_owned(),
    }
}

/// `1.2 s` and `3 m 05 s` become `TIME`, `2.1 MiB/s` becomes `RATE`.
fn without_times(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in line.split(' ') {
        let bare = word.trim_end_matches([',', ')', '.', ';', '\n']);
        let name = match bare {
            "s" | "ms" => "TIME",
            "B/s" | "KiB/s" | "MiB/s" | "GiB/s" => "RATE",
            _ => "",
        };
        let number = words.last().is_some_and(|last| {
            let digits = last.trim_start_matches('(');
            !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        });
        if !name.is_empty() && number {
            let last = words.pop().unwrap_or_default();
            let opening = if last.starts_with('(') { "(" } else { "" };
            words.push(format!("{opening}{name}{}", &word[bare.len()..]));
        } else {
            words.push(word.to_owned());
        }
    }
    words.join(" ")
}

#[test]
fn what_varies_is_replaced_and_the_rest_stays() {
    let line = "copy at 127.0.0.1:4123/v2 of sha256:e3b0c44298fc1c149afb took (1.2 s, 2.1 MiB/s) for 17fe9f55-7e91-4097-b243-fcabbb69a4cf";
    assert_eq!(words(line).trim_end(), "copy at ADDRESS of sha256:… took (TIME, RATE) for ID");
    assert_eq!(words("3 problems in account 222222222222").trim_end(), "3 problems in account 222222222222");
}
