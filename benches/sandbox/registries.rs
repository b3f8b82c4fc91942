//! The registries that are measured, each a process of its own on a folder of its own.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Whose registry.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Debian's docker-registry, on files.
    Docker,
    /// The sandbox, as the plain specification has it.
    Plain,
    /// The sandbox in ECR's manner: downloads are sent to a second address.
    Ecr,
}

impl Kind {
    /// The first is what the others are held against.
    pub(crate) const ALL: [Self; 3] = [Self::Docker, Self::Plain, Self::Ecr];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker-registry",
            Self::Plain => "the sandbox, `ecr_manners: false`",
            Self::Ecr => "the sandbox",
        }
    }
}

/// A registry that answers.
pub(crate) struct Running {
    process: Child,
    /// `127.0.0.1:PORT`
    pub(crate) host: String,
    folder: TempDir,
}

impl Running {
    /// Starts it on an empty folder in this one.
    pub(crate) fn start(kind: Kind, parent: &Path) -> Self {
        let folder = tempfile::tempdir_in(parent).unwrap();
        let (process, host, login) = match kind {
            Kind::Docker => docker(folder.path()),
            Kind::Plain => sandbox(folder.path(), false),
            Kind::Ecr => sandbox(folder.path(), true),
        };
        let logins = login.map_or_else(|| json!({}), |login| json!({"auths": {host.as_str(): {"auth": login}}}));
        fs::write(folder.path().join("logins.json"), logins.to_string()).unwrap();
        Self { process, host, folder }
    }

    /// The file with what opens it.
    pub(crate) fn logins(&self) -> PathBuf {
        self.folder.path().join("logins.json")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        Command::new("kill").arg(self.process.id().to_string()).status().ok();
        self.process.wait().ok();
    }
}

type Started = (Child, String, Option<String>);

fn docker(folder: &Path) -> Started {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let host = format!("127.0.0.1:{port}");
    let storage = json!({"filesystem": {"rootdirectory": folder.join("storage")}});
    let config = json!({"version": "0.1", "log": {"level": "error"}, "storage": storage, "http": {"addr": host}});
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let mut command = Command::new("docker-registry");
    command.arg("serve").arg(folder.join("config.json")).stdout(Stdio::null());
    let process = command.stderr(File::create(folder.join("log")).unwrap()).spawn().unwrap();
    while TcpStream::connect(&host).is_err() {
        thread::sleep(Duration::from_millis(20));
    }
    (process, host, None)
}

fn sandbox(folder: &Path, ecr_manners: bool) -> Started {
    let account = "111111111111";
    let user = json!({
        "name": "bench", "account": account, "access_key_id": "AKIASANDBOXBENCH0000", "secret_access_key": "sandbox/bench",
    });
    let repository = json!({"account": account, "name": "bench"});
    let seed = json!({
        "users": [user], "roles": [], "repositories": [repository], "secrets": {}, "scripted": true, "ecr_manners": ecr_manners,
    });
    fs::write(folder.join("seed.json"), seed.to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_shipgate"));
    command.args(["sandbox", "--listen", "127.0.0.1:0", "--output", "json", "--seed"]).arg(folder.join("seed.json"));
    // Its layers lie beside those of the other.
    let mut process = command.env("TMPDIR", folder).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told: Value = serde_json::from_str(&line).expect("the sandbox introduces itself");
    let (host, login) = login(&told);
    (process, host, Some(login))
}

/// The registry's address and what opens it, by GetAuthorizationToken.
fn login(told: &Value) -> (String, String) {
    let text = |name: &str| told["environment"][name].as_str().unwrap().to_owned();
    let keys =
        aws_credential_types::Credentials::from_keys(text("AWS_ACCESS_KEY_ID"), text("AWS_SECRET_ACCESS_KEY"), None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let given = runtime.block_on(async {
        let base = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .endpoint_url(text("AWS_ENDPOINT_URL"))
            .region(aws_config::Region::new(text("AWS_REGION")))
            .credentials_provider(keys);
        aws_sdk_ecr::Client::new(&base.load().await).get_authorization_token().send().await.unwrap()
    });
    let data = &given.authorization_data()[0];
    let host = data.proxy_endpoint().unwrap().trim_start_matches("http://").to_owned();
    (host, data.authorization_token().unwrap().to_owned())
}
