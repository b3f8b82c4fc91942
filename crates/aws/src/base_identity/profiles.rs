//! The profile whose settings give the credentials: the last one that `source_profile` leads to.

use aws_config::profile::{Profile, ProfileFileLoadError, ProfileSet, load};

use crate::http::texts;

/// The profile at the end of the chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Origin {
    /// Its name.
    pub(super) profile: String,
    /// The profile whose `source_profile` names it; `None` where it is the selected one.
    pub(super) referrer: Option<String>,
    /// What its settings say.
    pub(super) kind: OriginKind,
}

/// How a profile gives credentials.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum OriginKind {
    /// The `sso_*` settings.
    Sso,
    /// `credential_process`.
    Process,
    /// `aws_access_key_id` and `aws_secret_access_key`.
    Keys,
    /// `web_identity_token_file`, with `role_arn`.
    TokenFile { file: String, role: Option<String> },
    /// `credential_source`.
    Named(String),
    /// None of these.
    Nothing,
}

/// Reads the profile files as the SDK does, which reports a broken file without its name.
///
/// # Errors
/// What is wrong with which line of which file.
pub(super) async fn origin() -> Result<Option<Origin>, String> {
    match load(&standard(), &standard(), &standard(), None).await {
        Ok(profiles) => Ok(end_of_chain(&profiles)),
        Err(error) => Err(file_problem(&error)),
    }
}

/// The file, the line and what is wrong there.
fn file_problem(error: &ProfileFileLoadError) -> String {
    match texts(error).as_slice() {
        [could_not_parse, place] if could_not_parse.starts_with("could not parse") => place.clone(),
        all => all.join(": "),
    }
}

/// The real environment and file system, whose types `aws-config` does not export.
fn standard<T: Default>() -> T {
    T::default()
}

/// Follows `source_profile` as `aws-config` does (profile/credentials/repr.rs).
fn end_of_chain(profiles: &ProfileSet) -> Option<Origin> {
    let mut name = profiles.selected_profile();
    let mut passed: Vec<&str> = Vec::new();
    loop {
        let profile = profiles.get_profile(name)?;
        let origin = |kind| {
            Some(Origin { profile: name.to_owned(), referrer: passed.last().map(|name| (*name).to_owned()), kind })
        };
        if passed.contains(&name) {
            return None;
        }
        if !passed.is_empty() && has_keys(profile) {
            return origin(OriginKind::Keys);
        }
        let is_role = profile.get("role_arn").is_some() && profile.get("web_identity_token_file").is_none();
        match (profile.get("source_profile"), profile.get("credential_source")) {
            (Some(source), None) if is_role && source != name => {
                passed.push(name);
                name = source;
            }
            _ => return origin(kind(profile)),
        }
    }
}

fn kind(profile: &Profile) -> OriginKind {
    let has = |name: &str| profile.get(name).is_some();
    if let Some(source) = profile.get("credential_source") {
        return OriginKind::Named(source.to_owned());
    }
    if let Some(file) = profile.get("web_identity_token_file") {
        return OriginKind::TokenFile { file: file.to_owned(), role: profile.get("role_arn").map(str::to_owned) };
    }
    let sso = ["sso_session", "sso_account_id", "sso_role_name", "sso_start_url", "sso_region"];
    match () {
        () if sso.into_iter().any(has) => OriginKind::Sso,
        () if has("login_session") => OriginKind::Nothing,
        () if has("credential_process") => OriginKind::Process,
        () if has_keys(profile) => OriginKind::Keys,
        () => OriginKind::Nothing,
    }
}

fn has_keys(profile: &Profile) -> bool {
    ["aws_access_key_id", "aws_secret_access_key"].into_iter().all(|name| profile.get(name).is_some())
}

#[cfg(test)]
mod tests {
    use aws_config::profile::load;

    use super::{Origin, OriginKind, end_of_chain, file_problem, standard};

    /// What this `~/.aws/config` says of a profile.
    #[expect(deprecated, reason = "aws-config exports the builder of profile files under its old name alone")]
    async fn read(text: &str, selected: &'static str) -> Result<Option<Origin>, String> {
        use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
        let files = ProfileFiles::builder().with_contents(ProfileFileKind::Config, text).build();
        match load(&standard(), &standard(), &files, Some(selected.into())).await {
            Ok(profiles) => Ok(end_of_chain(&profiles)),
            Err(error) => Err(file_problem(&error)),
        }
    }

    const CHAINS: &str = "\
[profile sso]\nsso_session = corp\n[profile process]\ncredential_process = get\n\
[profile keys]\naws_access_key_id = a\naws_secret_access_key = b\n\
[profile web]\nrole_arn = r\nweb_identity_token_file = /run/token\n\
[profile instance]\nrole_arn = r\ncredential_source = Ec2InstanceMetadata\n\
[profile self]\nrole_arn = r\nsource_profile = self\naws_access_key_id = a\naws_secret_access_key = b\n\
[profile shop]\nrole_arn = r\nsource_profile = hub\n[profile hub]\nrole_arn = r\nsource_profile = sso\n\
[profile loop]\nrole_arn = r\nsource_profile = pool\n[profile pool]\nrole_arn = r\nsource_profile = loop\n\
[profile lost]\nrole_arn = r\nsource_profile = nobody\n[profile empty]\nregion = eu-west-1\n";

    #[tokio::test]
    async fn the_end_of_each_chain_is_found() {
        let token = OriginKind::TokenFile { file: "/run/token".to_owned(), role: Some("r".to_owned()) };
        let table = [
            ("sso", "sso", None, OriginKind::Sso),
            ("process", "process", None, OriginKind::Process),
            ("keys", "keys", None, OriginKind::Keys),
            ("web", "web", None, token),
            ("instance", "instance", None, OriginKind::Named("Ec2InstanceMetadata".to_owned())),
            ("self", "self", None, OriginKind::Keys),
            ("shop", "sso", Some("hub"), OriginKind::Sso),
            ("empty", "empty", None, OriginKind::Nothing),
        ];
        for (selected, profile, referrer, kind) in table {
            let expected = Origin { profile: profile.to_owned(), referrer: referrer.map(str::to_owned), kind };
            assert_eq!(read(CHAINS, selected).await.unwrap(), Some(expected), "{selected}");
        }
        for selected in ["loop", "lost", "unknown"] {
            assert_eq!(read(CHAINS, selected).await.unwrap(), None, "{selected}");
        }
    }

    #[tokio::test]
    async fn broken_files_are_named_with_the_line() {
        let problem = read("[profile shop]\nregion = eu-west-1\nnonsense\n", "shop").await.unwrap_err();
        assert!(problem.starts_with("error parsing ") && problem.contains(" on line 3:"), "{problem}");
    }
}
