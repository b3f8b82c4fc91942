//! Lists that come in pages: each names the next in its `Link` headers (OCI distribution specification, "Pagination"; RFC 8288).
//! A list is read to its end or not at all: what cannot be understood is an error, never the end.

use std::collections::BTreeSet;

use reqwest::{Url, header::LINK};

use super::request::Reply;

/// As many pages as are read: a registry whose pages never end is not followed for ever.
const MAX_PAGES: usize = 1000;

/// The way through one list.
#[derive(Default)]
pub(super) struct Pages {
    read: BTreeSet<Url>,
}

impl Pages {
    /// The page after this one, which was asked for at `url`; `None` when it is the last.
    ///
    /// # Errors
    /// What is wrong with the list, as the end of a sentence about the registry.
    pub(super) fn after(&mut self, url: &Url, reply: &Reply) -> Result<Option<Url>, String> {
        let next = next_page(reply)?;
        self.go_on(url, next)
    }

    /// The same, for a page whose address is known.
    pub(super) fn go_on(&mut self, url: &Url, next: Option<Url>) -> Result<Option<Url>, String> {
        self.read.insert(url.clone());
        let Some(next) = next else { return Ok(None) };
        if self.read.contains(&next) {
            return Err("its list leads back to a page that was read before".to_owned());
        }
        if self.read.len() >= MAX_PAGES {
            return Err(format!("its list has more than {MAX_PAGES} pages"));
        }
        Ok(Some(next))
    }
}

/// The page after this one, if there is one. It is asked of whoever gave this one: registries behind a proxy may name
/// themselves by another host or without TLS, where nobody else could reach them.
///
/// # Errors
/// What is wrong with the address of the next one.
pub(super) fn next_page(reply: &Reply) -> Result<Option<Url>, String> {
    let headers = reply.response.headers().get_all(LINK).iter();
    let headers: Vec<String> = headers.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
    next_of(&headers, |target| on_the_same_host(&reply.url, target))
}

fn on_the_same_host(page: &Url, target: &str) -> Result<Url, String> {
    let to = page.join(target.trim()).map_err(|error| format!("its link to the next page cannot be read ({error})"))?;
    if !matches!(to.scheme(), "http" | "https") {
        return Err(format!("its link to the next page leads to {}", to.scheme()));
    }
    let mut next = page.clone();
    next.set_path(to.path());
    next.set_query(to.query());
    next.set_fragment(None);
    Ok(next)
}

/// One link of a header.
#[derive(Default)]
struct Link {
    target: String,
    /// Its relations, in lower case; `None` where it names none.
    relations: Option<Vec<String>>,
}

/// The link to the next page, resolved: a target may be given absolute and relative. One without a relation counts as such: what
/// else would a list link to?
fn next_of<T: PartialEq>(headers: &[String], resolve: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    let unreadable = || "its Link header cannot be read".to_owned();
    let mut next: Option<T> = None;
    for header in headers {
        for link in parse(header).ok_or_else(unreadable)? {
            let are_readable = |relations: &Vec<String>| {
                !relations.is_empty() && relations.iter().all(|relation| is_relation(relation))
            };
            if !link.relations.as_ref().is_none_or(are_readable) {
                return Err(unreadable());
            }
            let is_next = link.relations.is_none_or(|relations| relations.iter().any(|relation| relation == "next"));
            if !is_next {
                continue;
            }
            if link.target.is_empty() {
                return Err(unreadable());
            }
            let target = resolve(&link.target)?;
            if next.as_ref().is_some_and(|known| *known != target) {
                return Err("it links to several next pages".to_owned());
            }
            next = Some(target);
        }
    }
    Ok(next)
}

/// Whether a text can be a relation: a registered name, or a URI (RFC 8288, section 3.3).
fn is_relation(text: &str) -> bool {
    let is_name = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let is_uri = text.contains(':') && !text.contains(['"', '\'', '\\', '<', '>']);
    is_name || is_uri
}

/// The links of one header, `<TARGET>; rel="next"`; `None` when it cannot be read. Some registries leave the brackets out.
fn parse(header: &str) -> Option<Vec<Link>> {
    let (mut links, mut rest) = (Vec::new(), header.trim_start_matches([',', ' ', '\t']));
    while !rest.is_empty() {
        let (target, after) = match rest.strip_prefix('<') {
            Some(bracketed) => bracketed.split_once('>')?,
            None => rest.split_at(rest.find(';').unwrap_or(rest.len())),
        };
        let mut link = Link { target: target.trim().to_owned(), relations: None };
        rest = after.trim_start();
        while let Some(parameter) = rest.strip_prefix(';') {
            let (name, after) = parameter.split_at(parameter.find(['=', ';', ',']).unwrap_or(parameter.len()));
            let (value, after) = match after.strip_prefix('=') {
                Some(value) => parameter_value(value.trim_start())?,
                None => (String::new(), after),
            };
            if name.trim().eq_ignore_ascii_case("rel") {
                let relations = value.to_ascii_lowercase();
                link.relations.get_or_insert_default().extend(relations.split_whitespace().map(str::to_owned));
            }
            rest = after.trim_start();
        }
        links.push(link);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
        rest = rest.trim_start_matches([',', ' ', '\t']);
    }
    Some(links)
}

/// A parameter's value, quoted or not, and what follows it. Some registries use single quotes, or escape the quotes themselves.
fn parameter_value(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = text.strip_prefix("\\\"") {
        return quoted.split_once("\\\"").map(|(value, after)| (value.to_owned(), after));
    }
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let (value, after) = text.split_at(text.find([';', ',']).unwrap_or(text.len()));
        return Some((value.trim().to_owned(), after));
    };
    let (mut value, mut characters) = (String::new(), text[1..].chars());
    while let Some(character) = characters.next() {
        match character {
            '\\' => value.extend(characters.next()),
            end if end == quote => return Some((value, characters.as_str())),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use reqwest::Url;

    use super::{MAX_PAGES, Pages, next_of, on_the_same_host};

    fn next(headers: &[&str]) -> Result<Option<String>, String> {
        let headers: Vec<_> = headers.iter().map(|&header| header.to_owned()).collect();
        next_of(&headers, |target| Ok(target.to_owned()))
    }

    #[test]
    fn the_next_page_in_all_spellings() {
        let table: [(&[&str], Option<&str>); 25] = [
            (&[r#"</v2/a/tags/list?last=b>; rel="next""#], Some("/v2/a/tags/list?last=b")),
            (&["</first>; rel=first, </second>; rel=next"], Some("/second")),
            (&["</first>; rel=first", "</second>; rel=next"], Some("/second")),
            (&[r#"</x>; rel="prev""#], None),
            (&[r#"</x>; rel="prev next""#], Some("/x")),
            (&[r#"</x>;REL="NEXT""#], Some("/x")),
            (&["</x> ; rel = next ; title=a"], Some("/x")),
            (&[r#"</x?a=b,c;d>; title="a, b; rel=prev"; rel="next""#], Some("/x?a=b,c;d")),
            (&[r#"</x>; anchor; rel="next""#], Some("/x")),
            (&[r#"/x?last=a,b&n=1; rel="next""#], Some("/x?last=a,b&n=1")),
            (&["/x?last=a"], Some("/x?last=a")),
            (&["</x>"], Some("/x")),
            (&["</x>; rel=next, </x>; rel=next"], Some("/x")),
            (&[r#"</x>; rel="nextish""#], None),
            (&[r#"</x>; title="next"; rel="last""#], None),
            (&["</x>; rel='next'"], Some("/x")),
            (&["</x>; rel='prev next'; title='its'"], Some("/x")),
            (&[r#"</x>; rel=\"next\""#], Some("/x")),
            (&[r#"</x>; rel=\"prev\"; title=\"next\""#], None),
            (&[r#"</x>; title="a \"quoted\" one"; rel="next""#], Some("/x")),
            (&[r#"</x>; rel="n\ext""#], Some("/x")),
            (&[r#"</x>; rel="https://example.com/rels/next""#], None),
            (&[r#"</x>; rel="https://example.com/next next""#], Some("/x")),
            (&["", " , "], None),
            (&[], None),
        ];
        for (headers, expected) in table {
            assert_eq!(next(headers), Ok(expected.map(str::to_owned)), "{headers:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_the_end() {
        for header in [
            "</x; rel=next",
            r#"</x>; rel="next"#,
            "<>; rel=next",
            "</x> rel=next",
            "</a>; rel=next, </b>; rel=next",
            "</x>; rel='next",
            r#"</x>; rel=\"next"#,
            r#"</x>; rel=next""#,
            "</x>; rel=",
            r#"</x>; rel="""#,
            "</x>; rel",
            "</x>; rel={next}",
        ] {
            assert!(next(&[header]).is_err(), "{header}");
        }
    }

    #[test]
    fn the_next_page_is_asked_of_whoever_gave_this_one() {
        let page: Url = "https://r.example.com/v2/shop/api/tags/list?n=1000".parse().unwrap();
        let table = [
            ("/v2/shop/api/tags/list?last=a%2Bb&n=1", Ok("https://r.example.com/v2/shop/api/tags/list?last=a%2Bb&n=1")),
            ("list?last=b", Ok("https://r.example.com/v2/shop/api/tags/list?last=b")),
            ("?last=b", Ok("https://r.example.com/v2/shop/api/tags/list?last=b")),
            (
                "http://internal:5000/v2/shop/api/tags/list?last=b",
                Ok("https://r.example.com/v2/shop/api/tags/list?last=b"),
            ),
            ("//other.example.com/v2/x#fragment", Ok("https://r.example.com/v2/x")),
            ("ftp://r.example.com/v2/x", Err("its link to the next page leads to ftp".to_owned())),
        ];
        for (target, expected) in table {
            assert_eq!(on_the_same_host(&page, target).map(String::from), expected.map(str::to_owned), "{target}");
        }
    }

    #[test]
    fn one_link_may_be_absolute_and_relative() {
        let page: Url = "https://r.example.com/v2/a/tags/list?n=2".parse().unwrap();
        let next = |header: &str| next_of(&[header.to_owned()], |target| on_the_same_host(&page, target));
        let both = "<https://r.example.com/v2/a/tags/list?last=b>; rel=next, </v2/a/tags/list?last=b>; rel=next";
        assert_eq!(next(both), Ok(Some("https://r.example.com/v2/a/tags/list?last=b".parse().unwrap())));
        assert!(next("<?last=b>; rel=next, <?last=c>; rel=next").is_err());
    }

    #[test]
    fn lists_that_do_not_end_are_errors() {
        let url = |n: usize| Url::parse(&format!("http://r/v2/a/tags/list?last={n}")).unwrap();
        let mut pages = Pages::default();
        assert_eq!(pages.go_on(&url(0), Some(url(1))), Ok(Some(url(1))));
        assert_eq!(pages.go_on(&url(1), None), Ok(None));
        assert!(pages.go_on(&url(1), Some(url(1))).is_err() && pages.go_on(&url(1), Some(url(0))).is_err());
        let mut pages = Pages::default();
        let read = (0..2 * MAX_PAGES).find(|n| pages.go_on(&url(*n), Some(url(n + 1))).is_err());
        assert_eq!(read, Some(MAX_PAGES - 1));
    }
}
