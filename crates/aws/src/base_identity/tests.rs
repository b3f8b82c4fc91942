//! What the SDK says, and what a user reads: texts as aws-config 1.13 writes them, codes and messages as AWS does.

use super::{Attempts, BaseProblem, CredentialVariables, Origin, OriginKind, missing::explain, refused};
use crate::fault::AwsFault;
use shipgate_core::connection::ConnectionProblem;

const KEYS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "abc/def+ghi")];
const SSO: [(&str, &str); 1] = [("AWS_PROFILE", "shop")];

/// Variables with their values.
type Pairs<'a> = &'a [(&'a str, &'a str)];

fn variables(pairs: &[(&str, &str)]) -> CredentialVariables {
    let pairs: Vec<(String, String)> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    CredentialVariables::read(|name| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()))
}

/// What a provider that ended the search said.
fn ended(texts: &[&str]) -> Attempts {
    let texts = texts.iter().map(|&text| text.to_owned()).collect();
    Attempts {
        providers: vec![(String::new(), texts)],
        fault: None,
        connection: None,
        claims: None,
        region: "eu-west-1".to_owned(),
    }
}

/// A search to the end, with what the profile's provider said.
fn searched(profile: &[&str]) -> Attempts {
    let texts = |all: &[&str]| all.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let off = "the credential provider was not enabled";
    let with = |own: &[&str]| texts(&[&[off], own].concat());
    let providers = vec![
        ("Environment".to_owned(), with(&["environment variable not set"])),
        ("Profile".to_owned(), with(profile)),
        ("WebIdentityToken".to_owned(), with(&["$AWS_WEB_IDENTITY_TOKEN_FILE was not set"])),
        ("EcsContainer".to_owned(), with(&["ECS provider not configured"])),
        ("Ec2InstanceMetadata".to_owned(), with(&["could not communicate with IMDS", "dispatch failure", "io error"])),
    ];
    Attempts { providers, fault: None, connection: None, claims: None, region: "eu-west-1".to_owned() }
}

/// The variables, with the profile that its settings or those of `shop` lead to.
fn leading_to(pairs: &[(&str, &str)], profile: &str, kind: OriginKind) -> CredentialVariables {
    let referrer = (profile != "shop").then(|| "shop".to_owned());
    CredentialVariables { origin: Some(Origin { profile: profile.to_owned(), referrer, kind }), ..variables(pairs) }
}

fn assert_explained(attempts: &Attempts, pairs: &[(&str, &str)], message: &str, hint: &str) {
    let problem = explain(attempts, &variables(pairs));
    assert_readable(&problem, message, hint);
}

/// The words, and that neither line is one of the SDK's, or more than a line.
fn assert_readable(problem: &BaseProblem, message: &str, hint: &str) {
    assert!(problem.message.starts_with(message), "{}\n  {message}", problem.message);
    assert!(problem.hint.contains(hint), "{}: {}\n  {hint}", problem.message, problem.hint);
    let debris = [
        "an error occurred",
        "dispatch failure",
        "was not enabled",
        "NotLoaded",
        "service error",
        "unhandled error",
        " { ",
        "Some(",
        "StatusCode",
        "at offset",
        "TTL",
        "header value",
        "could not parse",
    ];
    for text in [&problem.message, &problem.hint] {
        assert!(text.lines().count() == 1 && !debris.iter().any(|piece| text.contains(piece)), "{text}");
        assert!(!text.contains("trust policy") && !text.contains("network"), "{text}");
    }
}

#[test]
fn nothing_set_says_how_to_have_credentials() {
    assert_explained(&searched(&[]), &[], "no AWS credentials were found", "AWS_PROFILE");
}

#[test]
fn half_of_a_key_pair_names_the_other_half() {
    let table: [(Pairs<'_>, &str, &str); 5] = [
        (&KEYS[..1], "AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not", "export AWS_SECRET_ACCESS_KEY"),
        (&KEYS[1..], "AWS_SECRET_ACCESS_KEY is set but AWS_ACCESS_KEY_ID is not", "export AWS_ACCESS_KEY_ID"),
        (
            &[KEYS[0], ("AWS_SECRET_ACCESS_KEY", "")],
            "AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is empty",
            "secret is defined",
        ),
        (
            &[("AWS_ACCESS_KEY_ID", " "), KEYS[1]],
            "AWS_SECRET_ACCESS_KEY is set but AWS_ACCESS_KEY_ID is empty",
            "secret is defined",
        ),
        (
            &[("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")],
            "AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is set to nothing",
            "pull requests from forks",
        ),
    ];
    for (pairs, message, hint) in table {
        assert_explained(&searched(&[]), pairs, message, hint);
    }
}

#[test]
fn contradictions_are_found_before_anything_is_asked() {
    let found = |pairs: &[(&str, &str)]| variables(pairs).contradiction().map(|problem| problem.message);
    assert_eq!(found(&KEYS), None);
    assert_eq!(found(&[]), None);
    assert_eq!(found(&KEYS[..1]).unwrap(), "AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not");
    assert_eq!(found(&[KEYS[0], SSO[0]]), None, "the profile has them");
    assert_eq!(found(&KEYS[1..]), None, "other providers come first");
    for wrong in ["AKIA ", "\"AKIA\"", "AKIA\n", "'AKIA"] {
        let found = found(&[("AWS_ACCESS_KEY_ID", wrong), KEYS[1]]);
        assert!(found.unwrap().starts_with("AWS_ACCESS_KEY_ID holds a blank"), "{wrong:?}");
    }
    let found = found(&[KEYS[0], ("AWS_SECRET_ACCESS_KEY", "abc def")]).unwrap();
    assert!(found.starts_with("AWS_SECRET_ACCESS_KEY holds a blank") && !found.contains("abc"), "{found}");
}

#[test]
fn profiles_are_named_with_what_they_lack() {
    let not_built = |text: &str| {
        let text = format!("ProfileFile provider could not be built: {text}");
        ended(&["the credentials provider was not properly configured", &text])
    };
    let table = [
        (searched(&[]), "profile shop (AWS_PROFILE) has no credentials", "aws configure --profile shop"),
        (
            searched(&["profile `shop` was not defined: could not find source profile shop"]),
            "profile shop (AWS_PROFILE) does not exist",
            "aws configure list-profiles",
        ),
        (
            searched(&["profile `base` was not defined: could not find source profile base referenced from shop"]),
            "profile shop is not complete: profile `base` was not defined",
            "--profile shop` must work",
        ),
        (
            not_built(
                "profile formed an infinite loop. first we loaded [\"shop\", \"base\"], then attempted to reload shop",
            ),
            "the source_profile settings of shop, base form a loop",
            "`source_profile`",
        ),
        (
            not_built(
                "invalid credential source in `shop`: could not load source profile: profile `base` did not contain credential information",
            ),
            "profile shop is not complete: invalid credential source in `shop`",
            "~/.aws/config",
        ),
        (
            not_built(
                "profile `shop` has invalid SSO config: if `sso_account_id` is set, then `sso_role_name` must also be set",
            ),
            "profile shop is not complete: profile `shop` has invalid SSO config",
            "~/.aws/config",
        ),
        (
            not_built("sso-session named `corp` (referenced by profile `shop`) was not found"),
            "profile shop names sso-session corp",
            "aws configure sso-session",
        ),
        (
            not_built("This behavior requires following cargo feature(s) enabled: credentials-login. In order to…"),
            "profile shop uses a login that shipgate cannot read",
            "aws configure export-credentials --profile shop --format env",
        ),
        (
            not_built(
                "invalid profile: error parsing /home/ci/.aws/config on line 3:\n  Expected an '=' sign defining a property",
            ),
            "the AWS profile files cannot be read: error parsing /home/ci/.aws/config on line 3: Expected",
            "fix that line",
        ),
    ];
    for (attempts, message, hint) in table {
        assert_explained(&attempts, &SSO, message, hint);
    }
}

#[test]
fn sso_without_a_session_names_the_login() {
    let failed = "an error occurred while loading credentials";
    let token = "an error occurred while loading an access token";
    let table: [(&[&str], &str); 5] = [
        (
            &[failed, token, "the SSO token has expired and cannot be refreshed"],
            "the SSO session of profile shop has expired",
        ),
        (&[failed, token, "failed to load the cached SSO token"], "there is no SSO session for profile shop"),
        (
            &[failed, "failed to read `/home/ci/.aws/sso/cache/0a.json`", "No such file"],
            "there is no SSO session for profile shop",
        ),
        (&[failed, "missing field `accessToken` in cached SSO token file"], "there is no SSO session for profile shop"),
        (
            &[failed, "service error", "UnauthorizedException: Session token not found or invalid"],
            "the SSO session of profile shop has expired",
        ),
    ];
    for (texts, message) in table {
        assert_explained(&ended(texts), &SSO, message, "aws sso login --profile shop");
        assert_explained(&ended(texts), &[], &message.replace("shop", "default"), "aws sso login --profile default");
    }
    let forbidden = ended(&[failed, "service error", "ForbiddenException: No access"]);
    assert_explained(&forbidden, &SSO, "the SSO user may not use the role of profile shop", "sso_role_name");
}

#[test]
fn credential_processes_are_named_and_their_output_is_not_shown() {
    let failed = "an error occurred while loading credentials";
    let process = |text: &str| ended(&[failed, failed, text]);
    let table = [
        (
            "Error retrieving credentials: external process exited with code exit status: 127. Stderr: sh: 1: vault-aws: not found\n",
            "the credential_process of profile shop failed (exit status: 127)",
        ),
        (
            "Error retrieving credentials: external process exited with code exit status: 1. Stderr: ",
            "the credential_process of profile shop failed (exit status: 1)",
        ),
        (
            "Error retrieving credentials: external process exited with code exit status: 1. Stderr: password hunter2\nthe SSO token has expired",
            "the credential_process of profile shop failed (exit status: 1)",
        ),
        (
            "Error retrieving credentials: external process exited with code signal: 9 (SIGKILL). Stderr: ",
            "the credential_process of profile shop failed (signal: 9 (SIGKILL))",
        ),
        (
            "Error retrieving credentials from external process, could not parse response: Invalid field in response: `Expiration`. hunter2",
            "the credential_process of profile shop printed credentials with a value of Expiration that is not valid",
        ),
        (
            "Error retrieving credentials from external process, could not parse response: invalid JSON in response: at hunter2",
            "the credential_process of profile shop printed something else than the JSON of credentials",
        ),
        (
            "Error retrieving credentials from external process, could not parse response: Expected field `SecretAccessKey` in response",
            "the credential_process of profile shop printed credentials without SecretAccessKey",
        ),
    ];
    for (text, message) in table {
        assert_explained(&process(text), &SSO, message, "credential_process");
        let shown = explain(&process(text), &variables(&SSO)).message;
        assert!(!shown.contains("hunter2") && !shown.contains("vault-aws") && !shown.contains("Stderr"), "{shown}");
    }
}

#[test]
fn token_files_and_endpoints_are_named() {
    let file = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/run/token"), ("AWS_ROLE_ARN", "arn:aws:iam::333333333333:role/ci")];
    let failed = "an error occurred while loading credentials";
    let no_role = ended(&["x", "AWS_ROLE_ARN environment variable must be set"]);
    assert_explained(
        &no_role,
        &file[..1],
        "AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not",
        "export AWS_ROLE_ARN",
    );
    let missing = ended(&[failed, "No such file or directory (os error 2)"]);
    let message =
        "the token in /run/token (AWS_WEB_IDENTITY_TOKEN_FILE) cannot be read: No such file or directory (os error 2)";
    assert_explained(&missing, &file, message, "a file that this job can read");
    let fault = AwsFault::refused("sts:AssumeRoleWithWebIdentity", "ExpiredTokenException", "Token expired");
    let expired = Attempts { fault: Some(fault), ..ended(&[failed]) };
    let message = "arn:aws:iam::333333333333:role/ci (AWS_ROLE_ARN) cannot be assumed with the token in /run/token: sts:AssumeRole";
    assert_explained(&expired, &file, message, "write a new token to /run/token");

    let container = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials")];
    let refused = |host: &str| {
        let problem = ConnectionProblem::read(host, None, &["Connection refused (os error 111)".to_owned()]);
        Attempts { connection: Some(problem), ..ended(&[failed]) }
    };
    let message =
        "the endpoint of the container's credentials (AWS_CONTAINER_CREDENTIALS_FULL_URI) gives none: 169.254.170.23";
    assert_explained(&refused("169.254.170.23"), &container, message, "unset AWS_CONTAINER_CREDENTIALS_FULL_URI");
    let message = "the instance metadata service gives no credentials: 169.254.169.254 refuses the connection";
    assert_explained(&refused("169.254.169.254"), &[], message, "attach a role");
    let answered = ended(&[
        failed,
        "error response from IMDS (code: 404). Response { status: StatusCode(404), body: SdkBody { } }",
    ]);
    assert_explained(&answered, &[], "the instance metadata service answered 404", "attach a role");
    let invalid =
        ended(&["x", "invalid full URI for ECS provider (URI did not refer to the loopback interface): http://a/"]);
    assert_explained(&invalid, &container, "the endpoint of the container's credentials cannot be used", "unset it");
}

#[test]
fn roles_of_profiles_are_named() {
    let fault =
        AwsFault::refused("sts:AssumeRole", "AccessDenied", "User: u is not authorized to perform: sts:AssumeRole");
    let attempts = Attempts { fault: Some(fault), ..ended(&["an error occurred while loading credentials"]) };
    assert_explained(
        &attempts,
        &SSO,
        "the role of profile shop cannot be assumed: sts:AssumeRole failed (AccessDenied)",
        "`role_arn`",
    );
}

fn assert_refused(code: &str, text: &str, pairs: &[(&str, &str)], message: &str, hint: &str) {
    let fault = AwsFault::refused("sts:AssumeRole", code, text);
    let problem = refused(&fault, &variables(pairs), "eu-west-1", None).unwrap_or_else(|| panic!("{code}"));
    assert_readable(&problem, message, hint);
}

#[test]
fn refused_credentials_are_told_as_what_they_are() {
    let invalid = "The security token included in the request is invalid.";
    let session = [("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE"), KEYS[1], ("AWS_SESSION_TOKEN", "t")];
    let in_variables = "the AWS credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY have expired";
    assert_refused("ExpiredToken", "expired", &session, in_variables, "from a new session");
    let profile = "the AWS credentials of profile shop (AWS_PROFILE) have expired";
    assert_refused("ExpiredTokenException", "expired", &SSO, profile, "`aws sts get-caller-identity --profile shop`");
    assert_refused(
        "InvalidClientTokenId",
        invalid,
        &KEYS,
        "AWS does not know the access key in AWS_ACCESS_KEY_ID",
        "list-access-keys",
    );
    assert_refused(
        "UnrecognizedClientException",
        invalid,
        &SSO,
        "AWS does not know the access key of profile shop",
        "aws configure",
    );
    assert_refused(
        "InvalidClientTokenId",
        invalid,
        &session[..2],
        "AWS_SESSION_TOKEN is not set",
        "export AWS_SESSION_TOKEN",
    );
    let stale = [KEYS[0], KEYS[1], session[2]];
    assert_refused("InvalidClientTokenId", invalid, &stale, "AWS_SESSION_TOKEN is set, but", "unset AWS_SESSION_TOKEN");
    let mismatch = "The request signature we calculated does not match the signature you provided.";
    let message = "the secret access key does not belong to the access key ID";
    assert_refused(
        "SignatureDoesNotMatch",
        mismatch,
        &KEYS,
        message,
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY again",
    );
    assert_refused("InvalidSignatureException", mismatch, &SSO, message, "aws configure --profile shop");
    assert_refused(
        "IncompleteSignature",
        "x",
        &KEYS,
        "AWS cannot read the signature: the access key ID",
        "letters and digits",
    );
    assert_refused(
        "MissingAuthenticationToken",
        "x",
        &[],
        "the request reached AWS without its signature",
        "Authorization header",
    );
    assert_refused(
        "RegionDisabledException",
        "x",
        &KEYS,
        "the account has not enabled region eu-west-1",
        "enable-region",
    );
    let validate = "AWS was not able to validate the provided access credentials";
    assert_refused("AuthFailure", validate, &KEYS, "the account has not enabled region eu-west-1", "enable-region");

    let unknown = AwsFault::refused("sts:AssumeRole", "InvalidClientTokenId", invalid);
    let problem = refused(&unknown, &variables(&KEYS), "af-south-1", None).unwrap();
    assert!(problem.hint.starts_with("aws account enable-region --region-name af-south-1"), "{}", problem.hint);
    for code in ["AccessDenied", "ValidationError", "PackedPolicyTooLarge", "Throttling", "IDPRejectedClaim"] {
        let fault = AwsFault::refused("sts:AssumeRole", code, "no");
        assert_eq!(refused(&fault, &variables(&KEYS), "eu-west-1", None), None, "{code}");
    }
}

#[test]
fn an_unreachable_sts_is_no_refusal() {
    let problem = ConnectionProblem::read("sts.eu-west-1.amazonaws.com", None, &["dns error".to_owned()]);
    let fault = AwsFault { connection: Some(Box::new(problem)), ..AwsFault::unusable("sts:AssumeRole", "m") };
    let problem = refused(&fault, &variables(&KEYS), "eu-west-1", None).unwrap();
    assert_readable(&problem, "AWS STS cannot be reached: sts.eu-west-1.amazonaws.com does not resolve", "nslookup");
}

#[test]
fn a_wrong_clock_is_measured() {
    let expired =
        "Signature expired: 20261130T100000Z is now earlier than 20261130T101500Z (20261130T102000Z - 5 min.)";
    let early =
        "Signature not yet current: 20261130T120000Z is still later than 20261130T100500Z (20261130T100000Z + 5 min.)";
    for code in ["SignatureDoesNotMatch", "InvalidSignatureException"] {
        assert_refused(code, expired, &KEYS, "this machine's clock is 20 min behind AWS's", "timedatectl");
        assert_refused(code, early, &KEYS, "this machine's clock is 2 h ahead of AWS's", "timedatectl");
    }
    let skewed = "The difference between the request time and the current time is too large.";
    assert_refused(
        "RequestTimeTooSkewed",
        skewed,
        &KEYS,
        "this machine's clock is not AWS's (RequestTimeTooSkewed",
        "timedatectl",
    );
    let fault = AwsFault::refused("sts:AssumeRole", "RequestTimeTooSkewed", skewed);
    let problem = refused(&fault, &variables(&KEYS), "eu-west-1", Some(-5_430)).unwrap();
    assert!(problem.message.starts_with("this machine's clock is 1 h 30 min behind AWS's"), "{}", problem.message);
}

#[test]
fn expired_profiles_are_renewed_by_their_settings() {
    let expired = AwsFault::refused("sts:AssumeRole", "ExpiredToken", "expired");
    let token = OriginKind::TokenFile { file: "/run/token".to_owned(), role: None };
    let table = [
        ("shop", OriginKind::Sso, "profile shop (AWS_PROFILE)", "aws sso login --profile shop"),
        ("login", OriginKind::Sso, "profile login (source_profile of shop)", "aws sso login --profile login"),
        ("shop", OriginKind::Keys, "profile shop (AWS_PROFILE)", "aws_session_token of profile shop"),
        ("keys", OriginKind::Keys, "profile keys (source_profile of shop)", "aws_session_token of profile keys"),
        ("shop", OriginKind::Process, "profile shop (AWS_PROFILE)", "`credential_process` of profile shop"),
        ("shop", token, "profile shop (AWS_PROFILE)", "/run/token"),
    ];
    for (profile, kind, named, hint) in table {
        let is_sso = kind == OriginKind::Sso;
        let message = format!("the AWS credentials of {named} have expired");
        let known = leading_to(&SSO, profile, kind);
        let of_caller = refused(&expired, &known, "eu-west-1", None).unwrap();
        // STS answers a role of the profile the same.
        let attempts = Attempts { fault: Some(expired.clone()), ..ended(&["x"]) };
        for problem in [of_caller, explain(&attempts, &known)] {
            assert_readable(&problem, &message, hint);
            assert_eq!(problem.hint.contains("aws sso login"), is_sso, "{}", problem.hint);
        }
    }
    let default = leading_to(&[], "default", OriginKind::Sso);
    let default = CredentialVariables { origin: default.origin.map(|o| Origin { referrer: None, ..o }), ..default };
    let problem = refused(&expired, &default, "eu-west-1", None).unwrap();
    assert_readable(&problem, "the AWS credentials of profile default have expired", "aws sso login --profile default");
}

#[test]
fn chained_profiles_are_blamed_themselves() {
    let failed = "an error occurred while loading credentials";
    let sso = leading_to(&SSO, "login", OriginKind::Sso);
    let process = leading_to(&SSO, "vault", OriginKind::Process);
    let not_built = |text: &str| ended(&["x", &format!("ProfileFile provider could not be built: {text}")]);
    let exited = "Error retrieving credentials: external process exited with code exit status: 3. Stderr: locked";
    let table = [
        (
            ended(&[failed, "the SSO token has expired and cannot be refreshed"]),
            &sso,
            "the SSO session of profile login has expired",
            "aws sso login --profile login",
        ),
        (
            ended(&[failed, "failed to load the cached SSO token"]),
            &sso,
            "there is no SSO session for profile login",
            "aws sso login --profile login",
        ),
        (
            ended(&[failed, exited]),
            &process,
            "the credential_process of profile vault failed (exit status: 3)",
            "of profile vault",
        ),
        (
            searched(&["profile `nobody` was not defined: could not find source profile nobody referenced from hub"]),
            &variables(&SSO),
            "profile hub is not complete: profile `nobody` was not defined",
            "edit profile hub",
        ),
        (
            not_built(
                "invalid credential source in `keys`: could not load source profile: profile missing aws_access_key_id",
            ),
            &variables(&SSO),
            "profile keys is not complete",
            "edit profile keys",
        ),
    ];
    for (attempts, known, message, hint) in table {
        assert_readable(&explain(&attempts, known), message, hint);
    }
}

#[test]
fn answers_of_sso_are_named() {
    let failed = "an error occurred while loading credentials";
    let sso = leading_to(&SSO, "shop", OriginKind::Sso);
    let table = [
        (
            "ResourceNotFoundException: Role ci not found",
            "SSO does not find the account or role of profile shop: ResourceNotFoundException: Role ci not found",
            "sso_role_name",
        ),
        (
            "TooManyRequestsException: slow",
            "SSO limits the requests for the credentials of profile shop: TooManyRequestsException: slow",
            "in a minute",
        ),
        (
            "InvalidRequestException: no such account",
            "SSO refuses the credentials of profile shop: InvalidRequestException: no such account",
            "--profile shop` must work",
        ),
        ("unhandled error (InternalError)", "SSO refuses the credentials of profile shop: InternalError", "again"),
        ("unhandled error", "SSO refuses the credentials of profile shop: an error without a code", "again"),
    ];
    for (answer, message, hint) in table {
        let texts = [failed, "service error", answer, "Error { code: \"x\" }"];
        assert_readable(&explain(&ended(&texts), &sso), message, hint);
    }
    let refused = ConnectionProblem::read("127.0.0.1:1", None, &["Connection refused".to_owned()]);
    let attempts = Attempts { connection: Some(refused), ..ended(&[failed]) };
    let message = "the AWS credentials of profile shop (SSO) cannot be loaded: 127.0.0.1:1 refuses the connection";
    assert_readable(&explain(&attempts, &sso), message, "check host and port");
}

#[test]
fn settings_of_profiles_are_named() {
    let failed = "an error occurred while loading credentials";
    let role = "arn:aws:iam::333333333333:role/ci";
    let web = || OriginKind::TokenFile { file: "/nope/token".to_owned(), role: Some(role.to_owned()) };
    let named = |source: &str| leading_to(&SSO, "shop", OriginKind::Named(source.to_owned()));
    let missing = ended(&[failed, "No such file or directory (os error 2)"]);
    let of_shop = leading_to(&SSO, "shop", web());
    let message = "the token in /nope/token (web_identity_token_file of profile shop) cannot be read: No such file";
    assert_readable(&explain(&missing, &of_shop), message, "web_identity_token_file of profile shop");
    let fault = AwsFault::refused("sts:AssumeRoleWithWebIdentity", "InvalidIdentityToken", "not a valid JWT");
    let garbage = Attempts { fault: Some(fault), ..ended(&[failed]) };
    let message =
        format!("{role} (role_arn of profile shop) cannot be assumed with the token in /nope/token: sts:AssumeRole");
    let hint = "/nope/token (web_identity_token_file of profile shop) holds an OIDC token";
    assert_readable(&explain(&garbage, &of_shop), &message, hint);
    let disabled = "IMDS disabled by AWS_EC2_METADATA_DISABLED env var set to `true`";
    let table = [
        ("Environment", "environment variable not set", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"),
        ("EcsContainer", "ECS provider not configured", "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor"),
        ("Ec2InstanceMetadata", disabled, "AWS_EC2_METADATA_DISABLED turns"),
        ("Ec2InstanceMetadata", "could not communicate with IMDS", "the instance metadata service gives no"),
    ];
    for (source, said, lacks) in table {
        let message = format!("profile shop has credential_source = {source}, but {lacks}");
        for attempts in [searched(&[said]), ended(&[failed, "the credential provider was not enabled", said])] {
            assert_readable(&explain(&attempts, &named(source)), &message, "credential_source of profile shop");
        }
    }
    let empty = [("AWS_WEB_IDENTITY_TOKEN_FILE", ""), ("AWS_ROLE_ARN", role)];
    assert_explained(&missing, &empty, "AWS_WEB_IDENTITY_TOKEN_FILE is set to nothing", "or unset it");
    let unknown = ended(&[failed, "it is gone"]);
    assert_explained(
        &unknown,
        &SSO,
        "the credentials of profile shop (AWS_PROFILE) cannot be loaded: it is gone",
        "shop",
    );
}

#[test]
fn broken_profile_files_are_named_with_the_line() {
    let broken =
        ended(&["x", "ProfileFile provider could not be built: invalid profile: could not parse profile file"]);
    let place = "error parsing ~/.aws/config on line 3:\n  Expected an '=' sign defining a property";
    let known = CredentialVariables { file_problem: Some(place.to_owned()), ..variables(&SSO) };
    let message = "the AWS profile files cannot be read: error parsing ~/.aws/config on line 3: Expected an '=' sign";
    assert_readable(&explain(&broken, &known), message, "fix that line");
}

#[test]
fn answers_of_containers_endpoints_are_named() {
    let uri = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://me:hunter2@127.0.0.1/x");
    let token_file = ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nope/token");
    let endpoint = "the endpoint of the container's credentials (AWS_CONTAINER_CREDENTIALS_FULL_URI)";
    let invalid = "the endpoint of the container's credentials cannot be used (AWS_CONTAINER_CREDENTIALS_FULL_URI)";
    let denied = "failed to load credentials [AccessDenied]: for hunter2";
    let header = "the auth token could not be used as an HTTP header value. failed to parse header value";
    let alone: Pairs<'_> = &[uri];
    let with_file: Pairs<'_> = &[uri, token_file];
    let table = [
        (
            alone,
            "Non-success status from HTTP credential provider: StatusCode(403)",
            format!("{endpoint} gives none: it answered 403"),
            "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        ),
        (alone, denied, format!("{endpoint} gives none: it answered AccessDenied"), "unset AWS_CONTAINER"),
        (
            alone,
            "invalid JSON in response: Error at offset 0: unexpected token '<'",
            format!("{endpoint} answered something else than the JSON of credentials"),
            "unset AWS_CONTAINER_CREDENTIALS_FULL_URI",
        ),
        (
            alone,
            "invalid full URI for ECS provider (failed to perform DNS lookup while validating URI): http://me:hunter2@h/x",
            format!("{invalid}: its host does not resolve"),
            "correct AWS_CONTAINER_CREDENTIALS_FULL_URI",
        ),
        (
            alone,
            "invalid full URI for ECS provider (URI was invalid): hunter2",
            format!("{invalid}: it is not a URL"),
            "correct AWS_CONTAINER_CREDENTIALS_FULL_URI",
        ),
        (
            alone,
            header,
            "the token of AWS_CONTAINER_AUTHORIZATION_TOKEN has a line break".to_owned(),
            "set AWS_CONTAINER_AUTHORIZATION_TOKEN again",
        ),
        (
            with_file,
            header,
            "the token of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE has a line break".to_owned(),
            "set AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE again",
        ),
        (
            with_file,
            "No such file or directory (os error 2)",
            "the token in /nope/token (AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE) cannot be read: No such file".to_owned(),
            "unset AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        ),
    ];
    for (pairs, said, message, hint) in table {
        let attempts = ended(&["an error occurred while loading credentials", said]);
        assert_explained(&attempts, pairs, &message, hint);
        assert!(!explain(&attempts, &variables(pairs)).message.contains("hunter2"), "{said}");
    }
}

#[test]
fn answers_of_the_metadata_service_are_named() {
    let token = "failed to load IMDS session token";
    let endpoint = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9")];
    let service = "the instance metadata service (AWS_EC2_METADATA_SERVICE_ENDPOINT)";
    let table: [(&[&str], String, &str); 6] = [
        (
            &[token, "service error", "token response did not contain a TTL header"],
            format!("{service} answered the request for a session token without one"),
            "correct AWS_EC2_METADATA_SERVICE_ENDPOINT",
        ),
        (
            &[token, "request forbidden: IMDS is disabled or the caller has insufficient permissions."],
            format!("{service} answered 403 to the request for a session token"),
            "attach a role",
        ),
        (
            &["invalid JSON in response: Error at offset 0: unexpected token '<'"],
            format!("{service} answered something else than the JSON of credentials"),
            "correct AWS_EC2_METADATA_SERVICE_ENDPOINT",
        ),
        (
            &["Error retrieving credentials from IMDS: InstanceProfileNotFound none"],
            format!("{service} gives no credentials: InstanceProfileNotFound none"),
            "attach a role",
        ),
        (
            &["failed to build IMDS client: invalid URI", "invalid uri character"],
            "AWS_EC2_METADATA_SERVICE_ENDPOINT (or its setting in ~/.aws/config) is not a URL".to_owned(),
            "http://169.254.169.254",
        ),
        (
            &["failed to build IMDS client: invalid endpoint mode", "`x` is not a valid endpoint mode"],
            "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE (or its setting in ~/.aws/config) is neither IPv4 nor".to_owned(),
            "IPv6",
        ),
    ];
    for (texts, message, hint) in table {
        let texts = [&["an error occurred while loading credentials"], texts].concat();
        assert_explained(&ended(&texts), &endpoint, &message, hint);
    }
    let message = "no AWS credentials were found: the instance metadata service (AWS_EC2_METADATA_SERVICE_ENDPOINT)";
    assert_explained(&searched(&[]), &endpoint, message, "unset it");
    let refused = ConnectionProblem::read("127.0.0.1:9", None, &["Connection refused".to_owned()]);
    let attempts = Attempts { connection: Some(refused), ..ended(&["could not communicate with IMDS"]) };
    let shop = leading_to(&[SSO[0], endpoint[0]], "shop", OriginKind::Named("Ec2InstanceMetadata".to_owned()));
    let message = format!("{service} gives no credentials: 127.0.0.1:9 refuses the connection");
    assert_readable(&explain(&attempts, &shop), &message, "correct AWS_EC2_METADATA_SERVICE_ENDPOINT");
}
