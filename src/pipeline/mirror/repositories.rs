//! The repositories at the destinations: looked for all at once, created where they are missing and that is asked for. One
//! that exists is never changed; in what it is not as a new one would be is a notice.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, future::join_all, stream};

use super::{Destination, selection::Wanted, tally::Left};
use crate::{
    config::mirror::Mirror,
    pipeline::{
        failure::Failure,
        narrator::{Narrator, Told},
    },
};
use shipgate_aws::{ecr::Ecr, fault::AwsFault};
use shipgate_core::{
    event::Event,
    repository::{ExistingRepository, RepositorySettings},
};

/// Repositories created at the same time, over all registries.
const CREATIONS_IN_FLIGHT: usize = 8;

/// A repository of one of the destinations.
type Place = (usize, String);

/// What is known of them.
#[derive(Default)]
pub(super) struct Repositories {
    there: usize,
    missing: BTreeSet<Place>,
    /// Repositories that no image can go to, and why.
    unusable: BTreeMap<Place, Left>,
}

/// Looks for the repositories that the images go to. Only ECR has to have them beforehand.
pub(super) async fn look(
    narrator: &Narrator,
    mirror: &Mirror,
    destinations: &[Destination],
    wanted: &[Wanted],
) -> Result<Told<Repositories>, Failure> {
    let paths: BTreeSet<&str> = wanted.iter().map(|wanted| wanted.repository.as_str()).collect();
    let looks = destinations.iter().zip(&mirror.destinations).enumerate().filter_map(|(to, (destination, asked))| {
        let ecr = destination.ecr.as_ref()?;
        let names: Vec<String> = paths.iter().map(|path| asked.repository(path)).collect();
        Some(async move { (to, ecr.repositories(&names).await, names) })
    });
    let mut known = Repositories::default();
    for (to, answer, names) in join_all(looks).await {
        match answer {
            Ok(existing) => {
                let host = destinations[to].registry.host();
                tell_differences(narrator, mirror.create_repositories.as_ref(), host, &existing);
                known.sort(to, names, &existing);
            }
            Err(fault) => {
                let left = refused("cannot look at the repository", &fault);
                known.unusable.extend(names.into_iter().map(|name| ((to, name), left.clone())));
            }
        }
    }
    let detail = known.settle(mirror.create_repositories.is_some());
    Ok(Told::done(known, detail))
}

fn tell_differences(
    narrator: &Narrator,
    settings: Option<&RepositorySettings>,
    host: &str,
    existing: &BTreeMap<String, ExistingRepository>,
) {
    for (name, existing) in existing {
        let differences = settings.map(|settings| settings.differences(existing)).unwrap_or_default();
        if !differences.is_empty() {
            let message = format!("{host}/{name} is left as it is: {}", differences.join(", "));
            narrator.events.emit(Event::Notice { message });
        }
    }
}

impl Repositories {
    fn sort(&mut self, to: usize, names: Vec<String>, existing: &BTreeMap<String, ExistingRepository>) {
        for name in names {
            if existing.contains_key(&name) {
                self.there += 1;
            } else {
                self.missing.insert((to, name));
            }
        }
    }

    /// Decides what becomes of the missing ones, and says so.
    fn settle(&mut self, creates: bool) -> String {
        let missing = self.missing.len();
        if !creates {
            for place in std::mem::take(&mut self.missing) {
                self.unusable.insert(place, does_not_exist());
            }
        }
        let unknown = self.unusable.len() - if creates { 0 } else { missing };
        let parts = [
            (self.there, "there"),
            (missing, if creates { "to be created" } else { "missing" }),
            (unknown, "not to be seen"),
        ];
        let told: Vec<String> =
            parts.iter().filter(|(number, _)| *number > 0).map(|(number, how)| format!("{number} {how}")).collect();
        if told.is_empty() {
            "no repositories to look for".to_owned()
        } else {
            format!("repositories: {}", told.join(", "))
        }
    }

    /// Creates the missing ones. Once the run is stopped, no further one is begun.
    pub(super) async fn create(&mut self, narrator: &Narrator, mirror: &Mirror, destinations: &[Destination]) {
        let missing = std::mem::take(&mut self.missing);
        let settings = mirror.create_repositories.as_ref();
        let creations = missing.into_iter().filter_map(|place| {
            let destination = &destinations[place.0];
            Some((place, destination.registry.host(), destination.ecr.as_ref()?, settings?))
        });
        let unusable: Vec<(Place, Left)> = stream::iter(creations)
            .map(|(place, host, ecr, settings)| async move {
                let failed = create_one(narrator, host, &place.1, ecr, settings).await;
                failed.map(|left| (place, left))
            })
            .buffer_unordered(CREATIONS_IN_FLIGHT)
            .filter_map(std::future::ready)
            .collect()
            .await;
        self.unusable.extend(unusable);
    }

    /// Why no image can go to this repository, if none can.
    pub(super) fn why_not(&self, to: usize, repository: &str) -> Option<&Left> {
        self.unusable.get(&(to, repository.to_owned()))
    }
}

async fn create_one(
    narrator: &Narrator,
    host: &str,
    name: &str,
    ecr: &Ecr,
    settings: &RepositorySettings,
) -> Option<Left> {
    if narrator.cancellation.signal().is_some() {
        return None;
    }
    match ecr.create_repository(name, settings).await {
        // Somebody else may have been faster: it is there.
        Ok(created) => {
            if created {
                narrator.events.emit(Event::RepositoryCreated { repository: format!("{host}/{name}") });
            }
            None
        }
        Err(fault) => Some(refused("cannot create the repository", &fault)),
    }
}

fn does_not_exist() -> Left {
    Left {
        what: String::new(),
        reason: "the repository does not exist".to_owned(),
        hint: Some("create it, or write `create_repositories: {}` in the file to have it created".to_owned()),
    }
}

fn refused(doing: &str, fault: &AwsFault) -> Left {
    let hint = fault.is_denied().then(|| format!("let the destination's role do {}", fault.action));
    Left { what: String::new(), reason: format!("{doing}: {fault}"), hint }
}
