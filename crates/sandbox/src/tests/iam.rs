//! Permissions, with the AWS SDK as the client.

use aws_credential_types::Credentials;
use aws_sdk_apprunner::types::{ImageRepository, ImageRepositoryType, SourceConfiguration};
use aws_sdk_ecr::error::ProvideErrorMetadata as _;
use reqwest::Client;
use serde_json::{Value, json};

use super::world::{DEPLOY, PULL, Plain, REGISTRY, answer_json, assumed, base, code, config, sandbox, set_faults};
use crate::{
    Sandbox,
    iam::Policy,
    seed::{PolicyText, Seed, WebIdentity},
};

const REPOSITORY: &str = "arn:aws:ecr:ap-northeast-1:111111111111:repository/shop/api";

fn policy(statement: &Value) -> Policy {
    Policy::try_from(json!({"Version": "2012-10-17", "Statement": statement})).unwrap()
}

fn allow(actions: &[&str], resource: &str) -> Policy {
    policy(&json!({"Effect": "Allow", "Action": actions, "Resource": resource}))
}

/// Only what a pull needs.
fn may_pull(seed: &mut Seed) {
    let actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:DescribeImages"];
    seed.roles[0].policies = Some(vec![allow(&["ecr:GetAuthorizationToken"], "*"), allow(&actions, REPOSITORY)]);
}

#[tokio::test]
async fn a_role_may_do_what_its_policies_say_and_is_told_what_it_may_not() {
    let sandbox = sandbox(may_pull).await;
    let ecr = aws_sdk_ecr::Client::new(&assumed(&sandbox, PULL).await);
    ecr.describe_images().repository_name("shop/api").send().await.unwrap();
    let denied = ecr.create_repository().repository_name("new").send().await.unwrap_err().into_service_error();
    assert_eq!(denied.code(), Some("AccessDeniedException"));
    let expected = "User: arn:aws:sts::111111111111:assumed-role/shipgate-pull/test is not authorized to perform: \
                    ecr:CreateRepository on resource: arn:aws:ecr:ap-northeast-1:111111111111:repository/new because no \
                    identity-based policy allows the ecr:CreateRepository action";
    assert_eq!(denied.message(), Some(expected));
    let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
    assert_eq!(plain.send("GET", "/v2/shop/api/manifests/v1").await.status(), 404);
    let upload = plain.send("POST", "/v2/shop/api/blobs/uploads/").await;
    assert_eq!(upload.status(), 403);
    assert_eq!(code(upload).await, "DENIED");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_session_policy_narrows_and_a_denial_wins() {
    let sandbox = sandbox(|seed| {
        let deny = policy(&json!({"Effect": "Deny", "Action": "ecr:Put*", "Resource": "*"}));
        seed.roles[0].policies = Some(vec![allow(&["*"], "*"), deny]);
    })
    .await;
    let sts = aws_sdk_sts::Client::new(&base(&sandbox).await);
    let narrow = json!({"Statement": {"Effect": "Allow", "Action": "ecr:Describe*", "Resource": "*"}}).to_string();
    let keys = sts.assume_role().role_arn(PULL).role_session_name("narrow").policy(narrow).send().await.unwrap();
    let keys = keys.credentials.unwrap();
    let keys = Credentials::new(keys.access_key_id, keys.secret_access_key, Some(keys.session_token), None, "narrow");
    let narrow = aws_sdk_ecr::Client::new(&config(&sandbox, keys).await);
    narrow.describe_repositories().send().await.unwrap();
    let denied = narrow.list_images().repository_name("shop/api").send().await.unwrap_err().into_service_error();
    assert!(denied.message().unwrap().ends_with("because no session policy allows the ecr:ListImages action"));
    let wide = aws_sdk_ecr::Client::new(&assumed(&sandbox, PULL).await);
    wide.list_images().repository_name("shop/api").send().await.unwrap();
    let denied = wide.put_image().repository_name("shop/api").image_manifest("{}").send().await.unwrap_err();
    let denied = denied.into_service_error();
    assert!(denied.message().unwrap().ends_with("with an explicit deny in an identity-based policy"));
    let bad = sts.assume_role().role_arn(PULL).role_session_name("bad").policy("{}").send().await.unwrap_err();
    assert!(bad.into_service_error().is_malformed_policy_document_exception());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn another_account_gets_in_when_both_sides_say_so() {
    let policy =
        json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": "222222222222"}, "Action": "ecr:Batch*"}});
    let sandbox = sandbox(|seed| seed.repositories[0].policy = Some(PolicyText::try_from(policy).unwrap())).await;
    let plain = Plain::login(&sandbox, DEPLOY, REGISTRY).await;
    assert_eq!(plain.send("GET", "/v2/shop/api/manifests/v1").await.status(), 404);
    let denied = plain.send("GET", "/v2/shop/api/tags/list").await;
    assert_eq!(denied.status(), 403);
    let body = denied.text().await.unwrap();
    assert!(body.contains("because no resource-based policy allows the ecr:ListImages action"), "{body}");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_user_without_the_permission_cannot_assume_a_role_that_trusts_its_account() {
    let sandbox = sandbox(|seed| seed.users[0].policies = Some(vec![allow(&["sts:AssumeRole"], DEPLOY)])).await;
    let sts = aws_sdk_sts::Client::new(&base(&sandbox).await);
    sts.assume_role().role_arn(DEPLOY).role_session_name("test").send().await.unwrap();
    let denied = sts.assume_role().role_arn(PULL).role_session_name("test").send().await.unwrap_err();
    let message = denied.into_service_error().message().unwrap().to_owned();
    assert!(message.ends_with("because no identity-based policy allows the sts:AssumeRole action"), "{message}");
    sandbox.shutdown().await;
}

/// Creates a service; the error is its code and message.
pub(super) async fn create(client: &aws_sdk_apprunner::Client, name: &str, access_role: &str) -> Result<(), String> {
    let image = ImageRepository::builder()
        .image_identifier("222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:v1")
        .image_repository_type(ImageRepositoryType::Ecr)
        .build()
        .unwrap();
    let access = aws_sdk_apprunner::types::AuthenticationConfiguration::builder().access_role_arn(access_role).build();
    let source = SourceConfiguration::builder().image_repository(image).authentication_configuration(access).build();
    let answer = client.create_service().service_name(name).source_configuration(source).send().await;
    answer.map(|_| ()).map_err(|error| {
        let error = error.into_service_error();
        format!("{}: {}", error.code().unwrap_or_default(), error.message().unwrap_or_default())
    })
}

async fn refusal(sandbox: &Sandbox, access_role: &str) -> String {
    let client = aws_sdk_apprunner::Client::new(&assumed(sandbox, DEPLOY).await);
    create(&client, "shop-api", access_role).await.unwrap_err()
}

#[tokio::test]
async fn a_role_is_passed_only_with_the_permission_and_only_to_a_service_it_trusts() {
    let sandbox = sandbox(|seed| {
        let pass = policy(&json!({
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": "arn:aws:iam::222222222222:role/apprunner-*",
            "Condition": {"StringEquals": {"iam:PassedToService": "build.apprunner.amazonaws.com"}},
        }));
        seed.roles[1].policies = Some(vec![allow(&["apprunner:*", "ecr:*"], "*"), pass]);
    })
    .await;
    let not_allowed = refusal(&sandbox, DEPLOY).await;
    let expected =
        format!("is not authorized to perform: iam:PassRole on resource: {DEPLOY} because no identity-based");
    assert!(not_allowed.contains(&expected), "{not_allowed}");
    let instance = "arn:aws:iam::222222222222:role/apprunner-instance";
    let untrusting = refusal(&sandbox, instance).await;
    assert_eq!(untrusting, format!("InvalidRequestException: Error in assuming access role {instance}"));
    let foreign = refusal(&sandbox, PULL).await;
    assert!(foreign.contains("Cross-account pass role is not allowed."), "{foreign}");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_role_just_made_cannot_be_used_yet() {
    for (seconds, good) in [(0, true), (3600, false)] {
        let sandbox = sandbox(|seed| seed.role_propagation_seconds = Some(seconds)).await;
        let arn = "arn:aws:iam::222222222222:role/made-late";
        let role = json!({"arn": arn, "assumed_by": ["*"]});
        let url = format!("{}/_sandbox/roles", sandbox.endpoint());
        let request = Client::new().post(url).bearer_auth(sandbox.control_token()).body(role.to_string());
        assert_eq!(request.send().await.unwrap().status(), 200);
        let sts = aws_sdk_sts::Client::new(&base(&sandbox).await);
        let assume = sts.assume_role().role_arn(arn).role_session_name("test").send().await;
        assert_eq!(assume.is_ok(), good, "{seconds}");
        sandbox.shutdown().await;
    }
}

#[tokio::test]
async fn a_token_of_the_local_issuer_opens_the_role_that_its_claims_fit() {
    let sandbox = sandbox(|seed| {
        seed.roles[0].web_identities = vec![WebIdentity {
            issuer: "https://token.actions.githubusercontent.com".to_owned(),
            audience: "sts.amazonaws.com".to_owned(),
            subject: "repo:shop/api:*".to_owned(),
        }];
    })
    .await;
    let anonymous = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .region("ap-northeast-1")
        .endpoint_url(sandbox.endpoint())
        .no_credentials()
        .load()
        .await;
    let sts = aws_sdk_sts::Client::new(&anonymous);
    let assume = async |query: &str| {
        let url = format!("{}/_sandbox/oidc/token?{query}", sandbox.endpoint());
        let request = Client::new().get(url).bearer_auth(sandbox.control_token());
        let minted = answer_json(request.send().await.unwrap()).await;
        let token = minted["value"].as_str().unwrap();
        let assume = sts.assume_role_with_web_identity().role_arn(PULL).role_session_name("job");
        assume
            .web_identity_token(token)
            .send()
            .await
            .map_err(|error| error.into_service_error().code().map(str::to_owned))
    };
    let good = assume("subject=repo%3Ashop%2Fapi%3Aref%3Amain&audience=sts.amazonaws.com").await.unwrap();
    assert_eq!(good.subject_from_web_identity_token(), Some("repo:shop/api:ref:main"));
    let user = good.assumed_role_user().unwrap();
    assert_eq!(user.arn(), "arn:aws:sts::111111111111:assumed-role/shipgate-pull/job");
    for bad in ["subject=repo:other/api:ref:main", "audience=elsewhere", "issuer=https://other.example"] {
        assert_eq!(assume(bad).await.unwrap_err().as_deref(), Some("AccessDenied"), "{bad}");
    }
    set_faults(&sandbox, json!([])).await;
    let forged = sts.assume_role_with_web_identity().role_arn(PULL).role_session_name("job");
    let forged = forged.web_identity_token("e30.eyJpc3MiOiJ4In0.c2ln").send().await.unwrap_err().into_service_error();
    assert!(forged.is_invalid_identity_token_exception());
    sandbox.shutdown().await;
}
