//! Which identities a configuration names: for `doctor`, which tries them all. It reads no image, and of a target that it is not
//! about no more than can be read.

use super::{
    environment::Environment,
    find_tree,
    initial::image_like,
    oidc,
    overrides::Overrides,
    problem::{ConfigError, Location, Problem},
    read::{Given, Reader, Shape as _},
    resolve::hops,
    select,
    shape::{self, File},
    tree::{Kind, Node},
};
use shipgate_core::{access::Access, account::Region, oidc::Start};

/// STS answers everywhere; where no region is named, here.
const ANY_REGION: &str = "us-east-1";

/// What a configuration says of identities.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identities {
    /// Where the roles are come by from.
    pub start: Start,
    /// The identities, the registry's first.
    pub accesses: Vec<NamedAccess>,
    /// Where STS is asked who is there.
    pub region: Region,
    /// Whether any target wants images checked in a local container.
    pub checks_locally: bool,
}

/// An identity by what it is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedAccess {
    /// `registry`, or the target's name.
    pub purpose: String,
    /// The way to it; absent where a variable in it is not set, which another job's may be.
    pub access: Option<Access>,
}

/// Reads the identities of the target that `overrides` names, else of all. Without a configuration there are none.
///
/// # Errors
/// [`ConfigError`] with every problem.
pub fn load(overrides: &Overrides, environment: &Environment) -> Result<Identities, ConfigError> {
    let (root, mut problems) = find_tree(overrides);
    let Some(mut root) = root else { return Err(ConfigError::new(problems)) };
    let region = region_of_image(&root).or_else(|| environment.aws_region()?.parse().ok());
    root.forget(&["image"]);
    let overrides = Overrides { image: None, ..overrides.clone() };
    let names = names(&root, &overrides, &mut problems);
    let is_configured = matches!(root.location, Location::File { .. }) || has_role(&overrides);
    let mut read = Reading { root, overrides, environment, region, problems };
    let registry = read.registry(&names);
    let targets: Vec<Given<shape::Target>> = names.iter().map(|name| read.target(name, names.len() > 1)).collect();
    let checks_locally = targets.iter().any(|target| !skips(target));
    let targets = names.iter().zip(targets).map(|(name, target)| read.access(name, target));
    let targets: Vec<NamedAccess> = targets.collect();
    if !read.problems.is_empty() {
        return Err(ConfigError::new(read.problems));
    }
    let (start, registry) = registry.ok_or_else(|| ConfigError::new(Vec::new()))?;
    let region = read.region_or(&targets);
    let accesses = std::iter::once(registry).chain(targets).filter(|_| is_configured).collect();
    Ok(Identities { start, accesses, region, checks_locally })
}

fn has_role(overrides: &Overrides) -> bool {
    overrides.role.is_some() || overrides.registry_role.is_some()
}

fn region_of_image(root: &Node) -> Option<Region> {
    let Kind::Scalar { text, .. } = &root.get("image")?.kind else { return None };
    Some(image_like(text)?.ecr()?.region)
}

/// The targets that it is about.
fn names(root: &Node, overrides: &Overrides, problems: &mut Vec<Problem>) -> Vec<String> {
    let entries = root.get("targets").and_then(Node::entries).unwrap_or_default();
    if overrides.target.is_none() && entries.len() > 1 {
        return entries.iter().map(|entry| entry.key.clone()).collect();
    }
    select(root, overrides.target.as_deref(), problems).into_iter().collect()
}

fn skips(target: &Given<shape::Target>) -> bool {
    let Given::Is { value, .. } = target else { return false };
    let Given::Is { value: verify, .. } = &value.verify else { return false };
    matches!(&verify.skip, Given::Is { value, .. } if value.0)
}

/// The file, read once for each target.
struct Reading<'a> {
    root: Node,
    overrides: Overrides,
    environment: &'a Environment,
    region: Option<Region>,
    problems: Vec<Problem>,
}

impl Reading<'_> {
    /// The file with the flags that are for this target.
    fn file(&mut self, target: Option<&str>) -> Option<File> {
        let mut root = self.root.clone();
        self.overrides.lay_over(&mut root, target, &mut self.problems);
        let problems = std::mem::take(&mut self.problems);
        let target = target.map(str::to_owned);
        let mut reader = Reader { variables: self.environment, target, demands_variables: true, problems };
        let file = File::read(&root, &mut reader);
        self.problems = reader.problems;
        file
    }

    fn registry(&mut self, names: &[String]) -> Option<(Start, NamedAccess)> {
        let only = if let [only] = names { Some(only.clone()) } else { None };
        let file = self.file(only.as_deref())?;
        let access = Access { hops: hops(file.registry_role.located()), region: self.region_or(&[]) };
        let registry = NamedAccess { purpose: "registry".to_owned(), access: Some(access) };
        Some((oidc::of_file(file.oidc, self.environment), registry))
    }

    /// A target; where it is one of several, a variable of its that is not set is no problem.
    fn target(&mut self, name: &str, is_one_of_several: bool) -> Given<shape::Target> {
        let Some(file) = self.file((!is_one_of_several).then_some(name)) else { return Given::Faulty };
        let target = file.targets.value().and_then(|mut targets| targets.0.remove(name));
        target.unwrap_or(Given::Absent).over(file.defaults)
    }

    fn access(&self, name: &str, target: Given<shape::Target>) -> NamedAccess {
        let purpose = name.to_owned();
        let Some(target) = target.value() else { return NamedAccess { purpose, access: None } };
        let region = target.region.value().unwrap_or_else(|| self.region_or(&[]));
        let access = match target.role {
            Given::Faulty => None,
            given @ (Given::Absent | Given::Is { .. }) => Some(Access { hops: hops(given.located()), region }),
        };
        NamedAccess { purpose, access }
    }

    fn region_or(&self, others: &[NamedAccess]) -> Region {
        let of_others = || others.iter().find_map(|one| Some(one.access.as_ref()?.region.clone()));
        self.region.clone().or_else(of_others).unwrap_or_else(any_region)
    }
}

fn any_region() -> Region {
    match ANY_REGION.parse() {
        Ok(region) => region,
        Err(error) => unreachable!("{ANY_REGION} is a region: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Identities, load};
    use crate::config::{environment::Environment, overrides::Overrides};

    const FILE: &str = "\
image: 111111111111.dkr.ecr.eu-west-1.amazonaws.com/shop/api:${GIT_SHA}
registry_role: arn:aws:iam::111111111111:role/pull
defaults: { verify: { skip: true } }
targets:
  prod: { role: 'arn:aws:iam::222222222222:role/deploy', service: shop-api }
  staging: { role: '${STAGING_ROLE}', service: shop-api, region: us-west-2 }
  here: { service: shop-api }
";

    fn loaded(text: &str, overrides: Overrides) -> Result<Identities, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shipgate.yaml");
        std::fs::write(&file, text).unwrap();
        let overrides = Overrides { file: Some(file), ..overrides };
        load(&overrides, &Environment::default()).map_err(|error| error.to_string())
    }

    fn told(identities: &Identities) -> Vec<String> {
        let tell = |one: &super::NamedAccess| match &one.access {
            None => format!("{}: not known", one.purpose),
            Some(access) => {
                let roles: Vec<&str> = access.hops.iter().map(|hop| hop.role.name()).collect();
                format!("{}: {} in {}", one.purpose, roles.join(" "), access.region)
            }
        };
        identities.accesses.iter().map(tell).collect()
    }

    #[test]
    fn every_identity_of_a_file_is_found_without_its_variables() {
        let all = loaded(FILE, Overrides::default()).unwrap();
        let expected =
            ["registry: pull in eu-west-1", "prod: deploy in eu-west-1", "staging: not known", "here:  in eu-west-1"];
        assert_eq!(told(&all), expected);
        assert!(!all.checks_locally);
        let of = |name: &str| Overrides { target: Some(name.to_owned()), ..Overrides::default() };
        let prod = loaded(FILE, of("prod")).unwrap();
        assert_eq!(told(&prod), ["registry: pull in eu-west-1", "prod: deploy in eu-west-1"]);
        assert!(loaded(FILE, of("staging")).unwrap_err().contains("STAGING_ROLE"));
        assert!(loaded(FILE, of("nowhere")).unwrap_err().contains("no target"));
        assert!(loaded("servce: x", Overrides::default()).unwrap_err().contains("unknown key"));
        assert!(
            loaded("targets: { a: { role: x }, b: {} }", Overrides::default()).unwrap_err().contains("not the ARN")
        );
    }

    #[test]
    fn flags_name_identities_too() {
        let role = Some("arn:aws:iam::222222222222:role/deploy".to_owned());
        let overrides = Overrides { role, ..Overrides::default() };
        let found = load(&overrides, &Environment::from_pairs([("AWS_REGION", "eu-west-1")])).unwrap();
        assert_eq!(told(&found), ["registry:  in eu-west-1", "default: deploy in eu-west-1"]);
        let nothing = load(&Overrides::default(), &Environment::default()).unwrap();
        assert_eq!((told(&nothing).len(), nothing.region.as_str()), (0, "us-east-1"));
        assert!(nothing.checks_locally);
    }
}
