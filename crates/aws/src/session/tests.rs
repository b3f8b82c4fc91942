//! Sessions against an STS that answers as the test says.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::post};
use tokio::{net::TcpListener, task::JoinHandle};

use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};

use super::{AwsEnvironment, Base, IdentityError, Pinned, Session, TokenSupply, base};
use crate::identity::distinct;
use shipgate_core::{
    access::{Access, Hop},
    secret::Secret,
};

/// An STS whose sessions live for so long and answer for this account.
struct Sts {
    endpoint: String,
    assumed: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl Sts {
    async fn start(account: &'static str, lifetime: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let assumed = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&assumed);
        let answer = move |body: String| {
            let count = Arc::clone(&count);
            async move {
                if body.contains("Action=AssumeRole") {
                    let number = count.fetch_add(1, Ordering::SeqCst);
                    let until = jiff::Timestamp::now() + lifetime;
                    let with_token = "AssumeRoleWithWebIdentity";
                    let action = if body.contains(with_token) { with_token } else { "AssumeRole" };
                    format!(
                        "<{action}Response><{action}Result><Credentials><AccessKeyId>ASIA{number}</AccessKeyId>\
                         <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
                         <Expiration>{until:.0}</Expiration></Credentials></{action}Result></{action}Response>"
                    )
                } else {
                    format!(
                        "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>{account}</Account>\
                         <Arn>arn:aws:sts::{account}:assumed-role/r/shipgate</Arn><UserId>u</UserId>\
                         </GetCallerIdentityResult></GetCallerIdentityResponse>"
                    )
                }
            }
        };
        let app = Router::new().route("/", post(answer));
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { endpoint, assumed, server }
    }

    async fn open(&self) -> Result<Session, IdentityError> {
        let access = access();
        Session::open(&self.base().await, &access, "prod").await
    }

    async fn base(&self) -> Base {
        let pinned = Pinned {
            endpoint: self.endpoint.clone(),
            access_key_id: "AKIA".to_owned(),
            secret_access_key: Secret::new("s"),
        };
        base(&access().region, AwsEnvironment::default(), Some(&pinned)).await
    }
}

impl Drop for Sts {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A provider that fails with another text each time.
#[derive(Debug)]
struct Failing(Arc<AtomicUsize>);

impl ProvideCredentials for Failing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        future::ProvideCredentials::ready(match number {
            0 => Err(CredentialsError::provider_error("the SSO endpoint refuses the connection")),
            _ => Err(CredentialsError::provider_error("the SSO token has expired and cannot be refreshed")),
        })
    }
}

/// A provider that counts.
#[derive(Debug)]
struct Counting(Arc<AtomicUsize>);

impl ProvideCredentials for Counting {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        future::ProvideCredentials::ready(Ok(Credentials::from_keys(format!("AKIA{number}"), "s", None)))
    }
}

impl Base {
    fn loading_from(mut self, provider: impl ProvideCredentials + 'static) -> Self {
        let provider = SharedCredentialsProvider::new(provider);
        self.config = self.config.into_builder().credentials_provider(provider).build();
        self
    }
}

#[tokio::test]
async fn all_chains_report_one_failed_load() {
    let sts = Sts::start("222222222222", Duration::from_hours(1)).await;
    let loads = Arc::new(AtomicUsize::new(0));
    let base = sts.base().await.loading_from(Failing(Arc::clone(&loads)));
    let access = access();
    let open = |purpose| Session::open(&base, &access, purpose);
    let (one, other) = tokio::join!(open("registry"), open("prod"));
    let errors = distinct(vec![one.unwrap_err(), other.unwrap_err(), open("caller").await.unwrap_err()]);
    assert_eq!((errors.len(), loads.load(Ordering::SeqCst)), (1, 1), "{errors:?}");
}

#[tokio::test]
async fn chains_share_one_load_until_it_is_refused() {
    let sts = Sts::start("222222222222", Duration::from_hours(1)).await;
    let loads = Arc::new(AtomicUsize::new(0));
    let base = sts.base().await.loading_from(Counting(Arc::clone(&loads)));
    let access = access();
    let clone = base.clone();
    let (one, other) = tokio::join!(Session::open(&base, &access, "registry"), Session::open(&clone, &access, "prod"));
    assert!(one.is_ok() && other.is_ok());
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    base.forget().await;
    base.load().await.unwrap();
    assert_eq!(loads.load(Ordering::SeqCst), 2);
}

fn access() -> Access {
    let role = "arn:aws:iam::222222222222:role/r".parse().unwrap();
    let hop = Hop { role, external_id: None, session_name: "shipgate".to_owned(), duration: None };
    Access { hops: vec![hop], region: "ap-northeast-1".parse().unwrap() }
}

#[tokio::test]
async fn a_session_of_another_account_is_refused() {
    let sts = Sts::start("333333333333", Duration::from_hours(1)).await;
    let error = sts.open().await.unwrap_err();
    assert!(matches!(error, IdentityError::OtherAccount { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("333333333333") && text.contains("222222222222"), "{text}");
}

#[tokio::test]
async fn a_session_is_opened_with_one_assumed_role() {
    let sts = Sts::start("222222222222", Duration::from_hours(1)).await;
    let session = sts.open().await.unwrap();
    assert_eq!(session.account().as_str(), "222222222222");
    assert_eq!(sts.assumed.load(Ordering::SeqCst), 1, "what the first walk gave is used, and kept");
}

#[tokio::test]
async fn credentials_that_are_about_to_expire_are_renewed_before_a_call() {
    // Within the time that a session is renewed before it expires.
    let sts = Sts::start("222222222222", Duration::from_mins(1)).await;
    let session = sts.open().await.unwrap();
    let before = sts.assumed.load(Ordering::SeqCst);
    aws_sdk_sts::Client::new(session.config()).get_caller_identity().send().await.unwrap();
    assert_eq!(sts.assumed.load(Ordering::SeqCst), before + 1);
}

#[tokio::test]
async fn a_session_that_a_token_began_asks_for_a_new_one() {
    let sts = Sts::start("222222222222", Duration::from_mins(1)).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let supply = TokenSupply::new(move || {
        let number = count.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Ok(Secret::new(format!("e30.e30.{number}")))))
    });
    let base = sts.base().await.entered_with(supply);
    let session = Session::open(&base, &access(), "prod").await.unwrap();
    let before = asked.load(Ordering::SeqCst);
    aws_sdk_sts::Client::new(session.config()).get_caller_identity().send().await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), before + 1);
    assert_eq!(sts.assumed.load(Ordering::SeqCst), before + 1, "each token is shown to STS once");
}
