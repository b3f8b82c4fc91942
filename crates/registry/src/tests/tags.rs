//! Lists of tags: read page by page, and not believed to end.

use super::{
    client,
    fake::FakeRegistry,
    scripted::{Asked, Scripted, with_headers},
    serve::Fault,
};
use crate::RegistryError;

const LIST: &str = "GET /v2/shop/api/tags/list";

fn page(body: &'static str, next: Option<&str>) -> Fault {
    let link = next.map(|next| ("link", format!("<{next}>; rel=\"next\"")));
    Fault::Answer(200, body, link.into_iter().collect())
}

#[tokio::test]
async fn pages_are_followed_and_each_tag_comes_once() {
    let server = FakeRegistry::start().await;
    server.fault(LIST, page(r#"{"name": "shop/api", "tags": ["v2", "v1"]}"#, Some("/v2/shop/api/tags/list?last=v2")));
    server.fault(LIST, page(r#"{"name": "shop/api", "tags": ["v2", "v3"]}"#, Some("list?last=v3&n=2")));
    server.fault(LIST, page(r#"{"name": "shop/api", "tags": null}"#, None));
    let registry = client(server.address());
    let tags = registry.tags("shop/api").await.unwrap();
    assert_eq!(tags.into_iter().collect::<Vec<_>>(), ["v1", "v2", "v3"]);
    assert_eq!((registry.requests(), server.requests().len()), (3, 3));
    server.assert_content();
}

#[tokio::test]
async fn a_page_that_breaks_is_asked_for_again() {
    let server = FakeRegistry::start().await;
    server.fault(LIST, Fault::Answer(503, "", Vec::new()));
    server.fault(LIST, page(r#"{"tags": ["v1"]}"#, None));
    assert_eq!(client(server.address()).tags("shop/api").await.unwrap().len(), 1);
    server.assert_content();
}

#[tokio::test]
async fn what_is_no_list_is_an_error_and_a_missing_repository_is_named() {
    let server = FakeRegistry::start().await;
    let registry = client(server.address());
    server.fault(LIST, page("<html>", None));
    assert!(matches!(registry.tags("shop/api").await.unwrap_err(), RegistryError::BadAnswer { .. }));
    server.fault(LIST, page("{}", Some("ftp://elsewhere.test/")));
    assert!(matches!(registry.tags("shop/api").await.unwrap_err(), RegistryError::BadAnswer { .. }));
    server.fault(LIST, Fault::Answer(404, r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#, Vec::new()));
    let missing = registry.tags("shop/api").await.unwrap_err();
    assert!(missing.to_string().starts_with("could not list tags of registry.test/shop/api"), "{missing}");
    assert!(matches!(missing, RegistryError::RepositoryNotFound { .. }));
    server.assert_content();
}

/// Numbered tags in one answer.
fn listed(tags: std::ops::Range<usize>) -> String {
    let names: Vec<String> = tags.map(|n| format!(r#""v{n:04}""#)).collect();
    format!(r#"{{"name":"shop/api","tags":[{}]}}"#, names.join(","))
}

#[tokio::test]
async fn only_200_is_a_list() {
    for status in [201, 202, 203, 206] {
        let server = FakeRegistry::start().await;
        server.fault(LIST, Fault::Answer(status, r#"{"tags":["v1"]}"#, Vec::new()));
        let error = client(server.address()).tags("shop/api").await.unwrap_err();
        assert!(matches!(error, RegistryError::BadAnswer { .. }), "{status}: {error}");
        server.assert_content();
    }
}

#[tokio::test]
async fn clipped_pages_without_links_are_followed() {
    let registry = client("http://127.0.0.1:1");
    for limit in [10, 20, 25, 50, 100, 200, 250, 500] {
        for (total, end) in [(limit * 2, 400), (limit * 2, 404), (limit * 2, 200), (limit + 3, 400), (limit - 1, 200)] {
            let server = Scripted::start(move |asked: &Asked| {
                let last = asked.parameters("last").first().map_or(0, |tag| tag[1..].parse::<usize>().unwrap() + 1);
                if last >= total && end != 200 {
                    return with_headers(end, &[], "");
                }
                with_headers(200, &[], &listed(last..total.min(last + limit)))
            })
            .await;
            let tags = registry.moved_to(&server.address).tags("shop/api").await.unwrap();
            assert_eq!(tags.len(), total, "{limit} {end}");
            let requests = if total < limit { 1 } else { 2 + usize::from(total == 2 * limit) };
            assert_eq!(server.seen().len(), requests, "{limit} {total} {end}");
        }
    }
}

#[tokio::test]
async fn a_registry_without_last_is_asked_once_more() {
    let server = Scripted::start(|_: &Asked| with_headers(200, &[], &listed(0..10))).await;
    assert_eq!(client(&server.address).tags("shop/api").await.unwrap().len(), 10);
    assert_eq!(server.seen().len(), 2);
    let server = Scripted::start(|asked: &Asked| {
        let status = if asked.parameters("last").is_empty() { 200 } else { 403 };
        with_headers(status, &[], &listed(0..10))
    })
    .await;
    assert!(client(&server.address).tags("shop/api").await.unwrap_err().is_denied(), "it may have more tags");
}

#[tokio::test]
async fn refused_numbers_are_left_out_once() {
    let registry = client("http://127.0.0.1:1");
    for status in [400, 403, 404, 405, 422, 501] {
        let server = Scripted::start(move |asked: &Asked| {
            if !asked.parameters("n").is_empty() {
                return with_headers(status, &[], r#"{"errors":[{"code":"UNSUPPORTED"}]}"#);
            }
            let is_first = asked.parameters("last").is_empty();
            with_headers(200, &[], &if is_first { listed(0..10) } else { listed(10..12) })
        })
        .await;
        assert_eq!(registry.moved_to(&server.address).tags("shop/api").await.unwrap().len(), 12, "{status}");
        assert_eq!(server.seen().len(), 3, "{status}: {:?}", server.seen());
    }
}

#[tokio::test]
async fn unsafe_names_are_never_sent() {
    let server = FakeRegistry::start().await;
    let registry = client(server.address());
    for name in ["..", "../../other/manifests/v1", "a\\b", "a\nb", "a?b", "a#b", "%2e%2e", "a/b"] {
        let error = registry.manifest("shop/api", name).await.unwrap_err();
        assert!(matches!(error, RegistryError::UnsafeName { .. }), "{name:?}: {error}");
    }
    let error = registry.tags("shop/../other").await.unwrap_err();
    assert!(matches!(error, RegistryError::UnsafeName { .. }), "{error}");
    assert!(server.requests().is_empty(), "{:?}", server.requests());
}
