//! The page over HTTP: who gets it, with which headers, and what is never on it.

use aws_sdk_apprunner::types::{ImageConfiguration, ImageRepository, ImageRepositoryType, SourceConfiguration};
use reqwest::{Client, Response};

use super::world::{DEPLOY, assumed, base};
use crate::{Options, Sandbox, apprunner, start};

/// A sandbox whose services run nothing, with one service.
async fn sandbox() -> Sandbox {
    let app_runner = apprunner::Options { scripted: true, ..apprunner::Options::default() };
    let mut options = Options { app_runner, ..Options::default() };
    options.seed.secrets.insert(
        "arn:aws:secretsmanager:ap-northeast-1:222222222222:secret:x".to_owned(),
        "the value of a secret".to_owned(),
    );
    options.seed.roles[0].external_id = Some("open-sesame".to_owned());
    let sandbox = start(options).await.unwrap();
    let variables = [("TOKEN".to_owned(), "the value of a variable".to_owned())];
    let configuration = ImageConfiguration::builder()
        .set_runtime_environment_variables(Some(variables.into()))
        .start_command("the start command")
        .build();
    let image = ImageRepository::builder()
        .image_identifier("222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:live")
        .image_repository_type(ImageRepositoryType::Ecr)
        .image_configuration(configuration)
        .build()
        .unwrap();
    let access = aws_sdk_apprunner::types::AuthenticationConfiguration::builder()
        .access_role_arn("arn:aws:iam::222222222222:role/apprunner-access")
        .build();
    let source = SourceConfiguration::builder().image_repository(image).authentication_configuration(access).build();
    let client = aws_sdk_apprunner::Client::new(&assumed(&sandbox, DEPLOY).await);
    client.create_service().service_name("shop-api").source_configuration(source).send().await.unwrap();
    sandbox
}

async fn get(sandbox: &Sandbox, path: &str) -> Response {
    Client::new().get(format!("{}{path}", sandbox.endpoint())).send().await.unwrap()
}

#[tokio::test]
async fn a_browser_gets_the_page_and_a_client_its_answer() {
    let sandbox = sandbox().await;
    for path in ["/", "/?service=nonsense&lines=application"] {
        let page = get(&sandbox, path).await;
        assert_eq!(
            (page.status().as_u16(), &page.headers()["x-content-type-options"]),
            (200, &"nosniff".parse().unwrap())
        );
        let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(page.text().await.unwrap().contains("shop-api"));
    }
    let signed = Client::new().get(sandbox.endpoint()).header("authorization", "AWS4-HMAC-SHA256 nonsense");
    let calls = [
        Client::new().post(sandbox.endpoint()),
        Client::new().get(format!("{}/?Action=GetCallerIdentity", sandbox.endpoint())),
        Client::new().get(format!("{}/?X-Amz-Signature=00", sandbox.endpoint())),
        signed,
    ];
    for call in calls {
        let answer = call.send().await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["content-type"]), (403, &"text/xml".parse().unwrap()));
    }
    let sts = aws_sdk_sts::Client::new(&base(&sandbox).await);
    assert!(sts.get_caller_identity().send().await.is_ok());
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let sandbox = sandbox().await;
    let ask = async |known: &str| {
        let url = format!("{}/_sandbox/page", sandbox.endpoint());
        Client::new().get(url).header("if-none-match", known).send().await.unwrap()
    };
    let tag = |answer: &Response| answer.headers()["etag"].to_str().unwrap().to_owned();
    // The scripted deployment is over when the answer is the same twice.
    let mut known = String::new();
    loop {
        let answer = ask(&known).await;
        if answer.status() == 304 {
            assert_eq!(tag(&answer), known);
            assert_eq!(answer.text().await.unwrap(), "");
            break;
        }
        known = tag(&answer);
    }
    let fragment = ask("\"another\"").await.text().await.unwrap();
    assert!(fragment.starts_with("<div") && fragment.contains("shop-api"), "a part, not a page: {fragment}");
}

#[tokio::test]
async fn no_secret_is_on_the_page() {
    let sandbox = sandbox().await;
    let keys = assumed(&sandbox, DEPLOY).await.credentials_provider().unwrap();
    let keys = aws_credential_types::provider::ProvideCredentials::provide_credentials(&keys).await.unwrap();
    let user_secret = sandbox.environment().into_iter().find(|(name, _)| name == "AWS_SECRET_ACCESS_KEY").unwrap().1;
    let page = get(&sandbox, "/").await.text().await.unwrap();
    assert!(page.contains("apprunner-access") && page.contains("with an external id"), "{page}");
    let secrets = [
        keys.access_key_id(),
        keys.secret_access_key(),
        keys.session_token().unwrap(),
        sandbox.control_token(),
        &user_secret,
        "the value of a secret",
        "the value of a variable",
        "open-sesame",
        "the start command",
    ];
    for secret in secrets {
        assert!(!page.contains(secret), "{secret} is on the page");
    }
}
