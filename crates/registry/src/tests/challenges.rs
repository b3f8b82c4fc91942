//! Registries that ask who is there, each in its own way. None is shown more than it asks for.

use axum::{body::Body, response::Response};

use super::{
    CREDENTIALS, retries_at_once,
    scripted::{Asked, Scripted, with_headers},
};
use crate::{Authorization, Registry, RegistryError};
use shipgate_core::{digest::Digest, secret::Secret};

const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

fn logged_in(address: &str) -> Registry {
    let authorization = Authorization::Basic(Secret::new(CREDENTIALS));
    Registry::new("registry.test", address, authorization).unwrap().with_patience(retries_at_once())
}

fn manifest() -> Response<Body> {
    with_headers(200, &[("content-type", "application/vnd.oci.image.index.v1+json")], MANIFEST)
}

fn refused(challenges: &[&str]) -> Response<Body> {
    let headers: Vec<(&str, &str)> = challenges.iter().map(|challenge| ("www-authenticate", *challenge)).collect();
    with_headers(401, &headers, r#"{"errors":[{"code":"UNAUTHORIZED","message":"who is there"}]}"#)
}

fn is_basic(asked: &Asked) -> bool {
    asked.authorization == Some(format!("Basic {CREDENTIALS}"))
}

/// A token service at `/token`: the token is the last scope asked for.
fn token(asked: &Asked) -> Response<Body> {
    if !is_basic(asked) {
        return refused(&[]);
    }
    let scope = asked.parameters("scope").pop().unwrap_or_default();
    with_headers(200, &[], &format!(r#"{{"token":"{scope}","expires_in":300}}"#))
}

/// Whether a token is good for pulling from `shop/api`.
fn may_pull(asked: &Asked) -> bool {
    let scope = asked.authorization.as_deref().and_then(|value| value.strip_prefix("Bearer "));
    scope.is_some_and(|scope| scope.starts_with("repository:shop/api:pull"))
}

/// A registry that takes tokens; `REALM` in its challenges stands for its token service.
async fn takes_tokens(challenges: &'static [&'static str]) -> Scripted {
    Scripted::start(move |asked| match () {
        () if asked.is("GET /token") => token(asked),
        () if may_pull(asked) => manifest(),
        () => {
            let challenges: Vec<String> =
                challenges.iter().map(|text| text.replace("REALM", &format!("{}/token", asked.address))).collect();
            refused(&challenges.iter().map(String::as_str).collect::<Vec<_>>())
        }
    })
    .await
}

async fn read(registry: &Registry) -> Result<Digest, RegistryError> {
    Ok(registry.manifest("shop/api", "v1").await?.unwrap().digest)
}

#[tokio::test]
async fn challenges_of_all_kinds_lead_to_a_token() {
    let table: [&'static [&'static str]; 9] = [
        &[r#"Bearer realm="REALM",service="r.test",scope="repository:shop/api:pull""#],
        &[r#"Bearer realm="REALM",service="r.test""#],
        &[r#"Bearer realm="REALM",service="r.test",scope="""#],
        &[r#"Bearer realm="REALM",scope="repository:user/image:pull""#],
        &[r#"Bearer realm="REALM",scope="repository:shop/api:push repository:a/b:pull""#],
        &[r#"Basic realm="registry", Bearer realm="REALM",service="r.test""#],
        &[r#"Basic realm="registry""#, r#"bearer  Realm = "REALM" , error = "x, y""#],
        &[r#"Negotiate YII=, Bearer realm="REALM" service="a \"b\"""#],
        &["Bearer realm=REALM"],
    ];
    for challenges in table {
        let server = takes_tokens(challenges).await;
        let registry = logged_in(&server.address);
        assert_eq!(read(&registry).await.unwrap(), Digest::of(MANIFEST.as_bytes()), "{challenges:?}");
        read(&registry).await.unwrap();
        let seen = server.seen();
        let shown: Vec<&str> = seen.iter().map(|line| line.rsplit(' ').next().unwrap()).collect();
        assert_eq!(shown, ["-", "Basic", "Bearer", "Bearer"], "{challenges:?}: {seen:#?}");
    }
}

#[tokio::test]
async fn basic_is_shown_when_asked_for_and_from_then_on() {
    let server =
        Scripted::start(|asked| if is_basic(asked) { manifest() } else { refused(&["Basic realm=\"r\""]) }).await;
    let registry = logged_in(&server.address);
    read(&registry).await.unwrap();
    read(&registry).await.unwrap();
    let get = "GET /v2/shop/api/manifests/v1";
    assert_eq!(server.seen(), [format!("{get} -"), format!("{get} Basic"), format!("{get} Basic")]);
}

#[tokio::test]
async fn what_anybody_may_read_is_read_without_credentials() {
    let server = Scripted::start(|_| manifest()).await;
    read(&logged_in(&server.address)).await.unwrap();
    assert_eq!(server.seen(), ["GET /v2/shop/api/manifests/v1 -"]);
}

/// ACR refuses a token's name and password on its resources, and says only to strangers where to exchange them.
#[tokio::test]
async fn a_registry_that_takes_basic_no_more_is_asked_for_its_token_challenge() {
    let server = Scripted::start(|asked| {
        let address = &asked.address;
        match () {
            () if asked.is("GET /token") => token(asked),
            () if asked.is("GET /v2/shop/api/manifests/first") && is_basic(asked) => manifest(),
            () if asked.is("GET /v2/shop/api/manifests/first") => refused(&["Basic realm=\"r\""]),
            () if may_pull(asked) => manifest(),
            () if is_basic(asked) => refused(&["Basic realm=\"r\""]),
            () => refused(&[&format!("Bearer realm=\"{address}/token\"")]),
        }
    })
    .await;
    let registry = logged_in(&server.address);
    registry.manifest("shop/api", "first").await.unwrap();
    read(&registry).await.unwrap();
    let shown: Vec<String> = server.seen().iter().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect();
    assert_eq!(shown, ["-", "Basic", "Basic", "-", "Basic", "Bearer"]);
}

#[tokio::test]
async fn where_no_token_can_be_had_basic_is_tried_if_it_is_offered() {
    let server = Scripted::start(|asked| match () {
        () if asked.is("GET /token") => with_headers(404, &[], "no token service"),
        () if is_basic(asked) => manifest(),
        () => refused(&[&format!("Bearer realm=\"{}/token\", Basic realm=\"r\"", asked.address)]),
    })
    .await;
    read(&logged_in(&server.address)).await.unwrap();
}

/// Some registries show strangers an empty shop instead of asking who they are.
#[tokio::test]
async fn a_registry_that_hides_from_strangers_is_asked_at_its_base_once() {
    for (status, challenge) in
        [(404, "Basic realm=\"r\""), (403, "Basic realm=\"r\""), (401, "Basic realm=\"r\""), (401, "")]
    {
        let server = Scripted::start(move |asked| match () {
            () if is_basic(asked) && asked.is("GET /v2/shop/api/manifests/v1") => manifest(),
            () if is_basic(asked) => with_headers(404, &[], r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#),
            () if asked.is("GET /v2/ ") || asked.line == "GET /v2/" => refused(&[challenge]),
            () => with_headers(status, &[], r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#),
        })
        .await;
        let registry = logged_in(&server.address);
        read(&registry).await.unwrap();
        assert_eq!(registry.manifest("shop/api", "v2").await.unwrap(), None);
        let get = "GET /v2/shop/api/manifests";
        let expected =
            [format!("{get}/v1 -"), "GET /v2/ -".to_owned(), format!("{get}/v1 Basic"), format!("{get}/v2 Basic")];
        assert_eq!(server.seen(), expected, "{status} {challenge}");
    }
}

/// The token that was given is not enough: the challenge of the second refusal says what is.
#[tokio::test]
async fn a_token_of_too_narrow_a_scope_is_exchanged_for_that_of_the_challenge() {
    for status in [401, 403] {
        let server = Scripted::start(move |asked| match () {
            () if asked.is("GET /token") => token(asked),
            () if asked.authorization.as_deref() == Some("Bearer repository:inner/api:pull") => manifest(),
            () => {
                let realm = format!("{}/token", asked.address);
                let challenge =
                    format!(r#"Bearer realm="{realm}",scope="repository:inner/api:pull",error="insufficient_scope""#);
                let status = if asked.authorization.is_some() { status } else { 401 };
                with_headers(status, &[("www-authenticate", challenge.as_str())], "")
            }
        })
        .await;
        read(&logged_in(&server.address)).await.unwrap();
        let tokens: Vec<String> = server.seen().into_iter().filter(|line| line.starts_with("GET /token")).collect();
        let scope = "scope=repository%3Ashop%2Fapi%3Apull";
        assert_eq!(
            tokens,
            [
                format!("GET /token?{scope} Basic"),
                format!("GET /token?{scope}&scope=repository%3Ainner%2Fapi%3Apull Basic")
            ]
        );
    }
}

#[tokio::test]
async fn a_refusal_that_nothing_helps_against_ends() {
    let server = Scripted::start(|asked| match () {
        () if asked.is("GET /token") => token(asked),
        () => refused(&[&format!(r#"Basic, Bearer realm="{}/token",scope="a:b:c""#, asked.address)]),
    })
    .await;
    let error = read(&logged_in(&server.address)).await.unwrap_err();
    assert!(error.is_denied() && error.to_string().contains("who is there"), "{error}");
    assert!(server.seen().len() <= 6, "{:#?}", server.seen());
}

#[tokio::test]
async fn a_token_service_may_redirect_and_credentials_stay_with_its_host() {
    for (to_other_host, is_read) in [(false, true), (true, false)] {
        let server = Scripted::start(move |asked| match () {
            () if asked.is("GET /token") => {
                let query = asked.line.split_once('?').unwrap().1;
                let host = if to_other_host { asked.address.replace("127.0.0.1", "localhost") } else { String::new() };
                with_headers(307, &[("location", format!("{host}/moved?{query}").as_str())], "")
            }
            () if asked.is("GET /moved") => token(asked),
            () if may_pull(asked) => manifest(),
            () => refused(&[&format!("Bearer realm=\"{}/token\"", asked.address)]),
        })
        .await;
        let answer = read(&logged_in(&server.address)).await;
        assert_eq!(answer.is_ok(), is_read, "{answer:?}");
        let moved = server.seen().into_iter().find(|line| line.starts_with("GET /moved")).unwrap();
        assert_eq!(moved.ends_with(" Basic"), is_read, "{moved}");
    }
}

#[tokio::test]
async fn a_refresh_token_does_not_follow_a_redirect_to_another_host() {
    let server = Scripted::start(|asked| match () {
        () if asked.is("POST /token") => with_headers(
            307,
            &[("location", format!("{}/other", asked.address.replace("127.0.0.1", "localhost")).as_str())],
            "",
        ),
        () => refused(&[&format!("Bearer realm=\"{}/token\"", asked.address)]),
    })
    .await;
    let authorization = Authorization::IdentityToken(Secret::new("hunter2"));
    let registry =
        Registry::new("registry.test", &server.address, authorization).unwrap().with_patience(retries_at_once());
    let error = read(&registry).await.unwrap_err();
    assert!(error.to_string().contains("redirects to localhost, which may not see the credentials"), "{error}");
    assert!(server.seen().iter().all(|line| !line.contains("/other")), "{:?} {}", server.seen(), server.by_name());
}

#[tokio::test]
async fn a_token_service_that_takes_forms_alone_is_posted_the_password() {
    let server = Scripted::start(|asked| match () {
        () if asked.is("GET /token") => with_headers(405, &[], ""),
        () if asked.is("POST /token") => {
            let form =
                "grant_type=password&scope=repository%3Ashop%2Fapi%3Apull&client_id=shipgate&username=u&password=p";
            assert_eq!(asked.body, form);
            with_headers(200, &[], r#"{"access_token":"repository:shop/api:pull"}"#)
        }
        () if may_pull(asked) => manifest(),
        () => refused(&[&format!("Bearer realm=\"{}/token\"", asked.address)]),
    })
    .await;
    read(&logged_in(&server.address)).await.unwrap();
}

#[tokio::test]
async fn a_token_service_that_answers_with_a_page_is_named() {
    let server = Scripted::start(|asked| match () {
        () if asked.is("GET /token") => with_headers(200, &[("content-type", "text/html")], "<html>Sign in</html>"),
        () => refused(&[&format!("Bearer realm=\"{}/token\"", asked.address)]),
    })
    .await;
    let error = read(&logged_in(&server.address)).await.unwrap_err();
    assert!(error.to_string().ends_with("its token service answers no JSON"), "{error}");
}
