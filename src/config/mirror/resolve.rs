//! From the file's shape to a [`Mirror`]: defaults, and the rules that are about more than one key.

use std::collections::BTreeMap;

use super::{
    Mirror, MirrorDestination, MirrorImage, MirrorRegistry,
    shape::{CreateRepositories, Destination, Image, MirrorFile},
};
use crate::config::{
    environment::Environment,
    oidc,
    problem::{Location, Problem},
    read::Given,
    resolve::{hops, refuse_foreign_registry, region_of_environment},
    role::Role,
};
use shipgate_core::{
    access::{Access, Hop},
    account::Region,
    image::{EcrHost, is_repository},
    repository::{Encryption, RepositorySettings},
};

/// ECR API reference, CreateRepository: a name has at least two characters.
const SHORTEST_NAME: usize = 2;

/// ECR API reference, Tag: at most 50 tags a resource, keys of at most 128 characters.
const MOST_TAGS: usize = 50;
const LONGEST_KEY: usize = 128;

/// Resolves a file. The result is only good if no problem was recorded.
pub(super) fn mirror(
    file: MirrorFile,
    root: &Location,
    environment: &Environment,
    problems: &mut Vec<Problem>,
) -> Mirror {
    let MirrorFile { registry_role, oidc, images, destinations, create_repositories } = file;
    let general = registry_role.located();
    let images = listed(images, "images", root, problems);
    let mut resolved = Vec::new();
    for (image, at) in images {
        let place = image_of(image, &at, general.as_ref(), problems);
        resolved.extend(place.map(|image| (image, at)));
    }
    refuse_two_sources_of_one_tag(&resolved, problems);
    let mut registries: Vec<(MirrorDestination, Location)> = Vec::new();
    for (destination, at) in listed(destinations, "destinations", root, problems) {
        for destination in destinations_of(destination, &at, environment, problems) {
            refuse_again(&registries, &destination, &at, problems);
            registries.push((destination, at.clone()));
        }
    }
    refuse_bad_names(&resolved, &registries, problems);
    let create_repositories = create_repositories.located().map(|(given, _)| settings(given, problems));
    Mirror {
        images: resolved.into_iter().map(|(image, _)| image).collect(),
        destinations: registries.into_iter().map(|(destination, _)| destination).collect(),
        start: oidc::of_file(oidc, environment),
        create_repositories,
    }
}

/// What a list has, which must be there and have something.
fn listed<T>(
    given: Given<Vec<Given<T>>>,
    key: &str,
    root: &Location,
    problems: &mut Vec<Problem>,
) -> Vec<(T, Location)> {
    let hint = match key {
        "images" => "name one: `images: [{source: docker.io/library/nginx, tags: [stable]}]`",
        _ => "name one: `destinations: [{role: ROLE_ARN, region: REGION}]`",
    };
    let Some((list, at)) =
        given.required_located(problems, || Problem::new(root, format!("there are no `{key}`")).with_hint(hint))
    else {
        return Vec::new();
    };
    if list.is_empty() {
        problems.push(Problem::new(&at, format!("there are no `{key}`")).with_hint(hint));
    }
    list.into_iter().filter_map(Given::located).collect()
}

fn image_of(
    image: Image,
    at: &Location,
    general: Option<&(Role, Location)>,
    problems: &mut Vec<Problem>,
) -> Option<MirrorImage> {
    let names_none = is_empty(&image.tags) && is_empty(&image.digests);
    if names_none {
        problems.push(Problem::new(at, "the image has neither `tags` nor `digests`").with_hint(
            "say which images of the repository: `tags: [v1, \"1.27.*\"]`, or all of them: `tags: [\"*\"]`",
        ));
    }
    let source = image.source.required(problems, || Problem::new(at, "the image has no `source`"))?.0;
    let own = image.registry_role.located();
    let access = source.ecr().map(|host| {
        if let Some(role) = own.as_ref().or(general) {
            refuse_foreign_registry(&source, role, problems);
        }
        Access {
            hops: own.as_ref().or(general).map(|(role, _)| role.0.clone()).unwrap_or_default(),
            region: host.region,
        }
    });
    if let (None, Some((_, at))) = (&access, &own) {
        problems.push(Problem::new(at, format!("`registry_role` is for ECR, and {} is not", source.host())));
    }
    Some(MirrorImage {
        access,
        tags: each_once(image.tags),
        digests: each_once(image.digests),
        repository: image.repository.value().map_or_else(|| source.repository().to_owned(), |path| path.0),
        platform: image.platform.value().map(|platform| platform.0),
        referrers: image.referrers.value().unwrap_or_default(),
        source,
    })
}

fn is_empty<T>(given: &Given<Vec<Given<T>>>) -> bool {
    match given {
        Given::Absent => true,
        Given::Faulty => false,
        Given::Is { value, .. } => value.is_empty(),
    }
}

fn each_once<T: PartialEq>(given: Given<Vec<Given<T>>>) -> Vec<T> {
    let mut once = Vec::new();
    for value in given.value().unwrap_or_default().into_iter().filter_map(Given::value) {
        if !once.contains(&value) {
            once.push(value);
        }
    }
    once
}

/// A tag at a destination can be one image only. What globs will find is not known yet.
fn refuse_two_sources_of_one_tag(images: &[(MirrorImage, Location)], problems: &mut Vec<Problem>) {
    let mut taken: BTreeMap<(&str, &str), (&MirrorImage, &Location)> = BTreeMap::new();
    for (image, at) in images {
        for tag in image.tags.iter().filter(|tag| !tag.is_glob()) {
            let (first, there) = taken.entry((&image.repository, tag.as_str())).or_insert((image, at));
            if first.source != image.source || first.platform != image.platform {
                let message = format!("{}:{tag} is another image already, at {there}", image.repository);
                problems.push(
                    Problem::new(at, message).with_hint("give one of the two another `repository`, or other `tags`"),
                );
            }
        }
    }
}

fn destinations_of(
    given: Destination,
    at: &Location,
    environment: &Environment,
    problems: &mut Vec<Problem>,
) -> Vec<MirrorDestination> {
    let Destination { role, region, regions, registry, prefix } = given;
    let prefix = prefix.value().map(|prefix| prefix.0);
    let of_ecr = [("role", role.place()), ("region", region.place()), ("regions", regions.place())];
    match registry {
        Given::Faulty => Vec::new(),
        Given::Absent => {
            let hops = hops(role.located());
            let regions = regions_of(region, regions, at, environment, problems);
            regions.into_iter().map(|region| ecr(&hops, region, prefix.clone())).collect()
        }
        Given::Is { value: host, location } => {
            for (key, at) in of_ecr.iter().filter_map(|(key, at)| Some((key, (*at)?))) {
                problems.push(Problem::new(at, format!("`{key}` is for ECR, and there is a `registry`")));
            }
            if EcrHost::parse(&host.0).is_some() {
                problems.push(
                    Problem::new(&location, format!("`{}` is of ECR, which is named by its role and region", host.0))
                        .with_hint("write `role: ROLE_ARN` and `region: REGION` in the place of `registry`"),
                );
            }
            vec![MirrorDestination { registry: MirrorRegistry::Host(host.0), prefix }]
        }
    }
}

fn ecr(hops: &[Hop], region: Region, prefix: Option<String>) -> MirrorDestination {
    MirrorDestination { registry: MirrorRegistry::Ecr(Access { hops: hops.to_vec(), region }), prefix }
}

/// `region`, else `regions`, else the environment's.
fn regions_of(
    region: Given<Region>,
    regions: Given<Vec<Given<Region>>>,
    at: &Location,
    environment: &Environment,
    problems: &mut Vec<Problem>,
) -> Vec<Region> {
    match (region, regions) {
        (Given::Is { .. } | Given::Faulty, Given::Is { location, .. }) => {
            problems.push(Problem::new(&location, "there are `region` and `regions`: one of them says it all"));
            Vec::new()
        }
        (Given::Is { value, .. }, Given::Absent | Given::Faulty) => vec![value],
        (Given::Absent, Given::Is { value, location }) => {
            if value.is_empty() {
                problems.push(Problem::new(&location, "there are no `regions`"));
            }
            each_once(Given::Is { value, location })
        }
        (Given::Absent, Given::Absent) => {
            let region = match region_of_environment(environment, at) {
                Ok(region) => region,
                Err(problem) => {
                    problems.push(problem);
                    return Vec::new();
                }
            };
            if region.is_none() {
                problems.push(
                    Problem::new(at, "the destination has no `region`")
                        .with_hint("name it: `region: NAME`, `regions: [NAME, …]`, or AWS_REGION"),
                );
            }
            region.into_iter().collect()
        }
        (Given::Faulty, Given::Absent | Given::Faulty) | (Given::Absent, Given::Faulty) => Vec::new(),
    }
}

/// The same destination twice would be written to twice at the same time.
fn refuse_again(
    known: &[(MirrorDestination, Location)],
    destination: &MirrorDestination,
    at: &Location,
    problems: &mut Vec<Problem>,
) {
    if let Some((_, first)) = known.iter().find(|(known, _)| is_same_place(known, destination)) {
        problems.push(Problem::new(at, format!("this destination is there already, at {first}")));
    }
}

fn is_same_place(one: &MirrorDestination, other: &MirrorDestination) -> bool {
    let account = |access: &Access| access.hops.last().map(|hop| hop.role.account().clone());
    let same = match (&one.registry, &other.registry) {
        (MirrorRegistry::Ecr(one), MirrorRegistry::Ecr(other)) => {
            one.region == other.region && account(one) == account(other)
        }
        (MirrorRegistry::Host(one), MirrorRegistry::Host(other)) => one == other,
        (MirrorRegistry::Ecr(_), MirrorRegistry::Host(_)) | (MirrorRegistry::Host(_), MirrorRegistry::Ecr(_)) => false,
    };
    same && one.prefix == other.prefix
}

/// Two paths that can each be one may be too long together, or too short for ECR.
fn refuse_bad_names(
    images: &[(MirrorImage, Location)],
    destinations: &[(MirrorDestination, Location)],
    problems: &mut Vec<Problem>,
) {
    for (destination, _) in destinations {
        for (image, at) in images {
            let name = destination.repository(&image.repository);
            let too_short = matches!(destination.registry, MirrorRegistry::Ecr(_)) && name.len() < SHORTEST_NAME;
            if too_short || !is_repository(&name) {
                let message = format!("`{name}` cannot be a repository: its name has 2 to 256 characters");
                problems.push(Problem::new(at, message).with_hint("give the image another `repository`"));
            }
        }
    }
}

fn settings(given: CreateRepositories, problems: &mut Vec<Problem>) -> RepositorySettings {
    let key = given.kms_key.located();
    let encryption = match (given.encryption.value().map(|given| given.0), key) {
        (Some(Encryption::Aes256), Some((_, at))) => {
            problems.push(Problem::new(&at, "a `kms_key` is for `encryption: kms`"));
            None
        }
        (None | Some(Encryption::Kms(_)), Some((key, _))) => Some(Encryption::Kms(Some(key.0))),
        (encryption, None) => encryption,
    };
    RepositorySettings {
        immutable_tags: given.immutable_tags.value().map(|yes| yes.0),
        scan_on_push: given.scan_on_push.value().map(|yes| yes.0),
        encryption,
        tags: resource_tags(given.tags, problems),
    }
}

fn resource_tags(
    given: Given<BTreeMap<String, Given<super::scalars::TagValue>>>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, String> {
    let Some((tags, at)) = given.located() else { return BTreeMap::new() };
    if tags.len() > MOST_TAGS {
        problems
            .push(Problem::new(&at, format!("{} tags are more than the {MOST_TAGS} a resource can have", tags.len())));
    }
    let tags = tags.into_iter().filter_map(|(key, value)| Some((key, value.located()?)));
    let mut values = BTreeMap::new();
    for (key, (value, at)) in tags {
        if key.is_empty() || key.chars().count() > LONGEST_KEY || key.to_lowercase().starts_with("aws:") {
            let message = format!("{key:?} cannot be the key of a tag (1 to {LONGEST_KEY} characters, not aws:…)");
            problems.push(Problem::new(&at, message));
        }
        values.insert(key, value.0);
    }
    values
}
