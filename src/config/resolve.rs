//! From the file's shape to a [`Deployment`]: defaults, and the rules that are about more than one key.

use std::time::Duration;

use super::{
    create,
    deployment::{Deployment, ServiceName, Target, VerifySettings},
    environment::Environment,
    oidc,
    problem::{Location, Problem},
    read::Given,
    release,
    role::Role,
    secrets,
    shape::{self, File},
};
use shipgate_core::{
    access::{Access, Hop},
    account::{AccountId, Region},
    image::ImageReference,
    oidc::Start,
    smoke::SmokeTest,
};

/// An update takes about 5 minutes, a failing one and its rollback more than 30 (field reports): less would give up on
/// verdicts that come.
const GATE_TIMEOUT: Duration = Duration::from_mins(35);

/// Routes and certificates of a service that was just changed are known everywhere within seconds.
const SMOKE_TEST_WITHIN: Duration = Duration::from_mins(1);

/// Resolves a file for one target. The result is only good if no problem was recorded.
pub(super) fn deployment(
    file: File,
    root: &Location,
    name: Option<&str>,
    environment: &Environment,
    problems: &mut Vec<Problem>,
) -> Option<Deployment> {
    let File { image, registry_role, oidc, defaults, targets } = file;
    let image_absent = || {
        Problem::new(&missing_at(root, "--image"), "there is no `image`").with_hint(match root {
            Location::File { .. } => "name the image: `image: HOST/REPOSITORY:TAG` in the file, or --image",
            Location::Flag(_) => {
                "there is no shipgate.yaml here: write one (four lines, see the README), or give --image, \
                     --registry-role, --role and --service; `shipgate demo` shows it all without an AWS account"
            }
        })
    };
    let image = image.required(problems, image_absent);
    let registry_role = registry_role.located();
    if let (Some(image), Some(role)) = (&image, &registry_role) {
        refuse_foreign_registry(image, role, problems);
    }
    let target = targets.value()?.0.remove(name?)?.over(defaults);
    let known = image.as_ref().map_or(Image::Faulty, Image::Is);
    let start = oidc::of_file(oidc, environment);
    let target = target_of(target, name?, known, start, environment, problems)?;
    let image = image?;
    let region = image.ecr().map_or_else(|| target.access.region.clone(), |host| host.region);
    Some(Deployment { image, registry: Access { hops: hops(registry_role), region }, target })
}

/// Resolves a file's target where no image is asked for.
pub(super) fn target(
    file: File,
    name: Option<&str>,
    environment: &Environment,
    problems: &mut Vec<Problem>,
) -> Option<Target> {
    let target = file.targets.value()?.0.remove(name?)?.over(file.defaults);
    let start = oidc::of_file(file.oidc, environment);
    target_of(target, name?, Image::NotAsked, start, environment, problems)
}

/// The image, as far as the target's own defaults depend on it.
#[derive(Clone, Copy)]
enum Image<'a> {
    Is(&'a ImageReference),
    /// There is a problem with it, which has been told.
    Faulty,
    /// The run has none.
    NotAsked,
}

fn target_of(
    target: Given<shape::Target>,
    name: &str,
    image: Image<'_>,
    start: Start,
    environment: &Environment,
    problems: &mut Vec<Problem>,
) -> Option<Target> {
    let (target, owner) = target.located()?;
    let service = service(target.service, name, &owner, problems);
    let region = region(target.region, image, environment, &owner, problems);
    let hops = hops(target.role.located());
    let account = hops.last().map(|hop| hop.role.account());
    let create = target.create.located().and_then(|given| create::settings(given, account, problems));
    let verify = target.verify.value().unwrap_or_default();
    Some(Target {
        name: name.to_owned(),
        service: service?,
        repository: target.repository.value().map(|path| path.0),
        tag: target.tag.value().map(|tag| tag.0),
        create,
        create_repository: target.create_repository.value().is_some_and(|yes| yes.0),
        via: target.via.value().unwrap_or_default(),
        verify: VerifySettings {
            environment: create::environment(verify.environment, problems),
            skip: verify.skip.value().is_some_and(|yes| yes.0),
            stay: verify.stay.value().map_or(Duration::ZERO, |stay| stay.0),
            reach: verify.reach.value().unwrap_or_default(),
            sidecar: environment.sidecar().map(Into::into),
            secrets: secrets::way(verify.secrets, verify.secrets_file, environment, problems),
        },
        release: release::settings(target.release.value().unwrap_or_default()),
        gate_timeout: target.gate.value().unwrap_or_default().timeout.value().map_or(GATE_TIMEOUT, |timeout| timeout.0),
        smoke_test: target.smoke_test.value().map(smoke_test),
        log_retention_days: target.logs.value().unwrap_or_default().retention_days.value().map(|days| days.0),
        access: Access { hops, region: region? },
        start,
    })
}

fn smoke_test(given: shape::SmokeTest) -> SmokeTest {
    SmokeTest {
        path: given.path.value().map_or_else(|| "/".to_owned(), |path| path.0),
        status: given.status.value().map_or(200, |status| status.0),
        times: given.times.value().map_or(1, |times| times.0),
        within: given.within.value().map_or(SMOKE_TEST_WITHIN, |within| within.0),
        on_failure: given.on_failure.value().unwrap_or_default(),
    }
}

/// The roles to assume, one after the other; none where none is given.
pub(super) fn hops(role: Option<(Role, Location)>) -> Vec<Hop> {
    role.map(|(role, _)| role.0).unwrap_or_default()
}

fn service(
    given: Given<ServiceName>,
    target: &str,
    owner: &Location,
    problems: &mut Vec<Problem>,
) -> Option<ServiceName> {
    given.required(problems, || {
        Problem::new(&missing_at(owner, "--service"), format!("the target `{target}` has no `service`"))
            .with_hint("name the App Runner service: `service: NAME` in the target, or --service")
    })
}

/// The region as given, else of the image's host, else of the environment.
fn region(
    given: Given<Region>,
    image: Image<'_>,
    environment: &Environment,
    owner: &Location,
    problems: &mut Vec<Problem>,
) -> Option<Region> {
    match given {
        Given::Is { value, .. } => return Some(value),
        Given::Faulty => return None,
        Given::Absent => {}
    }
    let (of_image, message) = match image {
        Image::Faulty => return None,
        Image::NotAsked => (None, "there is no `region`".to_owned()),
        Image::Is(image) => {
            let message = format!("there is no `region`, and the image's host `{}` names none", image.host());
            (image.ecr().map(|host| host.region), message)
        }
    };
    if of_image.is_some() {
        return of_image;
    }
    let region = match region_of_environment(environment, &missing_at(owner, "--region")) {
        Ok(region) => region,
        Err(problem) => {
            problems.push(problem);
            return None;
        }
    };
    if region.is_none() {
        problems.push(
            Problem::new(&missing_at(owner, "--region"), message)
                .with_hint("name the region: `region: NAME` in the target, --region, or AWS_REGION"),
        );
    }
    region
}

/// The region that `AWS_REGION`, else `AWS_DEFAULT_REGION`, names. A value that is not a region is a problem of that variable.
pub(super) fn region_of_environment(environment: &Environment, at: &Location) -> Result<Option<Region>, Problem> {
    let Some(text) = environment.aws_region() else { return Ok(None) };
    let is_first = environment.get("AWS_REGION") == Some(text);
    let variable = if is_first { "AWS_REGION" } else { "AWS_DEFAULT_REGION" };
    text.parse().map(Some).map_err(|_| {
        // Often it is a region in capitals, or an availability zone.
        let lower = text.trim().to_ascii_lowercase();
        let near = lower.trim_end_matches(|c: char| c.is_ascii_lowercase());
        let near: Option<Region> = lower.parse().or_else(|_| near.parse()).ok();
        let hint = match near {
            Some(region) => format!("set {variable} to {region}"),
            None => format!("set {variable} to the name of a region, such as ap-northeast-1, or unset it"),
        };
        Problem::new(at, format!("{variable} is `{text}`, which is not a region")).with_hint(hint)
    })
}

/// A registry role of another account than the image's would read another registry, or be refused.
pub(super) fn refuse_foreign_registry(
    image: &ImageReference,
    (role, at): &(Role, Location),
    problems: &mut Vec<Problem>,
) {
    let of_role = role.0.last().map(|hop| hop.role.account());
    let of_image = image.ecr().map(|host| host.account);
    if let (Some(of_role), Some(of_image)) = (of_role, &of_image)
        && of_role != of_image
    {
        problems.push(other_account(at, "registry_role", of_role, "the image's registry", of_image));
    }
}

/// Two things that must be of one account are of two.
pub(super) fn other_account(at: &Location, what: &str, its: &AccountId, that: &str, other: &AccountId) -> Problem {
    Problem::new(at, format!("`{what}` is of account {its}, {that} of account {other}"))
}

/// Where something is missing: in the mapping that ought to have it, or on the command line if there is no such mapping.
fn missing_at(owner: &Location, flag: &'static str) -> Location {
    match owner {
        Location::Flag(_) => Location::Flag(flag),
        Location::File { .. } => owner.clone(),
    }
}
