//! Where a role chain begins, by table; what a token says.

use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{Claims, MissingToken, OidcSettings, OidcUse, Start, Surroundings, TokenSource, WhyStandard, start};
use crate::secret::Secret;

/// The claims of a token that has these.
pub(super) fn token(claims: &Value) -> Claims {
    let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
    Claims::read(&Secret::new(format!("e30.{payload}.c2ln"))).unwrap()
}

/// Variables, and the programs that are on PATH. `FILE` is the file of credentials.
struct Here<'a>(&'a [(&'a str, &'a str)], &'a [&'a str]);

impl Surroundings for Here<'_> {
    fn variable(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(set, _)| *set == name).map(|(_, value)| *value)
    }

    fn program(&self, name: &str) -> Option<PathBuf> {
        self.1.contains(&name).then(|| PathBuf::from("/bin").join(name))
    }

    fn credentials_file(&self) -> Option<String> {
        self.variable("FILE").map(str::to_owned)
    }
}

/// A start in few words; a secret in it is told as well, for it is of a test.
fn told(start: &Start) -> String {
    match start {
        Start::Standard(WhyStandard::TurnedOff) => "off".to_owned(),
        Start::Standard(WhyStandard::Given(by)) => format!("given by {by}"),
        Start::Standard(WhyStandard::Unexpected) => "none expected".to_owned(),
        Start::Standard(WhyStandard::Missing(missing)) => format!("missing: {missing}"),
        Start::Token(TokenSource::Endpoint { url, bearer, audience }) => {
            format!("{url} by {} for {audience}", bearer.reveal())
        }
        Start::Token(TokenSource::Variable { name, token, audience }) => {
            format!("{name} is {} for {}", token.reveal(), audience.as_deref().unwrap_or("whom it is for"))
        }
        Start::Token(TokenSource::Program { path, program, audience }) => {
            format!("{} {}", path.display(), program.arguments(audience).join(" "))
        }
        Start::Refused(missing) => format!("refused: {missing}"),
    }
}

type Variable = (&'static str, &'static str);
/// When the token is used, the audience that is asked for, the variables, the programs on PATH, and what comes of it.
type Told = (OidcUse, Option<&'static str>, &'static [Variable], &'static [&'static str], &'static str);

const GITHUB: &[Variable] = &[
    ("GITHUB_ACTIONS", "true"),
    ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://github.test/token?v=2"),
    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "b"),
];

#[test]
fn the_jobs_token_is_used_where_the_job_was_given_no_credentials() {
    let github = "https://github.test/token?v=2 by b for sts.amazonaws.com";
    let circleci: &[(&str, &str)] = &[("CIRCLECI", "true"), ("CIRCLE_OIDC_TOKEN_V2", "t")];
    let with = |more: &[(&'static str, &'static str)]| [GITHUB, more].concat();
    let table: [(Vec<Variable>, &[&str], &str); 19] = [
        (vec![], &[], "none expected"),
        (vec![("CI", "true")], &["buildkite-agent"], "none expected"),
        (vec![("SHIPGATE_ID_TOKEN", "t")], &[], "SHIPGATE_ID_TOKEN is t for whom it is for"),
        (GITHUB.to_vec(), &[], github),
        (with(&[("SHIPGATE_ID_TOKEN", "t")]), &[], "SHIPGATE_ID_TOKEN is t for whom it is for"),
        (with(&[("AWS_ACCESS_KEY_ID", "AKIA")]), &[], "given by AWS_ACCESS_KEY_ID"),
        (with(&[("AWS_PROFILE", "p")]), &[], "given by AWS_PROFILE"),
        (with(&[("AWS_WEB_IDENTITY_TOKEN_FILE", "f")]), &[], "given by AWS_WEB_IDENTITY_TOKEN_FILE"),
        (
            with(&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/r")]),
            &[],
            "given by AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        ),
        (with(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "u")]), &[], "given by AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        (with(&[("FILE", "/home/ci/.aws/credentials")]), &[], "given by /home/ci/.aws/credentials"),
        (vec![("GITHUB_ACTIONS", "true")], &[], "missing: the job has no permission id-token: write"),
        (vec![("GITLAB_CI", "true")], &[], "missing: the job's id_tokens name no SHIPGATE_ID_TOKEN"),
        (vec![("GITLAB_CI", "true"), ("SHIPGATE_ID_TOKEN", "t")], &[], "SHIPGATE_ID_TOKEN is t for whom it is for"),
        (circleci.to_vec(), &["circleci"], "CIRCLE_OIDC_TOKEN_V2 is t for whom it is for"),
        (vec![("CIRCLECI", "true")], &["circleci"], "missing: CIRCLE_OIDC_TOKEN_V2 is not set"),
        (
            vec![("BUILDKITE", "true")],
            &["buildkite-agent"],
            "/bin/buildkite-agent oidc request-token --audience sts.amazonaws.com",
        ),
        (vec![("BUILDKITE", "true")], &[], "missing: buildkite-agent is not on PATH"),
        (vec![("CODEBUILD_BUILD_ARN", "arn:x")], &[], "none expected"),
    ];
    for (variables, programs, expected) in table {
        let start = start(&OidcSettings::default(), &Here(&variables, programs));
        assert_eq!(told(&start), expected, "{variables:?}");
    }
}

#[test]
fn it_can_be_told_otherwise() {
    let keys: &[Variable] = &[("AWS_ACCESS_KEY_ID", "AKIA"), ("CIRCLECI", "true"), ("CIRCLE_OIDC_TOKEN_V2", "t")];
    let (always, off) = (OidcUse::Always, OidcUse::Off);
    let table: [Told; 8] = [
        (off, None, GITHUB, &[], "off"),
        (always, None, keys, &[], "CIRCLE_OIDC_TOKEN_V2 is t for whom it is for"),
        (always, Some("us"), keys, &["circleci"], r#"/bin/circleci run oidc get --claims {"aud":"us"}"#),
        (always, Some("us"), keys, &[], "refused: circleci is not on PATH"),
        (always, Some("us"), GITHUB, &[], "https://github.test/token?v=2 by b for us"),
        (always, Some("us"), &[("SHIPGATE_ID_TOKEN", "t")], &[], "SHIPGATE_ID_TOKEN is t for us"),
        (always, None, &[("GITHUB_ACTIONS", "true")], &[], "refused: the job has no permission id-token: write"),
        (
            always,
            None,
            &[("CODEBUILD_BUILD_ARN", "arn:x")],
            &[],
            "refused: no CI system that gives tokens to jobs is known here, and SHIPGATE_ID_TOKEN is not set",
        ),
    ];
    for (when, audience, variables, programs, expected) in table {
        let settings = OidcSettings { when, audience: audience.map(str::to_owned), ..OidcSettings::default() };
        assert_eq!(told(&start(&settings, &Here(variables, programs))), expected, "{variables:?}");
    }
    let own = OidcSettings { variable: "MY_TOKEN".to_owned(), ..OidcSettings::default() };
    let gitlab = Here(&[("GITLAB_CI", "true"), ("MY_TOKEN", "t"), ("SHIPGATE_ID_TOKEN", "u")], &[]);
    assert_eq!(told(&start(&own, &gitlab)), "MY_TOKEN is t for whom it is for");
}

#[test]
fn a_fork_is_named_where_it_may_be_the_reason() {
    for (event, named) in [("push", false), ("pull_request", true), ("pull_request_target", true)] {
        let here = Here(&[("GITHUB_EVENT_NAME", event)], &[]);
        assert_eq!(MissingToken::of_github(&here).hint().contains("fork"), named, "{event}");
    }
}

#[test]
fn the_words_for_when() {
    for (text, when) in [("auto", OidcUse::Auto), ("always", OidcUse::Always), ("off", OidcUse::Off)] {
        assert_eq!(text.parse(), Ok(when));
    }
    assert!("on".parse::<OidcUse>().is_err());
}

#[test]
fn a_source_shows_no_secret() {
    let start = start(&OidcSettings::default(), &Here(&[("SHIPGATE_ID_TOKEN", "hunter2")], &[]));
    assert!(!format!("{start:?}").contains("hunter2"));
}

#[test]
fn claims_are_read_from_what_is_a_token() {
    let claims = token(&json!({ "iss": "https://gitlab.com", "aud": ["a", "b"], "sub": "s", "iat": 7 }));
    assert_eq!((claims.provider(), claims.audience()), (Some("gitlab.com"), Some("a")));
    assert_eq!((claims.subject(), claims.issued_at(), claims.text("iat")), (Some("s"), Some(7), None));
    for bad in ["", "a.b", "a.b.c", "e30.e30", "e30.e30.x.y", "e30.W10.x"] {
        assert_eq!(Claims::read(&Secret::new(bad)), None, "{bad}");
    }
}

#[test]
fn the_immutable_form_of_a_subject() {
    let ids = json!({ "repository_owner_id": "123", "repository_id": "456" });
    let table = [
        ("repo:shop/api:ref:refs/heads/main", &ids, Some("repo:shop@123/api@456:ref:refs/heads/main")),
        ("repo:shop@1/api@2:environment:prod", &ids, Some("repo:shop@1/api@2:environment:prod")),
        ("repo:shop/api:pull_request", &json!({}), None),
        ("repository_owner:shop", &ids, None),
        ("project_path:shop/api:ref_type:branch:ref:main", &ids, None),
    ];
    for (subject, claims, expected) in table {
        let mut claims = claims.clone();
        claims["sub"] = subject.into();
        assert_eq!(token(&claims).immutable_subject().as_deref(), expected, "{subject}");
    }
}
