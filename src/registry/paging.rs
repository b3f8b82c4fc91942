//! Lists that come in pages: each names the next in its `Link` header (OCI distribution specification, "Pagination").

use reqwest::{Url, header::LINK};

use super::{location, request::Reply};

/// The page after this one, if there is one.
///
/// # Errors
/// What is wrong with the address of the next one.
pub(super) fn next_page(reply: &Reply) -> Result<Option<Url>, String> {
    reply.header(&LINK).and_then(next_of).map(|link| location::follow(&reply.url, link)).transpose()
}

/// The target of `<TARGET>; rel="next"` (RFC 8288).
fn next_of(link: &str) -> Option<&str> {
    link.split(',').find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|parameter| matches!(parameter.trim(), r#"rel="next""# | "rel=next"));
        is_next.then_some(target)
    })
}

#[cfg(test)]
mod tests {
    use super::next_of;

    #[test]
    fn the_next_page() {
        let table = [
            (r#"</v2/a/referrers/x?last=b>; rel="next""#, Some("/v2/a/referrers/x?last=b")),
            ("</first>; rel=first, </second>; rel=next", Some("/second")),
            (r#"</x>; rel="prev""#, None),
            ("", None),
        ];
        for (link, next) in table {
            assert_eq!(next_of(link), next, "{link}");
        }
    }
}
