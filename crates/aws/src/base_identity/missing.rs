//! No credentials: which provider should have given some, and why it did not.

use super::{Attempts, BaseProblem, CredentialVariables, OriginKind, Source, Variable, refused};
use crate::{
    fault::{AwsFault, telling_part},
    refusal::token_hint,
};

/// How to have credentials.
const HOW_TO: &str = "set AWS_PROFILE (after `aws sso login --profile NAME`), or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; in CI, give \
     the job an OIDC token; `shipgate doctor` shows what it finds";

/// Explains it: what STS answered, then what a provider says of its configuration, then what the variables lack.
pub(super) fn explain(attempts: &Attempts, variables: &CredentialVariables) -> BaseProblem {
    answered(attempts, variables)
        .or_else(|| unreachable(attempts, variables))
        .or_else(|| attempts.providers.iter().find_map(|(_, texts)| configured(texts, variables)))
        .or_else(|| of_variables(attempts, variables))
        .unwrap_or_else(|| other(attempts, variables))
}

/// STS refused the request of a provider.
fn answered(attempts: &Attempts, variables: &CredentialVariables) -> Option<BaseProblem> {
    let fault = attempts.fault.as_ref()?;
    if fault.action == "sts:AssumeRole" {
        return Some(refused(fault, variables, &attempts.region, None).unwrap_or_else(|| role(fault, variables)));
    }
    let (role, file, of_role, of_file) = match variables.origin_kind() {
        Some(OriginKind::TokenFile { file, role }) => {
            let profile = variables.profile_name();
            let of = |setting: &str| format!("{setting} of profile {profile}");
            (role.as_deref(), Some(file.as_str()), of("role_arn"), of("web_identity_token_file"))
        }
        _ => (
            variables.role_arn.as_deref(),
            variables.token_file.as_deref(),
            "AWS_ROLE_ARN".to_owned(),
            "AWS_WEB_IDENTITY_TOKEN_FILE".to_owned(),
        ),
    };
    let (role, file) = (role.unwrap_or("the role"), file.unwrap_or("the token file"));
    let message = format!("{role} ({of_role}) cannot be assumed with the token in {file}: {fault}");
    let hint = match fault.code.as_deref() {
        Some("ExpiredTokenException" | "ExpiredToken") => {
            format!("write a new token to {file} ({of_file}): the one in it has expired")
        }
        _ => match &attempts.claims {
            Some(claims) => token_hint(role, claims, fault),
            None => format!("check that {file} ({of_file}) holds an OIDC token of this job"),
        },
    };
    Some(BaseProblem::new(message, hint))
}

fn role(fault: &AwsFault, variables: &CredentialVariables) -> BaseProblem {
    let profile = variables.selected();
    let hint = fault.hint().filter(|_| !fault.is_access_denied()).unwrap_or_else(|| {
        format!(
            "check `role_arn` and `source_profile` of profile {profile} in ~/.aws/config: `aws sts get-caller-identity \
             --profile {profile}` must work"
        )
    });
    BaseProblem::new(format!("the role of profile {profile} cannot be assumed: {fault}"), hint)
}

/// A provider's endpoint gave no answer.
fn unreachable(attempts: &Attempts, variables: &CredentialVariables) -> Option<BaseProblem> {
    let problem = attempts.connection.as_ref()?;
    if let Some(name) = variables.container.filter(|_| variables.uses_container()) {
        return Some(of_container(name, &format!("gives none: {problem}")));
    }
    if let Some(name) = variables.metadata.filter(|_| names_instance(variables)) {
        return Some(BaseProblem::new(
            format!("the instance metadata service ({name}) gives no credentials: {problem}"),
            format!("correct {name}, or unset it"),
        ));
    }
    if problem.host.starts_with("169.254.") {
        return Some(BaseProblem::new(
            format!("the instance metadata service gives no credentials: {problem}"),
            "attach a role to the instance, and let containers reach its metadata (hop limit 2), or give credentials another way",
        ));
    }
    let what = match variables.origin_kind() {
        Some(OriginKind::Sso) => format!("the AWS credentials of profile {} (SSO)", variables.profile_name()),
        Some(_) | None => "the AWS credentials".to_owned(),
    };
    Some(BaseProblem::new(format!("{what} cannot be loaded: {problem}"), problem.hint()))
}

/// What a provider says of its configuration, by its texts (`aws-config`, `profile/credentials.rs`, `sso/`,
/// `credential_process.rs`, `ecs.rs`, `imds/`).
fn configured(texts: &[String], variables: &CredentialVariables) -> Option<BaseProblem> {
    let all = texts.join("\n");
    // What a program printed may be anything: nothing else is read from it.
    process(&all, variables)
        .or_else(|| sso(texts, &all, variables))
        .or_else(|| profile(texts, &all, variables))
        .or_else(|| web_identity(&all, variables))
        .or_else(|| container(texts, &all, variables))
        .or_else(|| metadata(&all, variables))
}

fn sso(texts: &[String], all: &str, variables: &CredentialVariables) -> Option<BaseProblem> {
    let profile = variables.profile_name();
    let log_in = format!("aws sso login --profile {profile}");
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| all.contains(phrase));
    if says(&["the SSO token has expired", "UnauthorizedException"]) {
        return Some(BaseProblem::new(format!("the SSO session of profile {profile} has expired"), log_in));
    }
    if says(&["failed to load the cached SSO token", "sso/cache", "cached SSO token file"]) {
        return Some(BaseProblem::new(format!("there is no SSO session for profile {profile}"), log_in));
    }
    let settings = format!("correct sso_account_id and sso_role_name of profile {profile} in ~/.aws/config");
    if says(&["ForbiddenException"]) {
        return Some(BaseProblem::new(format!("the SSO user may not use the role of profile {profile}"), settings));
    }
    if let Some(session) = quoted_after(all, "sso-session named ") {
        return Some(BaseProblem::new(
            format!("profile {profile} names sso-session {session}, which ~/.aws/config does not have"),
            format!("aws configure sso-session, with the name {session}"),
        ));
    }
    if variables.origin_kind() != Some(&OriginKind::Sso) {
        return None;
    }
    let answer = service_error(texts)?;
    if says(&["ResourceNotFoundException"]) {
        return Some(BaseProblem::new(
            format!("SSO does not find the account or role of profile {profile}: {answer}"),
            format!("{settings}, or have the role assigned to the SSO user"),
        ));
    }
    if says(&["TooManyRequestsException", "(429)"]) {
        return Some(BaseProblem::new(
            format!("SSO limits the requests for the credentials of profile {profile}: {answer}"),
            "run the same command again in a minute",
        ));
    }
    Some(BaseProblem::new(
        format!("SSO refuses the credentials of profile {profile}: {answer}"),
        format!("run the same command again; `aws sts get-caller-identity --profile {profile}` must work"),
    ))
}

/// What a service answered, by the texts of an SDK error: code and message, or the code alone.
fn service_error(texts: &[String]) -> Option<String> {
    let (_, answer) = texts.iter().zip(texts.iter().skip(1)).find(|(layer, _)| *layer == "service error")?;
    let answer = match answer.strip_prefix("unhandled error") {
        Some("") => "an error without a code",
        Some(code) => code.trim().trim_start_matches('(').trim_end_matches(')'),
        None => answer,
    };
    Some(one_line(answer))
}

fn process(all: &str, variables: &CredentialVariables) -> Option<BaseProblem> {
    let profile = variables.profile_name();
    let hint = format!(
        "run the command of `credential_process` of profile {profile} (~/.aws/config) by hand: it must print JSON"
    );
    let problem = |what: &str| BaseProblem::new(format!("the credential_process of profile {profile} {what}"), hint);
    // What it printed may hold keys and passwords: it is not shown.
    if let Some((_, rest)) = all.split_once("external process exited with code ") {
        let status = rest.split(". Stderr: ").next().and_then(|status| status.lines().next()).unwrap_or_default();
        return Some(problem(&format!("failed ({status})")));
    }
    if all.contains("external process, could not parse response") || all.contains("could not decode output") {
        let missing = quoted_after(all, "Expected field ").map(|field| format!("credentials without {field}"));
        let invalid = quoted_after(all, "Invalid field in response: ");
        let invalid = invalid.map(|field| format!("credentials with a value of {field} that is not valid"));
        let what = missing.or(invalid).unwrap_or_else(|| "something else than the JSON of credentials".to_owned());
        return Some(problem(&format!("printed {what}")));
    }
    all.contains("from external process").then(|| problem("cannot be run"))
}

fn profile(texts: &[String], all: &str, variables: &CredentialVariables) -> Option<BaseProblem> {
    let used = variables.selected();
    if all.contains("profile formed an infinite loop") {
        let names = all.split('"').skip(1).step_by(2).collect::<Vec<_>>().join(", ");
        return Some(BaseProblem::new(
            format!("the source_profile settings of {names} form a loop"),
            format!(
                "edit `source_profile` of profile {used} in ~/.aws/config: the chain must end at a profile with credentials"
            ),
        ));
    }
    if all.contains("cargo feature(s) enabled") {
        let profile = variables.profile_name();
        return Some(BaseProblem::new(
            format!("profile {profile} uses a login that shipgate cannot read (`aws login`)"),
            format!("eval \"$(aws configure export-credentials --profile {used} --format env)\""),
        ));
    }
    if let Some((_, rest)) = all.split_once("invalid profile: ") {
        let place = one_line(variables.file_problem.as_deref().unwrap_or(rest));
        return Some(BaseProblem::new(
            format!("the AWS profile files cannot be read: {place}"),
            "fix that line of the file",
        ));
    }
    if let Some((_, rest)) = all.split_once("was not defined: ") {
        let name = quoted_after(all, "profile ").unwrap_or(used);
        if name == used && !rest.contains("was missing") {
            return Some(BaseProblem::new(
                format!("profile {used} (AWS_PROFILE) does not exist"),
                format!(
                    "`aws configure list-profiles` shows the profiles; `aws configure --profile {used}` creates it"
                ),
            ));
        }
        // The profile that names it, or that lacks a setting, is the one to edit.
        let referrer = rest.split_once("referenced from ").map(|(_, name)| name.lines().next().unwrap_or_default());
        let faulty = referrer.unwrap_or(name);
        return Some(broken(faulty, &one_line(&texts.last().cloned().unwrap_or_default())));
    }
    let kinds = [
        "missing credential source in",
        "invalid credential source in",
        "has invalid SSO config",
        "profile referenced",
    ];
    if kinds.iter().any(|kind| all.contains(kind)) {
        let text = texts.last().cloned().unwrap_or_default();
        let text = text.trim_start_matches("ProfileFile provider could not be built: ");
        let named = quoted_after(text, "credential source in ").or_else(|| quoted_after(text, "profile "));
        return Some(broken(named.unwrap_or_else(|| variables.profile_name()), &one_line(text)));
    }
    None
}

fn broken(profile: &str, why: &str) -> BaseProblem {
    BaseProblem::new(
        format!("profile {profile} is not complete: {why}"),
        format!("edit profile {profile} in ~/.aws/config: `aws sts get-caller-identity --profile {profile}` must work"),
    )
}

fn web_identity(all: &str, variables: &CredentialVariables) -> Option<BaseProblem> {
    let lacks_role = all.contains("AWS_ROLE_ARN environment variable must be set");
    let is_of_profile = matches!(variables.origin_kind(), Some(OriginKind::TokenFile { .. }));
    if variables.has_empty_token_file && !is_of_profile && (lacks_role || all.contains("(os error")) {
        return Some(BaseProblem::new(
            "AWS_WEB_IDENTITY_TOKEN_FILE is set to nothing",
            "set AWS_WEB_IDENTITY_TOKEN_FILE to the file that holds the OIDC token of this job, or unset it",
        ));
    }
    lacks_role.then(|| {
        BaseProblem::new(
            "AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not",
            "set AWS_ROLE_ARN to the role that the token is for (export AWS_ROLE_ARN=arn:aws:iam::…:role/…)",
        )
    })
}

/// What the SDK says of an answer that holds no credentials.
const NO_CREDENTIALS: [&str; 5] =
    ["invalid JSON in response", "Expected field `", "Invalid field in response: `", "JSON document", "invalid utf-8"];

fn container(texts: &[String], all: &str, variables: &CredentialVariables) -> Option<BaseProblem> {
    let name = variables.container.unwrap_or("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if all.contains("URI for ECS provider") {
        // The address may hold a password: it is not shown.
        let reason = [
            ("DNS lookup", "its host does not resolve"),
            ("allowed IP", "over http:// the SDK connects to this machine and to the endpoints of ECS and EKS alone"),
            ("did not specify a host", "it has no host"),
        ];
        let why = reason.iter().find(|(text, _)| all.contains(text)).map_or("it is not a URL", |(_, why)| why);
        return Some(BaseProblem::new(
            format!("the endpoint of the container's credentials cannot be used ({name}): {why}"),
            format!("correct {name}, or unset it"),
        ));
    }
    if all.contains("auth token could not be used") || all.contains("failed to parse header value") {
        let token = match variables.container_token_file {
            Some(_) => "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            None => "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        };
        return Some(BaseProblem::new(
            format!("the token of {token} has a line break or another character that no HTTP header can have"),
            format!("set {token} again without it"),
        ));
    }
    if !variables.uses_container() {
        return None;
    }
    if let (Some(file), true) = (&variables.container_token_file, all.contains("(os error")) {
        let why = one_line(&telling_part(texts));
        return Some(BaseProblem::new(
            format!("the token in {file} (AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE) cannot be read: {why}"),
            "name a file that this job can read, or unset AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        ));
    }
    if let Some((_, rest)) = all.split_once("Non-success status from HTTP credential provider: ") {
        let status: String =
            rest.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        let problem = of_container(name, &format!("gives none: it answered {status}"));
        let is_denied = ["401", "403"].contains(&status.as_str());
        let token = "and the token in AWS_CONTAINER_AUTHORIZATION_TOKEN or AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
        let hint = if is_denied { format!("{}, {token}", problem.hint) } else { problem.hint };
        return Some(BaseProblem { hint, ..problem });
    }
    if let Some((_, answer)) = all.split_once("failed to load credentials [") {
        let code = answer.split(']').next().unwrap_or_default();
        return Some(of_container(name, &format!("gives none: it answered {code}")));
    }
    NO_CREDENTIALS
        .iter()
        .any(|text| all.contains(text))
        .then(|| of_container(name, "answered something else than the JSON of credentials"))
}

fn of_container(name: &str, what: &str) -> BaseProblem {
    BaseProblem::new(
        format!("the endpoint of the container's credentials ({name}) {what}"),
        format!("outside that container, unset {name}; inside, check that the task or pod has a role"),
    )
}

/// The instance metadata service.
fn metadata(all: &str, variables: &CredentialVariables) -> Option<BaseProblem> {
    let service = variables.metadata.map_or_else(
        || "the instance metadata service".to_owned(),
        |name| format!("the instance metadata service ({name})"),
    );
    let hint = variables.metadata.map_or_else(
        || "attach a role to the instance, or give credentials another way".to_owned(),
        |name| format!("correct {name}, or unset it; or attach a role to the instance"),
    );
    let problem = |what: &str| BaseProblem::new(format!("{service} {what}"), hint.clone());
    if all.contains("failed to build IMDS client") {
        let (name, what, values) = if all.contains("endpoint mode") {
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "is neither IPv4 nor IPv6", "IPv4 or IPv6")
        } else {
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "is not a URL", "a URL such as http://169.254.169.254")
        };
        return Some(BaseProblem::new(
            format!("{name} (or its setting in ~/.aws/config) {what}"),
            format!("set it to {values}, or remove it"),
        ));
    }
    if let Some((_, rest)) = all.split_once("error response from IMDS (code: ") {
        // The rest of that text is the response as a debugger shows it.
        let status = rest.split(')').next().unwrap_or_default();
        return Some(problem(&format!("answered {status} to the request for credentials")));
    }
    let token = [
        (
            "request forbidden",
            "answered 403 to the request for a session token: it is disabled, or refuses this machine",
        ),
        ("invalid request parameters", "answered 400 to the request for a session token"),
        ("TTL", "answered the request for a session token without one"),
        ("invalid token", "answered the request for a session token without one"),
    ];
    if let Some((_, what)) = token.iter().find(|(text, _)| all.contains(text)) {
        return Some(problem(what));
    }
    for reason in ["Incorrect IMDS/IAM configuration: ", "Error retrieving credentials from IMDS: "] {
        if let Some((_, rest)) = all.split_once(reason) {
            let answer = one_line(rest.lines().next().unwrap_or_default().split(" Hint: ").next().unwrap_or_default());
            return Some(problem(&format!("gives no credentials: {answer}")));
        }
    }
    let comes_from_there = matches!(variables.source(), Source::Elsewhere) || names_instance(variables);
    (comes_from_there && NO_CREDENTIALS.iter().any(|text| all.contains(text)))
        .then(|| problem("answered something else than the JSON of credentials"))
}

fn names_instance(variables: &CredentialVariables) -> bool {
    matches!(variables.origin_kind(), Some(OriginKind::Named(name)) if name.eq_ignore_ascii_case("Ec2InstanceMetadata"))
}

/// Nothing was tried to the end: what the variables lack.
fn of_variables(attempts: &Attempts, variables: &CredentialVariables) -> Option<BaseProblem> {
    use Variable::{Empty, Set, Unset};
    match (variables.access_key_id, variables.secret_access_key) {
        (Set, Unset | Empty) => return Some(variables.half("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")),
        (Unset | Empty, Set) => return Some(variables.half("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")),
        (Empty, _) | (_, Empty) if variables.profile.is_none() => {
            return Some(BaseProblem::new(
                "AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is set to nothing",
                "set both; in CI, check that their secrets are defined for this job (GitHub gives none to pull requests from forks)",
            ));
        }
        _ => {}
    }
    match variables.source() {
        Source::Profile => Some(of_profile(attempts, variables)),
        Source::TokenFile(file) => Some(BaseProblem::new(
            format!("the token in {file} (AWS_WEB_IDENTITY_TOKEN_FILE) cannot be read: {}", last_words(attempts)),
            "name a file that this job can read, or unset AWS_WEB_IDENTITY_TOKEN_FILE",
        )),
        Source::Container => {
            let name = variables.container.unwrap_or("AWS_CONTAINER_CREDENTIALS_FULL_URI");
            Some(of_container(name, &format!("gives none: {}", last_words(attempts))))
        }
        Source::Variables | Source::Elsewhere => None,
    }
}

fn last_words(attempts: &Attempts) -> String {
    one_line(&attempts.providers.last().map(|(_, texts)| telling_part(texts)).unwrap_or_default())
}

/// What the SDK says of a `credential_source` that is not there.
const NOT_THERE: [&str; 5] = [
    "environment variable not set",
    "ECS provider not configured",
    "IMDS disabled by",
    "could not communicate with IMDS",
    "received 404 from IMDS",
];

/// What the settings of a profile lead to, which gave no credentials.
fn of_profile(attempts: &Attempts, variables: &CredentialVariables) -> BaseProblem {
    let (profile, named) = (variables.profile_name(), variables.profile_named());
    let has_ended = matches!(attempts.providers.as_slice(), [(provider, _)] if provider.is_empty());
    let said: Vec<&String> = attempts.providers.iter().flat_map(|(_, texts)| texts).collect();
    let says = |phrases: &[&str]| said.iter().any(|text| phrases.iter().any(|phrase| text.contains(phrase)));
    let must_work = format!("`aws sts get-caller-identity --profile {profile}` must work");
    match variables.origin_kind() {
        Some(OriginKind::TokenFile { file, .. }) if has_ended => BaseProblem::new(
            format!(
                "the token in {file} (web_identity_token_file of profile {profile}) cannot be read: {}",
                last_words(attempts)
            ),
            format!(
                "edit web_identity_token_file of profile {profile} in ~/.aws/config: it must name a file that this job can read"
            ),
        ),
        Some(OriginKind::Named(source)) if !has_ended || says(&NOT_THERE) => {
            let is = |name: &str| source.eq_ignore_ascii_case(name);
            let is_disabled = says(&["IMDS disabled by"]);
            let lacks = match () {
                () if is("Environment") => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set",
                () if is("EcsContainer") => {
                    "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set"
                }
                () if is_disabled => "AWS_EC2_METADATA_DISABLED turns the instance metadata service off",
                () => "the instance metadata service gives no credentials here",
            };
            BaseProblem::new(
                format!("profile {profile} has credential_source = {source}, but {lacks}"),
                format!(
                    "run where {source} gives credentials, or edit credential_source of profile {profile} in ~/.aws/config"
                ),
            )
        }
        _ if has_ended => {
            let why = last_words(attempts);
            BaseProblem::new(format!("the credentials of {named} cannot be loaded: {why}"), must_work)
        }
        _ => BaseProblem::new(
            format!("{named} has no credentials"),
            format!("aws configure --profile {profile}, or for SSO: aws configure sso --profile {profile}"),
        ),
    }
}

/// Nothing is set at all, or a provider failed in a way that is not known here.
fn other(attempts: &Attempts, variables: &CredentialVariables) -> BaseProblem {
    let no_answer =
        |(_, texts): &(String, Vec<String>)| texts.iter().any(|text| text == "could not communicate with IMDS");
    if let (Some(name), true) = (variables.metadata, attempts.providers.iter().any(no_answer)) {
        return BaseProblem::new(
            format!("no AWS credentials were found: the instance metadata service ({name}) cannot be reached"),
            format!("correct {name}, or unset it; or give credentials another way"),
        );
    }
    let [(provider, texts)] = attempts.providers.as_slice() else {
        return BaseProblem::new("no AWS credentials were found", HOW_TO);
    };
    if !provider.is_empty() {
        return BaseProblem::new("no AWS credentials were found", HOW_TO);
    }
    match variables.source() {
        Source::Elsewhere if texts.len() <= 1 => BaseProblem::new("no AWS credentials were found", HOW_TO),
        Source::Variables | Source::Profile | Source::TokenFile(_) | Source::Container | Source::Elsewhere => {
            BaseProblem::new(
                format!("the AWS credentials cannot be loaded: {}", one_line(&telling_part(texts))),
                "`aws sts get-caller-identity` must work in the same environment",
            )
        }
    }
}

/// What stands between the first backticks after this text.
fn quoted_after<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.strip_prefix('`')?.split('`').next()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
