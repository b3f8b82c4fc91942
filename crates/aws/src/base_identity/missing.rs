//! No credentials: which provider should have given some, and why it did not.

use super::{Attempts, BaseProblem, CredentialVariables, Source, Variable};
use crate::{fault::telling_part, refusal::token_hint};

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
        let profile = variables.profile_name();
        let hint = fault.hint().filter(|_| !fault.is_access_denied()).unwrap_or_else(|| {
            format!(
                "check `role_arn` and `source_profile` of profile {profile} in ~/.aws/config: `aws sts get-caller-identity \
                 --profile {profile}` must work"
            )
        });
        return Some(BaseProblem::new(format!("the role of profile {profile} cannot be assumed: {fault}"), hint));
    }
    let role = variables.role_arn.as_deref().unwrap_or("the role");
    let file = variables.token_file.as_deref().unwrap_or("the token file");
    let message = format!("{role} (AWS_ROLE_ARN) cannot be assumed with the token in {file}: {fault}");
    let hint = match fault.code.as_deref() {
        Some("ExpiredTokenException" | "ExpiredToken") => {
            format!("write a new token to {file} (AWS_WEB_IDENTITY_TOKEN_FILE): the one in it has expired")
        }
        _ => match &attempts.claims {
            Some(claims) => token_hint(role, claims, fault),
            None => format!("check that {file} (AWS_WEB_IDENTITY_TOKEN_FILE) holds an OIDC token of this job"),
        },
    };
    Some(BaseProblem::new(message, hint))
}

/// A provider's endpoint gave no answer.
fn unreachable(attempts: &Attempts, variables: &CredentialVariables) -> Option<BaseProblem> {
    let problem = attempts.connection.as_ref()?;
    if let (Source::Container, Some(name)) = (variables.source(), variables.container) {
        return Some(BaseProblem::new(
            format!("the endpoint of the container's credentials ({name}) gives none: {problem}"),
            format!("outside that container, unset {name}; inside, check that the task or pod has a role"),
        ));
    }
    if problem.host.starts_with("169.254.") {
        return Some(BaseProblem::new(
            format!("the instance metadata service gives no credentials: {problem}"),
            "attach a role to the instance, and let containers reach its metadata (hop limit 2), or give credentials another way",
        ));
    }
    Some(BaseProblem::new(format!("the AWS credentials cannot be loaded: {problem}"), problem.hint()))
}

/// What a provider says of its configuration, by its texts (`aws-config`, `profile/credentials.rs`, `sso/`,
/// `credential_process.rs`, `ecs.rs`, `imds/`).
fn configured(texts: &[String], variables: &CredentialVariables) -> Option<BaseProblem> {
    let all = texts.join("\n");
    sso(&all, variables)
        .or_else(|| process(&all, variables))
        .or_else(|| profile(texts, &all, variables))
        .or_else(|| endpoint(texts, &all, variables))
}

fn sso(all: &str, variables: &CredentialVariables) -> Option<BaseProblem> {
    let profile = variables.profile_name();
    let log_in = format!("aws sso login --profile {profile}");
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| all.contains(phrase));
    if says(&["the SSO token has expired", "UnauthorizedException"]) {
        return Some(BaseProblem::new(format!("the SSO session of profile {profile} has expired"), log_in));
    }
    if says(&["failed to load the cached SSO token", "sso/cache", "cached SSO token file"]) {
        return Some(BaseProblem::new(format!("there is no SSO session for profile {profile}"), log_in));
    }
    if says(&["ForbiddenException"]) {
        return Some(BaseProblem::new(
            format!("the SSO user may not use the role of profile {profile}"),
            format!("correct sso_account_id and sso_role_name of profile {profile} in ~/.aws/config"),
        ));
    }
    if let Some(session) = quoted_after(all, "sso-session named ") {
        return Some(BaseProblem::new(
            format!("profile {profile} names sso-session {session}, which ~/.aws/config does not have"),
            format!("aws configure sso-session, with the name {session}"),
        ));
    }
    None
}

fn process(all: &str, variables: &CredentialVariables) -> Option<BaseProblem> {
    let profile = variables.profile_name();
    let hint = format!(
        "run the command of `credential_process` of profile {profile} (~/.aws/config) by hand: it must print JSON"
    );
    if let Some((_, rest)) = all.split_once("external process exited with code ") {
        let (status, said) = rest.split_once(". Stderr: ").unwrap_or((rest, ""));
        let said = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it printed no error");
        let status = status.lines().next().unwrap_or_default();
        let message = format!("the credential_process of profile {profile} failed ({status}): {said}");
        return Some(BaseProblem::new(message, hint));
    }
    // What it printed may hold keys: it is not shown.
    if all.contains("external process, could not parse response") || all.contains("could not decode output") {
        let missing = quoted_after(all, "Expected field ");
        let what = missing.map_or_else(
            || "something else than the JSON of credentials".to_owned(),
            |field| format!("credentials without {field}"),
        );
        return Some(BaseProblem::new(format!("the credential_process of profile {profile} printed {what}"), hint));
    }
    all.contains("from external process")
        .then(|| BaseProblem::new(format!("the credential_process of profile {profile} cannot be run"), hint))
}

fn profile(texts: &[String], all: &str, variables: &CredentialVariables) -> Option<BaseProblem> {
    let used = variables.profile_name();
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
        return Some(BaseProblem::new(
            format!("profile {used} uses a login that shipgate cannot read (`aws login`)"),
            format!("eval \"$(aws configure export-credentials --profile {used} --format env)\""),
        ));
    }
    if let Some((_, rest)) = all.split_once("invalid profile: ") {
        let place = one_line(rest);
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
        return Some(broken(used, &one_line(&texts.last().cloned().unwrap_or_default())));
    }
    let kinds = [
        "missing credential source in",
        "invalid credential source in",
        "has invalid SSO config",
        "profile referenced",
    ];
    if kinds.iter().any(|kind| all.contains(kind)) {
        let text = texts.last().cloned().unwrap_or_default();
        return Some(broken(used, &one_line(text.trim_start_matches("ProfileFile provider could not be built: "))));
    }
    None
}

fn broken(profile: &str, why: &str) -> BaseProblem {
    BaseProblem::new(
        format!("profile {profile} is not complete: {why}"),
        format!("edit profile {profile} in ~/.aws/config: `aws sts get-caller-identity --profile {profile}` must work"),
    )
}

fn endpoint(texts: &[String], all: &str, variables: &CredentialVariables) -> Option<BaseProblem> {
    let said = one_line(&telling_part(texts));
    if let Some((_, rest)) = all.split_once("error response from IMDS (code: ") {
        // The rest of that text is the response as a debugger shows it.
        let status = rest.split(')').next().unwrap_or_default();
        return Some(BaseProblem::new(
            format!("the instance metadata service answered {status} to the request for credentials"),
            "attach a role to the instance, or give credentials another way",
        ));
    }
    if all.contains("URI for ECS provider") || all.contains("auth token could not be used") {
        let name = variables.container.unwrap_or("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        return Some(BaseProblem::new(
            format!("the endpoint of the container's credentials cannot be used: {said}"),
            format!("correct {name}, or unset it"),
        ));
    }
    if all.contains("AWS_ROLE_ARN environment variable must be set") {
        return Some(BaseProblem::new(
            "AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not",
            "set AWS_ROLE_ARN to the role that the token is for (export AWS_ROLE_ARN=arn:aws:iam::…:role/…)",
        ));
    }
    None
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
        Source::Profile(profile) => Some(BaseProblem::new(
            format!("profile {profile} (AWS_PROFILE) has no credentials"),
            format!("aws configure --profile {profile}, or for SSO: aws configure sso --profile {profile}"),
        )),
        Source::TokenFile(file) => {
            let why = one_line(&attempts.providers.last().map(|(_, texts)| telling_part(texts)).unwrap_or_default());
            Some(BaseProblem::new(
                format!("the token in {file} (AWS_WEB_IDENTITY_TOKEN_FILE) cannot be read: {why}"),
                "name a file that this job can read, or unset AWS_WEB_IDENTITY_TOKEN_FILE",
            ))
        }
        Source::Container => {
            let name = variables.container.unwrap_or("AWS_CONTAINER_CREDENTIALS_FULL_URI");
            let why = one_line(&attempts.providers.last().map(|(_, texts)| telling_part(texts)).unwrap_or_default());
            Some(BaseProblem::new(
                format!("the endpoint of the container's credentials ({name}) gives none: {why}"),
                format!("outside that container, unset {name}; inside, check that the task or pod has a role"),
            ))
        }
        Source::Variables | Source::Elsewhere => None,
    }
}

/// Nothing is set at all, or a provider failed in a way that is not known here.
fn other(attempts: &Attempts, variables: &CredentialVariables) -> BaseProblem {
    let [(provider, texts)] = attempts.providers.as_slice() else {
        return BaseProblem::new("no AWS credentials were found", HOW_TO);
    };
    if !provider.is_empty() {
        return BaseProblem::new("no AWS credentials were found", HOW_TO);
    }
    match variables.source() {
        Source::Elsewhere if texts.len() <= 1 => BaseProblem::new("no AWS credentials were found", HOW_TO),
        Source::Variables | Source::Profile(_) | Source::TokenFile(_) | Source::Container | Source::Elsewhere => {
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
