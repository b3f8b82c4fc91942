//! An AWS that hands out secrets, and then fails at one call and repeats all that it has handed out.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use super::echo::{response, secrets, serve};

pub(super) const ACCOUNT: &str = "222222222222";
pub(super) const HOST: &str = "111111111111.dkr.ecr.ap-northeast-1.amazonaws.com";

const BASE_KEY: &str = "base-canary/Kx83+Lq0";
const BASE_TOKEN: &str = "base-token-canary/Wd52==";
const ROLE_KEY: &str = "role-canary/Jn41+Zs9";
const ROLE_TOKEN: &str = "role-token-canary/Hy76==";
const LOGIN: &str = "ecr-canary-Bv29Mt5q";
const VARIABLE: &str = "postgres://shop:env-canary-Gf07Rc@db.internal/shop?a=\"b\"&c";

/// Everything that a run may hold.
pub(super) const HELD: [&str; 6] = [BASE_KEY, BASE_TOKEN, ROLE_KEY, ROLE_TOKEN, LOGIN, VARIABLE];

/// The call that fails, and the command that makes it.
pub(super) const CASES: [(&str, &str); 8] = [
    ("AssumeRole", "deploy --no-verify"),
    ("GetCallerIdentity", "deploy --no-verify"),
    ("GetAuthorizationToken", "deploy --no-verify"),
    ("registry", "deploy --no-verify"),
    ("ListServices", "status"),
    ("DescribeService", "status"),
    ("ListOperations", "status"),
    ("FilterLogEvents", "logs"),
];

pub(super) const CONFIGURATION: &str = "\
image: 111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:v1
registry_role: arn:aws:iam::111111111111:role/shipgate-pull
targets:
  prod:
    role: arn:aws:iam::222222222222:role/shipgate-deploy
    service: shop-api
";

/// The server. Its threads end with the test's process.
pub(super) struct Cloud {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    calls: Vec<String>,
    handed_out: Vec<String>,
}

impl Cloud {
    pub(super) fn start(fails_at: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let handed_out = [BASE_KEY, BASE_TOKEN].map(str::to_owned).to_vec();
        let state = Arc::new(Mutex::new(State { handed_out, ..State::default() }));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || serve(&stream, |request| reply(fails_at, port, request, &shared)));
            }
        });
        Self { port, state }
    }

    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port)),
            ("AWS_REGION", "ap-northeast-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", BASE_KEY.to_owned()),
            ("AWS_SESSION_TOKEN", BASE_TOKEN.to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }

    pub(super) fn was_called(&self, call: &str) -> bool {
        self.state.lock().unwrap().calls.iter().any(|one| one == call)
    }
}

fn reply(fails_at: &str, port: u16, request: &str, state: &Mutex<State>) -> String {
    let call = call_of(request);
    let mut state = state.lock().unwrap();
    state.calls.push(call.to_owned());
    if call == fails_at && call != "FilterLogEvents" {
        return repeat(call, request, &state);
    }
    let hand_out =
        |state: &mut State, secrets: &[&str]| state.handed_out.extend(secrets.iter().map(|s| (*s).to_owned()));
    match call {
        "AssumeRole" => {
            hand_out(&mut state, &[ROLE_KEY, ROLE_TOKEN]);
            // The key's id says whose it is.
            let account = account_of(request, "iam%3A%3A");
            xml(&format!(
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA{account}</AccessKeyId>\
                 <SecretAccessKey>{ROLE_KEY}</SecretAccessKey><SessionToken>{ROLE_TOKEN}</SessionToken>\
                 <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
            ))
        }
        "GetCallerIdentity" => {
            let account = account_of(request, "Credential=ASIA");
            xml(&format!(
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::{account}:assumed-role/x/y</Arn>\
                 <UserId>U</UserId><Account>{account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
            ))
        }
        "GetAuthorizationToken" => {
            hand_out(&mut state, &[LOGIN]);
            let token = STANDARD.encode(format!("AWS:{LOGIN}"));
            let endpoint = format!("http://127.0.0.1:{port}");
            ok(&json!({"authorizationData": [{"authorizationToken": token, "proxyEndpoint": endpoint}]}))
        }
        "ListServices" => ok(&json!({"ServiceSummaryList": [
            {"ServiceName": "shop-api", "ServiceId": ID, "ServiceArn": service_arn(), "Status": "RUNNING"},
        ]})),
        "DescribeService" => {
            hand_out(&mut state, &[VARIABLE]);
            ok(&json!({"Service": service()}))
        }
        "FilterLogEvents" => {
            let line = secrets(state.calls.len(), request, &state.handed_out);
            let long = format!("{}{VARIABLE}", "x".repeat(1990));
            let events = [line, long].map(|message| {
                json!({"timestamp": 1_800_000_000_000_u64, "message": message, "logStreamName": "s", "eventId": "1"})
            });
            ok(&json!({ "events": events }))
        }
        _ => repeat(call, request, &state),
    }
}

fn repeat(call: &str, request: &str, state: &State) -> String {
    let text = secrets(state.calls.len(), request, &state.handed_out);
    match call {
        "registry" => {
            let message = serde_json::to_string(&text).unwrap();
            response(403, "", &format!(r#"{{"errors":[{{"code":"DENIED","message":{message}}}]}}"#))
        }
        "AssumeRole" | "GetCallerIdentity" => {
            let text = text.replace(|c: char| c.is_control(), " ");
            let text = text.replace('&', "&amp;").replace('<', "&lt;");
            let error = format!("<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>{text}</Message></Error>");
            let body = format!("<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>");
            response(403, "Content-Type: text/xml\r\n", &body)
        }
        _ => {
            let body = json!({"__type": "AccessDeniedException", "message": text, "Message": text}).to_string();
            response(400, "Content-Type: application/x-amz-json-1.1\r\n", &body)
        }
    }
}

const ID: &str = "0123456789abcdef0123456789abcdef";

fn service_arn() -> String {
    format!("arn:aws:apprunner:ap-northeast-1:{ACCOUNT}:service/shop-api/{ID}")
}

fn service() -> serde_json::Value {
    let variables =
        json!({"DATABASE_URL": VARIABLE, "REGION": "ap-northeast-1", "ACCOUNT": ACCOUNT, "MODE": "production"});
    json!({
        "ServiceName": "shop-api", "ServiceId": ID, "ServiceArn": service_arn(), "ServiceUrl": "x.awsapprunner.com",
        "Status": "RUNNING", "CreatedAt": 1, "UpdatedAt": 1,
        "SourceConfiguration": {"AutoDeploymentsEnabled": false, "ImageRepository": {
            "ImageIdentifier": format!("{ACCOUNT}.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:shop-api"),
            "ImageRepositoryType": "ECR",
            "ImageConfiguration": {"Port": "8080", "RuntimeEnvironmentVariables": variables},
        }},
        "InstanceConfiguration": {}, "NetworkConfiguration": {}, "AutoScalingConfigurationSummary": {},
    })
}

/// The action that a request names; a request to the registry names none.
fn call_of(request: &str) -> &str {
    let word = |text: &str| text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let lower = request.to_ascii_lowercase();
    if let Some(at) = lower.find("x-amz-target:") {
        let line = request[at..].lines().next().unwrap();
        return line.rsplit('.').next().unwrap().trim();
    }
    match request.find("Action=") {
        Some(at) => {
            let action = &request[at + "Action=".len()..];
            &action[..word(action)]
        }
        None => "registry",
    }
}

/// The account's number after a mark.
fn account_of<'a>(request: &'a str, mark: &str) -> &'a str {
    let after = &request[request.find(mark).unwrap() + mark.len()..];
    &after[..ACCOUNT.len()]
}

fn xml(body: &str) -> String {
    response(200, "Content-Type: text/xml\r\n", body)
}

fn ok(body: &serde_json::Value) -> String {
    response(200, "Content-Type: application/x-amz-json-1.1\r\n", &body.to_string())
}
