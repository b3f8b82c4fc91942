//! Secrets Manager and SSM's parameters, with the AWS SDK and this program's own reader as the clients.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::error::ProvideErrorMetadata as _;
use aws_sdk_ssm::{operation::get_parameters_by_path::GetParametersByPathOutput, types::ParameterType};
use serde_json::json;

use super::world::{DEPLOY, PULL, assumed, assumed_in, sandbox};
use crate::{Options, Sandbox, iam::Policy, start};
use shipgate_aws::{
    secrets::{Fetched, SecretFault, Secrets},
    session::{AwsEnvironment, Pinned, Session, base},
};
use shipgate_core::{
    access::{Access, Hop},
    secret::Secret,
    service_secret::SecretSource,
};

const SECRET: &str = "arn:aws:secretsmanager:ap-northeast-1:222222222222:secret:shop/db-AbCdEf";
const PARAMETER: &str = "arn:aws:ssm:ap-northeast-1:222222222222:parameter/shop/key";

/// What the role that deploys may do.
fn may(statement: &serde_json::Value) -> impl FnOnce(&mut crate::seed::Seed) {
    let policy = Policy::try_from(json!({"Version": "2012-10-17", "Statement": statement})).unwrap();
    move |seed| {
        seed.roles.iter_mut().find(|role| role.arn.as_str() == DEPLOY).unwrap().policies = Some(vec![policy]);
    }
}

async fn fetch(sandbox: &Sandbox, wanted: &[(&str, String)]) -> Fetched {
    let environment: BTreeMap<String, String> = sandbox.environment().into_iter().collect();
    let pinned = Pinned {
        endpoint: sandbox.endpoint().to_owned(),
        access_key_id: environment["AWS_ACCESS_KEY_ID"].clone(),
        secret_access_key: Secret::new(environment["AWS_SECRET_ACCESS_KEY"].clone()),
    };
    let session_name = "test".to_owned();
    let hop = Hop { role: DEPLOY.parse().unwrap(), external_id: None, session_name, duration: None };
    let access = Access { hops: vec![hop], region: sandbox.region().clone() };
    let base = base(sandbox.region(), AwsEnvironment::default(), Some(&pinned)).await;
    let session = Session::open(&base, &access, "test").await.unwrap();
    let wanted = wanted.iter().map(|(name, source)| ((*name).to_owned(), SecretSource::read(source))).collect();
    Secrets::new(&session).fetch(&wanted).await
}

fn value<'a>(fetched: &'a Fetched, name: &str) -> &'a str {
    fetched[name].as_ref().unwrap_or_else(|fault| panic!("{name}: {fault}")).reveal()
}

#[tokio::test]
async fn a_secret_from_its_making_to_its_end() {
    let sandbox = sandbox(|_| ()).await;
    let client = aws_sdk_secretsmanager::Client::new(&assumed(&sandbox, DEPLOY).await);
    let made = client.create_secret().name("shop/db").secret_string("one").send().await.unwrap();
    let arn = made.arn().unwrap();
    let again = client.create_secret().name("shop/db").send().await.unwrap_err().into_service_error();
    assert!(again.is_resource_exists_exception(), "{again:?}");
    client.put_secret_value().secret_id(arn).secret_string("two").send().await.unwrap();
    let get = |id: &str| client.get_secret_value().secret_id(id);
    for id in [arn, "shop/db", &arn[..arn.len() - 7]] {
        assert_eq!(get(id).send().await.unwrap().secret_string(), Some("two"), "{id}");
    }
    let previous = get(arn).version_stage("AWSPREVIOUS").send().await.unwrap();
    assert_eq!(previous.secret_string(), Some("one"));
    let of_id = get(arn).version_id(made.version_id().unwrap()).send().await.unwrap();
    assert_eq!(of_id.secret_string(), Some("one"));
    let described = client.describe_secret().secret_id("shop/db").send().await.unwrap();
    assert_eq!(described.version_ids_to_stages().unwrap().len(), 2);
    // Of another region and another account nothing is seen.
    let elsewhere = aws_sdk_secretsmanager::Client::new(&assumed_in(&sandbox, DEPLOY, "us-east-1").await);
    let other = aws_sdk_secretsmanager::Client::new(&assumed(&sandbox, PULL).await);
    assert!(elsewhere.list_secrets().send().await.unwrap().secret_list().is_empty());
    let absent = elsewhere.get_secret_value().secret_id("shop/db").send().await.unwrap_err().into_service_error();
    assert_eq!(absent.message(), Some("Secrets Manager can't find the specified secret."));
    let denied = other.get_secret_value().secret_id(arn).send().await.unwrap_err().into_service_error();
    assert_eq!(denied.code(), Some("AccessDeniedException"));
    client.delete_secret().secret_id(arn).send().await.unwrap();
    let marked = get(arn).send().await.unwrap_err().into_service_error();
    assert!(marked.is_invalid_request_exception() && marked.message().unwrap().contains("marked for deletion"));
    client.delete_secret().secret_id(arn).force_delete_without_recovery(true).send().await.unwrap();
    assert!(get(arn).send().await.unwrap_err().into_service_error().is_resource_not_found_exception());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_parameter_from_its_making_to_its_end() {
    let sandbox = sandbox(|_| ()).await;
    let client = aws_sdk_ssm::Client::new(&assumed(&sandbox, DEPLOY).await);
    let put =
        |name: &str, value: &str| client.put_parameter().name(name).value(value).r#type(ParameterType::SecureString);
    put("/shop/key", "one").send().await.unwrap();
    let again = put("/shop/key", "two").send().await.unwrap_err().into_service_error();
    assert!(again.is_parameter_already_exists(), "{again:?}");
    assert_eq!(put("/shop/key", "two").overwrite(true).send().await.unwrap().version(), 2);
    put("/shop/deep/er", "three").send().await.unwrap();
    let get = |name: &str| client.get_parameter().name(name).with_decryption(true);
    for (name, value) in [("/shop/key", "two"), ("/shop/key:1", "one"), (PARAMETER, "two")] {
        let parameter = get(name).send().await.unwrap().parameter.unwrap();
        assert_eq!((parameter.value(), parameter.arn()), (Some(value), Some(PARAMETER)), "{name}");
    }
    let sealed = client.get_parameter().name("/shop/key").send().await.unwrap().parameter.unwrap();
    assert!(!sealed.value().unwrap().contains("two"));
    let names = [Some("/shop/key".to_owned()), Some("/none".to_owned())].into_iter().flatten().collect();
    let many = client.get_parameters().set_names(Some(names)).with_decryption(true).send().await.unwrap();
    assert_eq!((many.parameters().len(), many.invalid_parameters()), (1, &["/none".to_owned()][..]));
    let by_path = |recursive| client.get_parameters_by_path().path("/shop").recursive(recursive);
    assert_eq!(by_path(false).send().await.unwrap().parameters().len(), 1);
    let pages = by_path(true).max_results(1).into_paginator().send().try_collect().await.unwrap();
    let found: Vec<&str> =
        pages.iter().flat_map(GetParametersByPathOutput::parameters).filter_map(|one| one.name()).collect();
    assert_eq!(found, ["/shop/deep/er", "/shop/key"]);
    let elsewhere = aws_sdk_ssm::Client::new(&assumed_in(&sandbox, DEPLOY, "us-east-1").await);
    for name in ["/shop/key", PARAMETER] {
        let absent = elsewhere.get_parameter().name(name).send().await.unwrap_err().into_service_error();
        assert!(absent.is_parameter_not_found(), "{absent:?}");
    }
    client.delete_parameter().name("/shop/key").send().await.unwrap();
    assert!(get("/shop/key").send().await.unwrap_err().into_service_error().is_parameter_not_found());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn values_are_fetched_whole_or_by_their_member_and_more_than_ten_parameters_too() {
    let sandbox = sandbox(|seed| {
        seed.secrets.insert(SECRET.to_owned(), r#"{"user": "shop", "port": 5432}"#.to_owned());
        for at in 0..12 {
            seed.secrets.insert(format!("{PARAMETER}{at}"), format!("value {at}"));
        }
    })
    .await;
    let mut wanted = vec![
        ("WHOLE", SECRET.to_owned()),
        ("USER", format!("{SECRET}:user::")),
        ("PORT", format!("{SECRET}:port:AWSCURRENT:")),
        ("NONE", format!("{SECRET}:password::")),
        ("OLD", format!("{SECRET}::AWSPREVIOUS:")),
        ("GONE", format!("{SECRET}x")),
        ("NAMED", "/shop/key3".to_owned()),
        ("NO_PARAMETER", format!("{PARAMETER}-none")),
        ("ODD", "arn:aws:s3:::bucket".to_owned()),
    ];
    let names: Vec<String> = (0..12).map(|at| format!("P{at}")).collect();
    wanted.extend(names.iter().enumerate().map(|(at, name)| (name.as_str(), format!("{PARAMETER}{at}"))));
    let fetched = fetch(&sandbox, &wanted).await;
    assert_eq!(value(&fetched, "WHOLE"), r#"{"user": "shop", "port": 5432}"#);
    assert_eq!(
        (value(&fetched, "USER"), value(&fetched, "PORT"), value(&fetched, "NAMED")),
        ("shop", "5432", "value 3")
    );
    for (at, name) in names.iter().enumerate() {
        assert_eq!(value(&fetched, name), format!("value {at}"));
    }
    assert_eq!(fetched["NONE"], Err(SecretFault::NoKey { key: "password".to_owned() }));
    assert_eq!(fetched["NO_PARAMETER"], Err(SecretFault::NoParameter));
    assert_eq!(fetched["ODD"], Err(SecretFault::Unknown));
    for absent in ["OLD", "GONE"] {
        let fault = fetched[absent].as_ref().unwrap_err();
        assert!(fault.to_string().contains("ResourceNotFoundException") && fault.missing_action().is_none(), "{fault}");
    }
    sandbox.shutdown().await;
}

#[tokio::test]
async fn one_denied_parameter_keeps_no_other_from_being_had_and_is_named() {
    let allowed = json!([
        {"Effect": "Allow", "Action": "ssm:GetParameters", "Resource": format!("{PARAMETER}/*")},
        {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "arn:aws:kms:ap-northeast-1:222222222222:key/ours"},
    ]);
    let sandbox = sandbox(|seed| {
        may(&allowed)(seed);
        seed.secrets.insert(SECRET.to_owned(), "hunter2".to_owned());
        for name in ["/a", "/b"] {
            seed.secrets.insert(format!("{PARAMETER}{name}"), format!("value of {name}"));
        }
        seed.secrets.insert(format!("{PARAMETER}-closed"), "hunter2".to_owned());
    })
    .await;
    let wanted = [
        ("A", format!("{PARAMETER}/a")),
        ("B", format!("{PARAMETER}/b")),
        ("CLOSED", format!("{PARAMETER}-closed")),
        ("SECRET", SECRET.to_owned()),
    ];
    let fetched = fetch(&sandbox, &wanted).await;
    assert_eq!((value(&fetched, "A"), value(&fetched, "B")), ("value of /a", "value of /b"));
    let missing = |name: &str| fetched[name].as_ref().unwrap_err().missing_action();
    assert_eq!(missing("CLOSED"), Some("ssm:GetParameters"));
    assert_eq!(missing("SECRET"), Some("secretsmanager:GetSecretValue"));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_key_of_ones_own_has_to_be_allowed_too() {
    let allowed = json!([
        {"Effect": "Allow", "Action": ["ssm:*", "secretsmanager:*"], "Resource": "*"},
        {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "arn:aws:kms:ap-northeast-1:222222222222:key/ours"},
    ]);
    let sandbox = sandbox(may(&allowed)).await;
    let config = assumed(&sandbox, DEPLOY).await;
    let secrets = aws_sdk_secretsmanager::Client::new(&config);
    let parameters = aws_sdk_ssm::Client::new(&config);
    for key in ["ours", "theirs"] {
        secrets.create_secret().name(key).kms_key_id(key).secret_string("hunter2").send().await.unwrap();
        let parameter = parameters.put_parameter().name(key).value("hunter2").key_id(key);
        parameter.r#type(ParameterType::SecureString).send().await.unwrap();
    }
    let place = "ap-northeast-1:222222222222";
    let wanted = ["ours", "theirs"].map(|key| (key, format!("arn:aws:secretsmanager:{place}:secret:{key}")));
    let fetched = fetch(&sandbox, &wanted).await;
    assert_eq!(value(&fetched, "ours"), "hunter2");
    assert_eq!(fetched["theirs"].as_ref().unwrap_err().missing_action(), Some("kms:Decrypt"));
    let wanted = ["ours", "theirs"].map(|key| (key, format!("arn:aws:ssm:{place}:parameter/{key}")));
    let fetched = fetch(&sandbox, &wanted).await;
    assert_eq!(value(&fetched, "ours"), "hunter2");
    assert_eq!(fetched["theirs"].as_ref().unwrap_err().missing_action(), Some("kms:Decrypt"));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn secrets_are_kept_and_those_of_the_seed_come_once() {
    let folder = tempfile::tempdir().unwrap();
    let options = || {
        let mut options = Options { state: Some(folder.path().to_owned()), ..Options::default() };
        options.seed.secrets.insert(SECRET.to_owned(), "of the seed".to_owned());
        options.seed.secrets.insert(PARAMETER.to_owned(), "of the seed".to_owned());
        options
    };
    let first = start(options()).await.unwrap();
    let config = assumed(&first, DEPLOY).await;
    let (secrets, parameters) = (aws_sdk_secretsmanager::Client::new(&config), aws_sdk_ssm::Client::new(&config));
    secrets.put_secret_value().secret_id(SECRET).secret_string("changed").send().await.unwrap();
    secrets.create_secret().name("made").secret_string("made").send().await.unwrap();
    parameters.delete_parameter().name("/shop/key").send().await.unwrap();
    parameters.put_parameter().name("made").value("made").r#type(ParameterType::String).send().await.unwrap();
    first.shutdown().await;

    let second = start(options()).await.unwrap();
    let config = assumed(&second, DEPLOY).await;
    let (secrets, parameters) = (aws_sdk_secretsmanager::Client::new(&config), aws_sdk_ssm::Client::new(&config));
    for (id, value) in [(SECRET, "changed"), ("made", "made")] {
        assert_eq!(secrets.get_secret_value().secret_id(id).send().await.unwrap().secret_string(), Some(value));
    }
    let gone = parameters.get_parameter().name("/shop/key").send().await.unwrap_err().into_service_error();
    assert!(gone.is_parameter_not_found(), "one that was deleted does not come back: {gone:?}");
    let made = parameters.get_parameter().name("made").send().await.unwrap().parameter.unwrap();
    assert_eq!(made.value(), Some("made"));
    second.shutdown().await;
}

#[tokio::test]
async fn what_is_no_arn_of_a_secret_is_no_seed() {
    let mut options = Options::default();
    options.seed.secrets.insert("arn:aws:s3:::bucket".to_owned(), "x".to_owned());
    let refused = start(options).await.err().unwrap().to_string();
    assert!(refused.contains("arn:aws:s3:::bucket"), "{refused}");
}
