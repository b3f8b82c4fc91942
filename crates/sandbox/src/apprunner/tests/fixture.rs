//! An App Runner under test, with image store and log store that a test can fill and read.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    answer::ApiError,
    apprunner::{
        AppRunner, Options, Pace,
        instance::Instance,
        source::{ImageRequest, Images, LogSink, SecretReader, SecretRequest},
    },
    caller::Caller,
    ecr::store::StoredImage,
};
use shipgate_core::{
    account::{AccountId, Region},
    digest::Digest,
};

pub(super) const IDENTIFIER: &str = "222222222222.dkr.ecr.eu-west-1.amazonaws.com/shop/api:live";

/// Images by identifier.
#[derive(Default)]
pub(super) struct Shelf(Mutex<HashMap<String, Arc<dyn Fn() -> StoredImage + Send + Sync>>>);

impl Shelf {
    /// Lets an identifier name this image from now on.
    pub(super) fn put(&self, identifier: &str, image: impl Fn() -> StoredImage + Send + Sync + 'static) {
        self.0.lock().unwrap().insert(identifier.to_owned(), Arc::new(image));
    }
}

impl Images for Shelf {
    fn image(&self, request: ImageRequest<'_>) -> Result<StoredImage, String> {
        self.known(request.identifier)
    }

    fn known(&self, identifier: &str) -> Result<StoredImage, String> {
        self.0.lock().unwrap().get(identifier).map(|image| image()).ok_or_else(|| "no such image".to_owned())
    }

    fn layer(&self, digest: &Digest) -> PathBuf {
        digest.hex().into()
    }
}

/// Every line: group, stream, message.
#[derive(Default)]
pub(super) struct Recorder(Mutex<Vec<[String; 3]>>);

impl LogSink for Recorder {
    fn put(&self, _: &AccountId, _: &Region, group: &str, stream: &str, message: &str) {
        self.0.lock().unwrap().push([group, stream, message].map(str::to_owned));
    }
}

/// Secrets by what a configuration calls them.
#[derive(Default)]
pub(super) struct Vault(Mutex<HashMap<String, String>>);

impl Vault {
    /// Puts a secret there.
    pub(super) fn put(&self, source: &str, value: &str) {
        self.0.lock().unwrap().insert(source.to_owned(), value.to_owned());
    }
}

impl SecretReader for Vault {
    fn read(&self, request: SecretRequest<'_>) -> Result<String, String> {
        request.role.ok_or("no role")?;
        self.0.lock().unwrap().get(request.source).cloned().ok_or_else(|| "no such secret".to_owned())
    }
}

pub(super) struct Fixture {
    pub(super) runner: Arc<AppRunner>,
    pub(super) shelf: Arc<Shelf>,
    pub(super) vault: Arc<Vault>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) caller: Caller,
}

/// As fast as can be.
pub(super) fn fast() -> Options {
    Options { pace: Pace::even(Duration::ZERO), time_scale: 50.0, stop_grace: Duration::ZERO, ..Options::default() }
}

/// Without containers.
pub(super) fn scripted() -> Options {
    Options { scripted: true, ..fast() }
}

pub(super) fn caller(account: &str) -> Caller {
    Caller {
        account: account.parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
        arn: format!("arn:aws:iam::{account}:role/test"),
    }
}

/// The input of a CreateService.
pub(super) fn service(name: &str) -> Value {
    json!({
        "ServiceName": name,
        "SourceConfiguration": {
            "ImageRepository": {
                "ImageIdentifier": IDENTIFIER,
                "ImageRepositoryType": "ECR",
                "ImageConfiguration": { "Port": "3000" },
            },
            "AuthenticationConfiguration": { "AccessRoleArn": "arn:aws:iam::222222222222:role/apprunner-access" },
        },
        "HealthCheckConfiguration": { "Protocol": "HTTP", "Path": "/health", "Interval": 1, "UnhealthyThreshold": 10 },
    })
}

impl Fixture {
    pub(super) fn new(options: Options) -> Self {
        let (shelf, recorder) = (Arc::<Shelf>::default(), Arc::<Recorder>::default());
        let vault = Arc::<Vault>::default();
        let runner = AppRunner::on(shelf.clone(), recorder.clone(), vault.clone(), options, None);
        Self { runner, shelf, vault, recorder, caller: caller("222222222222") }
    }

    pub(super) async fn try_call(&self, action: &str, input: Value) -> Result<Value, ApiError> {
        self.runner.call(&self.caller, action, input).await
    }

    pub(super) async fn call(&self, action: &str, input: Value) -> Value {
        self.try_call(action, input).await.unwrap()
    }

    /// Calls an operation that takes nothing but a service.
    pub(super) async fn on(&self, action: &str, arn: &str) -> Result<Value, ApiError> {
        self.try_call(action, json!({ "ServiceArn": arn })).await
    }

    /// Creates a service, waits for the end of it, and gives its ARN.
    pub(super) async fn create(&self, input: Value) -> String {
        let answer = self.call("CreateService", input).await;
        self.runner.settle().await;
        answer["Service"]["ServiceArn"].as_str().unwrap().to_owned()
    }

    pub(super) async fn describe(&self, arn: &str) -> Value {
        self.on("DescribeService", arn).await.unwrap()["Service"].take()
    }

    pub(super) async fn status(&self, arn: &str) -> String {
        self.describe(arn).await["Status"].as_str().unwrap().to_owned()
    }

    pub(super) async fn url(&self, arn: &str) -> String {
        format!("http://{}", self.describe(arn).await["ServiceUrl"].as_str().unwrap())
    }

    /// Type and status of every operation, newest first.
    pub(super) async fn operations(&self, arn: &str) -> Vec<(String, String)> {
        let answer = self.on("ListOperations", arn).await.unwrap();
        let word = |operation: &Value, name: &str| operation[name].as_str().unwrap().to_owned();
        let operations = answer["OperationSummaryList"].as_array().unwrap();
        operations.iter().map(|operation| (word(operation, "Type"), word(operation, "Status"))).collect()
    }

    /// Type and status of the newest operation.
    pub(super) async fn newest(&self, arn: &str) -> (String, String) {
        self.operations(arn).await.swap_remove(0)
    }

    /// The instance that serves.
    pub(super) fn blue(&self, arn: &str) -> Weak<Instance> {
        let blue = self.runner.app.book.with_service(arn, |service| service.blue.as_ref().map(Arc::downgrade));
        blue.unwrap().unwrap_or_default()
    }

    /// The lines of a group (`service` or `application`) whose stream begins so.
    pub(super) fn lines(&self, kind: &str, stream: &str) -> Vec<String> {
        let lines = self.recorder.0.lock().unwrap();
        let of_it = |line: &&[String; 3]| line[0].ends_with(kind) && line[1].starts_with(stream);
        lines.iter().filter(of_it).map(|line| line[2].clone()).collect()
    }

    /// Every group and stream there is.
    pub(super) fn streams(&self) -> std::collections::BTreeSet<(String, String)> {
        let lines = self.recorder.0.lock().unwrap();
        lines.iter().map(|[group, stream, _]| (group.clone(), stream.clone())).collect()
    }
}
