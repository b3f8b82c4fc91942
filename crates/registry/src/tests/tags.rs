//! Lists of tags: read page by page, and not believed to end.

use super::{client, fake::FakeRegistry, serve::Fault};
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
