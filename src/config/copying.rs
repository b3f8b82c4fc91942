//! What `shipgate copy` is asked to do: its words and flags, read and checked, every problem at once. It has no file.

use std::{collections::BTreeSet, str::FromStr, time::Duration};

use super::{
    environment::Environment,
    oidc::{self, OidcWords},
    problem::{ConfigError, Location, Problem},
    scalars::duration,
};
use shipgate_core::{
    access::{Access, Hop},
    account::Region,
    arn::RoleArn,
    digest::Digest,
    image::{EcrHost, ImageReference},
    oidc::Start,
    pull_through::Via,
    referrers::ReferrersPolicy,
};

/// The longest time a copy may be given.
const LONGEST: Duration = Duration::from_hours(24);

/// The words and flags as they were given.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct CopyWords {
    /// The image.
    pub source: String,
    /// Where it goes.
    pub destinations: Vec<String>,
    /// `--platform`.
    pub platform: Option<String>,
    /// `--via`.
    pub via: Option<String>,
    /// `--referrers`.
    pub referrers: Option<String>,
    /// `--timeout`.
    pub timeout: Option<String>,
    /// `--plain-http`: hosts.
    pub plain_http: Vec<String>,
    /// `--src-role`.
    pub source_role: Option<String>,
    /// `--src-external-id`.
    pub source_external_id: Option<String>,
    /// `--dst-role`.
    pub destination_roles: Vec<String>,
    /// `--dst-external-id`.
    pub destination_external_id: Option<String>,
    /// The flags about the job's token.
    pub oidc: OidcWords,
}

/// A copy to make. Well-formed; nothing in it was asked of a registry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Copying {
    /// The image. One with neither tag nor digest is `latest`.
    pub source: ImageReference,
    /// The identity that reads it, where the registry is ECR.
    pub source_access: Option<Access>,
    /// Where it goes, in the order given.
    pub destinations: Vec<CopyTo>,
    /// Of an index, only the image for this platform.
    pub platform: Option<String>,
    /// How the image comes to its destinations.
    pub via: Via,
    /// What becomes of signatures, SBOMs and attestations.
    pub referrers: ReferrersPolicy,
    /// How long it may take; absent: the engine's own limit.
    pub timeout: Option<Duration>,
    /// Hosts that speak HTTP without TLS.
    pub plain_http: BTreeSet<String>,
    /// Where the roles are come by from.
    pub start: Start,
}

/// One destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CopyTo {
    /// The registry's host and the repository.
    pub repository: ImageReference,
    /// The tag there: its own, else the source's; none when that has only a digest.
    pub tag: Option<String>,
    /// The identity that writes it, where the registry is ECR.
    pub access: Option<Access>,
}

/// Reads words and flags.
///
/// # Errors
/// [`ConfigError`] with every problem.
pub fn read(words: &CopyWords, environment: &Environment) -> Result<Copying, ConfigError> {
    let mut problems = Problems::default();
    let source = problems.parse::<ImageReference>("SRC", Some(&words.source)).map(ImageReference::in_full);
    let roles: Vec<RoleArn> =
        words.destination_roles.iter().filter_map(|role| problems.parse("--dst-role", Some(role))).collect();
    let read: Vec<ImageReference> =
        words.destinations.iter().filter_map(|text| problems.parse("DST", Some(text))).collect();
    let source_role: Option<RoleArn> = problems.parse("--src-role", words.source_role.as_deref());
    problems.needs_ecr("--src-role", source_role.is_some(), source.iter());
    problems.needs_ecr("--dst-role", !roles.is_empty(), read.iter());
    problems.needs_role("--src-external-id", words.source_external_id.as_deref(), source_role.is_some());
    problems.needs_role("--dst-external-id", words.destination_external_id.as_deref(), !roles.is_empty());
    let destinations: Vec<CopyTo> = read
        .into_iter()
        .filter_map(|to| problems.destination(to, source.as_ref(), &roles, words.destination_external_id.as_deref()))
        .collect();
    problems.distinct(&destinations);
    let platform = problems.platform(words.platform.as_deref());
    let referrers = problems.parse("--referrers", words.referrers.as_deref()).unwrap_or_default();
    let via = problems.parse("--via", words.via.as_deref()).unwrap_or_default();
    problems.goes_together(via, referrers);
    let timeout = problems.timeout(words.timeout.as_deref());
    let start = oidc::of_words(&words.oidc, environment, &mut problems.0);
    let Some(source) = source.filter(|_| problems.0.is_empty()) else { return Err(ConfigError::new(problems.0)) };
    let hop = source_role.map(|role| hop(role, words.source_external_id.as_deref()));
    Ok(Copying {
        source_access: source.ecr().map(|host| Access { hops: hop.into_iter().collect(), region: host.region }),
        source,
        destinations,
        platform,
        via,
        referrers,
        timeout,
        plain_http: words.plain_http.iter().cloned().collect(),
        start,
    })
}

/// The role as the session's only hop.
fn hop(role: RoleArn, external_id: Option<&str>) -> Hop {
    Hop { role, external_id: external_id.map(str::to_owned), session_name: "shipgate".to_owned(), duration: None }
}

/// The problems found so far.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, flag: &'static str, message: &str) {
        self.0.push(Problem::new(&Location::Flag(flag), message));
    }

    fn add_with_hint(&mut self, flag: &'static str, message: &str, hint: &str) {
        self.0.push(Problem::new(&Location::Flag(flag), message).with_hint(hint));
    }

    fn parse<T: FromStr<Err: std::error::Error>>(&mut self, flag: &'static str, text: Option<&str>) -> Option<T> {
        text?.parse().map_err(|error: T::Err| self.add(flag, &error.to_string())).ok()
    }

    fn destination(
        &mut self,
        to: ImageReference,
        source: Option<&ImageReference>,
        roles: &[RoleArn],
        external_id: Option<&str>,
    ) -> Option<CopyTo> {
        if let Some(digest) = to.digest().filter(|digest| source.is_some_and(|source| source.digest() != Some(digest)))
        {
            let message = format!("`{to}` names digest {digest}: what is written has the source's digest");
            self.add_with_hint("DST", &message, "leave the digest out, or name the same one in SRC");
        }
        let access = match to.ecr() {
            None => None,
            Some(EcrHost { account, region }) => Some(match roles {
                [] => Access { hops: Vec::new(), region },
                [only] => access(only, external_id, region),
                several => {
                    if let Some(role) = several.iter().find(|role| *role.account() == account) {
                        access(role, external_id, region)
                    } else {
                        let message = format!("none of the roles is of account {account}, where `{to}` is");
                        let hint = "with several roles, each destination in ECR takes the one of its own account";
                        self.add_with_hint("--dst-role", &message, hint);
                        return None;
                    }
                }
            }),
        };
        let of_source = || {
            let source = source?;
            let is_pinned_only = source.tag().is_none() && source.digest().is_some();
            (!is_pinned_only).then(|| source.tag().unwrap_or("latest").to_owned())
        };
        let tag = to.tag().map(str::to_owned).or_else(|| of_source().filter(|_| to.digest().is_none()));
        Some(CopyTo { repository: to, tag, access })
    }

    /// The same place twice would be written to by two at once.
    fn distinct(&mut self, destinations: &[CopyTo]) {
        let place =
            |to: &CopyTo| (to.repository.host().to_owned(), to.repository.repository().to_owned(), to.tag.clone());
        let mut seen = BTreeSet::new();
        for to in destinations {
            if !seen.insert(place(to)) {
                self.add("DST", &format!("`{}` is named twice", to.repository));
            }
        }
    }

    /// Of images that could not be read nothing is known.
    fn needs_ecr<'a>(&mut self, flag: &'static str, given: bool, images: impl Iterator<Item = &'a ImageReference>) {
        let mut images = images.peekable();
        if given && images.peek().is_some() && !images.any(|image| image.ecr().is_some()) {
            let hint = "a role is for ECR (ACCOUNT.dkr.ecr.REGION.amazonaws.com); other registries are logged in to with docker login";
            self.add_with_hint(flag, "there is no registry of ECR that it could be for", hint);
        }
    }

    /// ECR's cache fetches images, and nothing that refers to them.
    fn goes_together(&mut self, via: Via, referrers: ReferrersPolicy) {
        if via == Via::PullThrough && referrers == ReferrersPolicy::Require {
            let hint = "copy them with --via copy, or say --referrers best-effort or skip";
            self.add_with_hint("--referrers", "ECR brings no referrers through its pull-through cache", hint);
        }
    }

    fn needs_role(&mut self, flag: &'static str, id: Option<&str>, has_role: bool) {
        if id.is_some() && !has_role {
            self.add(flag, "there is no role that it could be for");
        }
    }

    fn platform(&mut self, text: Option<&str>) -> Option<String> {
        let text = text?;
        let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let parts: Vec<&str> = text.split('/').collect();
        if (2..=3).contains(&parts.len()) && parts.iter().all(|part| word(part)) {
            return Some(text.to_owned());
        }
        let message =
            format!("`{text}` is not a platform (OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as linux/amd64)");
        self.add("--platform", &message);
        None
    }

    fn timeout(&mut self, text: Option<&str>) -> Option<Duration> {
        let text = text?;
        let length = duration(text).filter(|length| (Duration::from_secs(1)..=LONGEST).contains(length));
        if length.is_none() {
            self.add("--timeout", &format!("`{text}` is not a timeout (such as 35m or 1h30m, at most 24h)"));
        }
        length
    }
}

fn access(role: &RoleArn, external_id: Option<&str>, region: Region) -> Access {
    Access { hops: vec![hop(role.clone(), external_id)], region }
}

impl Copying {
    /// The digest that SRC pins, if it does.
    #[must_use]
    pub fn pinned(&self) -> Option<&Digest> {
        self.source.digest()
    }

    /// The tag that SRC is read by, where it pins nothing.
    #[must_use]
    pub fn source_tag(&self) -> &str {
        self.source.tag().unwrap_or("latest")
    }
}

#[cfg(test)]
mod tests {
    use super::{CopyWords, Copying};
    use crate::config::{environment::Environment, problem::ConfigError};

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const ECR: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/shop/api";

    fn read(words: &CopyWords) -> Result<Copying, ConfigError> {
        super::read(words, &Environment::default())
    }

    fn words(source: &str, destinations: &[&str]) -> CopyWords {
        let destinations = destinations.iter().map(|&to| to.to_owned()).collect();
        CopyWords { source: source.to_owned(), destinations, ..CopyWords::default() }
    }

    #[test]
    fn a_destination_takes_the_sources_tag_unless_it_has_one() {
        let table = [
            ("r.example.com/a:v1", "s.example.com/a", Some("v1")),
            ("r.example.com/a:v1", "s.example.com/a:v2", Some("v2")),
            ("r.example.com/a", "s.example.com/a", Some("latest")),
            (&format!("r.example.com/a@{DIGEST}"), "s.example.com/a", None),
            (&format!("r.example.com/a@{DIGEST}"), "s.example.com/a:v2", Some("v2")),
            (&format!("r.example.com/a:v1@{DIGEST}"), "s.example.com/a", Some("v1")),
            (&format!("r.example.com/a:v1@{DIGEST}"), &format!("s.example.com/a@{DIGEST}"), None),
        ];
        for (source, to, tag) in table {
            let copying = read(&words(source, &[to])).unwrap();
            assert_eq!(copying.destinations[0].tag.as_deref(), tag, "{source} {to}");
        }
    }

    #[test]
    fn each_destination_in_ecr_has_the_role_of_its_account() {
        let mut asked = words(
            &format!("{ECR}:v1"),
            &[
                "222222222222.dkr.ecr.eu-west-1.amazonaws.com/a",
                "333333333333.dkr.ecr.us-east-1.amazonaws.com/a",
                "r.example.com/a",
            ],
        );
        let role = |account: &str| format!("arn:aws:iam::{account}:role/push");
        asked.destination_roles = vec![role("333333333333"), role("222222222222")];
        let copying = read(&asked).unwrap();
        let roles: Vec<_> = copying
            .destinations
            .iter()
            .map(|to| to.access.as_ref().map(|access| access.hops[0].role.account().to_string()))
            .collect();
        assert_eq!(roles, [Some("222222222222".to_owned()), Some("333333333333".to_owned()), None]);
        assert_eq!(copying.source_access.unwrap().hops, []);
        assert_eq!(copying.destinations[1].access.as_ref().unwrap().region.as_str(), "us-east-1");
    }

    #[test]
    fn referrers_do_not_come_through_the_cache() {
        for (via, referrers, refused) in [
            (None, "require", false),
            (Some("copy"), "require", false),
            (Some("pull-through"), "require", true),
            (Some("pull-through"), "best-effort", false),
        ] {
            let mut asked = words(&format!("{ECR}:v1"), &["222222222222.dkr.ecr.eu-west-1.amazonaws.com/cache/a"]);
            asked.via = via.map(str::to_owned);
            asked.referrers = Some(referrers.to_owned());
            assert_eq!(read(&asked).is_err(), refused, "{via:?} {referrers}");
        }
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let mut asked = words("api:v1", &[&format!("r.example.com/a@{DIGEST}"), "nowhere", "r.example.com/b"]);
        asked.platform = Some("linux".to_owned());
        asked.referrers = Some("sometimes".to_owned());
        asked.timeout = Some("25h".to_owned());
        asked.via = Some("pigeon".to_owned());
        asked.source_external_id = Some("x".to_owned());
        asked.destination_roles = vec!["arn:aws:iam::1:role/x".to_owned()];
        let flags: Vec<String> =
            read(&asked).unwrap_err().problems.iter().map(|problem| problem.location.to_string()).collect();
        assert_eq!(
            flags,
            ["--dst-role", "--platform", "--referrers", "--src-external-id", "--timeout", "--via", "DST", "SRC"]
        );

        let unread = words("api:v1", &["s.example.com/a", "s.example.com/a"]);
        let asked = CopyWords { source_role: Some("arn:aws:iam::111111111111:role/pull".to_owned()), ..unread };
        let problems = read(&asked).unwrap_err().problems;
        let flags: Vec<String> = problems.iter().map(|problem| problem.location.to_string()).collect();
        assert_eq!(flags, ["DST", "SRC"], "nothing is known of the source's registry: {problems:?}");

        let twice = words("r.example.com/a:v1", &["s.example.com/a", "s.example.com/a:v1"]);
        assert!(read(&twice).unwrap_err().to_string().contains("named twice"));
        let mut roles = words(&format!("{ECR}:v1"), &["222222222222.dkr.ecr.eu-west-1.amazonaws.com/a"]);
        roles.destination_roles =
            ["3", "4"].iter().map(|n| format!("arn:aws:iam::{}:role/push", n.repeat(12))).collect();
        assert!(read(&roles).unwrap_err().to_string().contains("none of the roles is of account 222222222222"));
    }
}
