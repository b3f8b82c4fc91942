//! Identity, with the AWS SDK as the client.

use aws_credential_types::Credentials;
use aws_sdk_sts::error::{DisplayErrorContext, ProvideErrorMetadata as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use super::world::{DEPLOY, PULL, answer_json, assumed, base, config, sandbox, set_faults};

#[tokio::test]
async fn a_role_answers_with_its_own_account() {
    let sandbox = sandbox(|_| ()).await;
    let user = aws_sdk_sts::Client::new(&base(&sandbox).await).get_caller_identity().send().await.unwrap();
    assert_eq!(user.account(), Some("333333333333"));
    let role = aws_sdk_sts::Client::new(&assumed(&sandbox, PULL).await).get_caller_identity().send().await.unwrap();
    assert_eq!(role.account(), Some("111111111111"));
    assert_eq!(role.arn(), Some("arn:aws:sts::111111111111:assumed-role/shipgate-pull/test"));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_role_that_does_not_trust_is_denied_as_aws_words_it() {
    let sandbox = sandbox(|seed| {
        seed.roles[0].external_id = Some("right".to_owned());
        seed.roles[1].assumed_by = vec!["arn:aws:iam::444444444444:root".to_owned()];
    })
    .await;
    let sts = aws_sdk_sts::Client::new(&base(&sandbox).await);
    let assume = |role: &str| sts.assume_role().role_arn(role).role_session_name("test");
    assume(PULL).external_id("right").send().await.unwrap();
    let absent = "arn:aws:iam::111111111111:role/absent";
    for (role, external_id) in [(PULL, Some("wrong")), (PULL, None), (DEPLOY, None), (absent, None)] {
        let error = assume(role).set_external_id(external_id.map(str::to_owned)).send().await.unwrap_err();
        let error = error.into_service_error();
        assert_eq!(error.code(), Some("AccessDenied"), "{}", DisplayErrorContext(&error));
        let expected = format!(
            "User: arn:aws:iam::333333333333:user/ci is not authorized to perform: sts:AssumeRole on resource: {role}"
        );
        assert_eq!(error.message(), Some(expected.as_str()));
    }
    sandbox.shutdown().await;
}

#[tokio::test]
async fn sessions_are_as_long_as_aws_allows() {
    let sandbox = sandbox(|_| ()).await;
    let sts = aws_sdk_sts::Client::new(&base(&sandbox).await);
    for (seconds, good) in [(899, false), (900, true), (3600, true), (3601, false)] {
        let assume = sts.assume_role().role_arn(PULL).role_session_name("test").duration_seconds(seconds);
        assert_eq!(assume.send().await.is_ok(), good, "{seconds}");
    }
    sandbox.shutdown().await;
}

#[tokio::test]
async fn wrong_keys_are_told_apart() {
    let sandbox = sandbox(|_| ()).await;
    let keys = |id: &str, secret: &str, token: Option<&str>| {
        Credentials::new(id, secret, token.map(str::to_owned), None, "made up")
    };
    let variable = |wanted: &str| sandbox.environment().into_iter().find(|(name, _)| name == wanted).unwrap().1;
    let (good_id, secret) = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"));
    let good_id = good_id.as_str();
    for (keys, sts_code, ecr_code) in [
        (keys("AKIAUNKNOWN", "x", None), "InvalidClientTokenId", "UnrecognizedClientException"),
        (keys(good_id, "wrong", None), "SignatureDoesNotMatch", "InvalidSignatureException"),
        (keys(good_id, &secret, Some("not asked for")), "InvalidClientTokenId", "UnrecognizedClientException"),
    ] {
        let config = config(&sandbox, keys).await;
        let error = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.unwrap_err();
        assert_eq!(error.into_service_error().code(), Some(sts_code));
        let error = aws_sdk_ecr::Client::new(&config).describe_repositories().send().await.unwrap_err();
        assert_eq!(error.into_service_error().code(), Some(ecr_code));
    }
    sandbox.shutdown().await;
}

#[tokio::test]
async fn the_issuer_says_where_its_key_is() {
    let sandbox = sandbox(|_| ()).await;
    let get = async |url: String| {
        let request = reqwest::Client::new().get(url).bearer_auth(sandbox.control_token());
        answer_json(request.send().await.unwrap()).await
    };
    let configuration = get(format!("{}/.well-known/openid-configuration", sandbox.endpoint())).await;
    assert_eq!(configuration["issuer"], sandbox.endpoint());
    let keys = get(configuration["jwks_uri"].as_str().unwrap().to_owned()).await;
    let minted = get(format!("{}/_sandbox/oidc/token", sandbox.endpoint())).await;
    let (header, _) = minted["value"].as_str().unwrap().split_once('.').unwrap();
    let header: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    assert_eq!((&header["alg"], &header["kid"]), (&json!("ES256"), &keys["keys"][0]["kid"]));
    assert!(keys["keys"][0].get("d").is_none(), "the private half is nobody's business");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn an_expired_session_says_so() {
    let sandbox = sandbox(|_| ()).await;
    let config = assumed(&sandbox, PULL).await;
    set_faults(&sandbox, json!([{"kind": "expire-sessions"}])).await;
    let error = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.unwrap_err();
    assert_eq!(error.into_service_error().code(), Some("ExpiredToken"));
    let error = aws_sdk_ecr::Client::new(&config).describe_repositories().send().await.unwrap_err();
    assert_eq!(error.into_service_error().code(), Some("ExpiredTokenException"));
    sandbox.shutdown().await;
}
