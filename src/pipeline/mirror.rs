//! A mirror, in order: which images (the tags that globs ask for), whether their repositories are there, the missing
//! ones created, then image by image to all registries at once. What fails fails alone: everything else is done.
//!
//! `selection` and `tally` decide, `repositories` looks and creates; here is only the order.

mod repositories;
mod selection;
mod tally;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    time::Instant,
};

use futures_util::{StreamExt as _, stream};

pub use self::tally::MirrorFailure;
use self::{
    repositories::Repositories,
    selection::{Listing, Selection, Wanted},
    tally::{At, Left, Tally},
};
use super::{
    failure::{Deployed, Failure},
    narrator::{Narrator, Told},
};
use crate::{
    config::mirror::Mirror,
    stages::copy::{self, CopyDestination, CopyError, CopyOptions, CopyPool, CopyRequest, CopySource, CopySummary},
};
use shipgate_aws::ecr::Ecr;
use shipgate_core::{
    event::{Event, Stage, milliseconds},
    tag_pattern::TagPattern,
};
use shipgate_registry::Registry;

/// Images under way at the same time. They share the memory of one, and send no layer twice to one place.
const IMAGES_IN_FLIGHT: usize = 4;

/// Lists of tags read at the same time.
const LISTS_IN_FLIGHT: usize = 4;

/// Everything outside this process that a mirror talks to.
#[derive(Debug)]
pub struct Adapters {
    /// For each image of the file, the registry it comes from.
    pub sources: Vec<Registry>,
    /// For each destination of the file, the registry.
    pub destinations: Vec<Destination>,
}

/// A registry that images go to.
#[derive(Debug)]
pub struct Destination {
    /// The registry.
    pub registry: Registry,
    /// Its control plane, where it is ECR.
    pub ecr: Option<Ecr>,
}

/// Mirrors. `connecting` opens the sessions and builds the adapters; it is part of resolve.
///
/// # Errors
/// [`Failure`]; when it is [`Failure::Mirror`], everything that could be copied has been.
pub async fn mirror(
    narrator: &Narrator,
    mirror: &Mirror,
    connecting: impl Future<Output = Result<Adapters, Failure>>,
) -> Result<Deployed, Failure> {
    let begun = Instant::now();
    let stopped = |failure| {
        if let Failure::Cancelled { signal, .. } = failure {
            return Failure::CopyStopped { signal, world: "nothing was copied".to_owned() };
        }
        failure
    };
    let resolve = resolve(narrator, mirror, connecting);
    let (adapters, selection) = narrator.reading_stage(Stage::Resolve, resolve).await.map_err(stopped)?;
    let look = repositories::look(narrator, mirror, &adapters.destinations, &selection.wanted);
    let repositories = narrator.reading_stage(Stage::Preflight, look).await.map_err(stopped)?;
    let copy = copy_all(narrator, mirror, &adapters, selection, repositories, begun);
    let summary = narrator.stage(Stage::Copy, copy).await.map_err(stopped)?;
    Ok(Deployed { digest: None, service_url: None, summary })
}

async fn resolve(
    narrator: &Narrator,
    mirror: &Mirror,
    connecting: impl Future<Output = Result<Adapters, Failure>>,
) -> Result<Told<(Adapters, Selection)>, Failure> {
    let adapters = connecting.await?;
    let listings = list_tags(mirror, &adapters).await;
    let selection = selection::select(&mirror.images, &listings);
    for message in selection.warnings() {
        narrator.events.emit(Event::Warning { message });
    }
    let detail = format!(
        "{} for {}",
        tally::count(selection.images(), "image"),
        tally::registries(adapters.destinations.len() as u64)
    );
    Ok(Told::done((adapters, selection), detail))
}

/// The tags of every source that a glob asks for, each read once.
async fn list_tags(mirror: &Mirror, adapters: &Adapters) -> BTreeMap<String, Listing> {
    let with_globs =
        mirror.images.iter().zip(&adapters.sources).filter(|(image, _)| image.tags.iter().any(TagPattern::is_glob));
    let mut seen = BTreeSet::new();
    let sources: Vec<_> = with_globs.filter(|(image, _)| seen.insert(image.source.to_string())).collect();
    stream::iter(sources)
        .map(|(image, registry)| async move {
            let listed = registry.tags(image.source.repository()).await;
            let listed = listed.map_err(|error| Left::because(&image.source.to_string(), &CopyError::from(error)));
            (image.source.to_string(), listed)
        })
        .buffer_unordered(LISTS_IN_FLIGHT)
        .collect()
        .await
}

/// Creates what is to be created, copies, and tells what it came to.
async fn copy_all(
    narrator: &Narrator,
    mirror: &Mirror,
    adapters: &Adapters,
    selection: Selection,
    mut repositories: Repositories,
    begun: Instant,
) -> Result<Told<String>, Failure> {
    let Selection { wanted, left, .. } = selection;
    repositories.create(narrator, mirror, &adapters.destinations).await;
    let mut tally = Tally::new(adapters.destinations.len());
    for left in left {
        narrator.events.emit(left.as_event());
        tally.nowhere(left);
    }
    let copier = &Copier { narrator, mirror, adapters, repositories: &repositories, pool: CopyPool::default() };
    let mut became: Vec<(usize, Vec<At>)> = stream::iter(wanted.iter().enumerate())
        .map(|(number, wanted)| async move { (number, copier.copy(wanted).await) })
        .buffer_unordered(IMAGES_IN_FLIGHT)
        .collect()
        .await;
    became.sort_by_key(|(number, _)| *number);
    for (_, at) in became {
        tally.image(at);
    }
    narrator.events.emit(tally.as_event(requests(adapters), milliseconds(begun.elapsed())));
    if let Some(signal) = narrator.cancellation.signal() {
        return Err(Failure::CopyStopped { signal, world: tally.world() });
    }
    tally.end()
}

/// Requests to all registries, each counted once: sources that are one registry share its count.
fn requests(adapters: &Adapters) -> u64 {
    let mut hosts = BTreeSet::new();
    let sources = adapters.sources.iter().filter(|registry| hosts.insert(registry.host().to_owned()));
    sources.chain(adapters.destinations.iter().map(|to| &to.registry)).map(Registry::requests).sum()
}

/// What copying one image needs.
struct Copier<'a> {
    narrator: &'a Narrator,
    mirror: &'a Mirror,
    adapters: &'a Adapters,
    repositories: &'a Repositories,
    pool: CopyPool,
}

impl Copier<'_> {
    /// Copies one image to every destination that can have it; what became of it at each.
    async fn copy(&self, wanted: &Wanted) -> Vec<At> {
        let places: Vec<String> = self.mirror.destinations.iter().map(|to| to.repository(&wanted.repository)).collect();
        let mut at: Vec<At> = (0..places.len()).map(|to| self.left_out(wanted, to, &places[to])).collect();
        let open: Vec<usize> = (0..at.len()).filter(|to| matches!(at[*to], At::Stopped)).collect();
        if open.is_empty() || self.narrator.cancellation.signal().is_some() {
            return at;
        }
        let destinations: Vec<CopyDestination<'_>> = open
            .iter()
            .map(|to| CopyDestination {
                registry: &self.adapters.destinations[*to].registry,
                repository: &places[*to],
                tag: wanted.reference.tag(),
            })
            .collect();
        match Box::pin(self.ask(wanted, &destinations)).await {
            Ok(ended) => {
                for (to, ended) in open.iter().zip(ended) {
                    at[*to] = self.ended(wanted, *to, &places[*to], ended, destinations.len());
                }
            }
            Err(failure) if failure.is_cancelled() => {}
            Err(failure) => {
                let left = Left::because(&self.source_of(wanted), &failure);
                for to in open {
                    let what = self.destination(wanted, to, &places[to]);
                    self.narrator.events.emit(Left { what, ..left.clone() }.as_event());
                    at[to] = At::Left(left.clone());
                }
            }
        }
        at
    }

    async fn ask(
        &self,
        wanted: &Wanted,
        destinations: &[CopyDestination<'_>],
    ) -> Result<Vec<Result<CopySummary, CopyError>>, CopyError> {
        let image = &self.mirror.images[wanted.entry];
        let registry = &self.adapters.sources[wanted.entry];
        let request = CopyRequest {
            source: CopySource { registry, repository: image.source.repository() },
            image: wanted.reference.image(),
            destinations,
            options: CopyOptions {
                platform: image.platform.clone(),
                referrers: image.referrers,
                pool: self.pool.clone(),
                ..CopyOptions::default()
            },
        };
        copy::copy_each(&request, &self.narrator.events, self.narrator.cancellation.token()).await
    }

    /// A destination that is known not to take the image is told of; the others are as if stopped before they began.
    fn left_out(&self, wanted: &Wanted, to: usize, repository: &str) -> At {
        let Some(why) = self.repositories.why_not(to, repository) else { return At::Stopped };
        let left = Left { what: self.destination(wanted, to, repository), ..why.clone() };
        self.narrator.events.emit(left.as_event());
        At::Left(left)
    }

    /// The engine tells of a failed destination only when there are others.
    fn ended(
        &self,
        wanted: &Wanted,
        to: usize,
        repository: &str,
        ended: Result<CopySummary, CopyError>,
        destinations: usize,
    ) -> At {
        match ended {
            Ok(summary) => At::There(summary.into()),
            Err(failure) => {
                let left = Left::because(&self.destination(wanted, to, repository), &failure);
                if destinations == 1 {
                    self.narrator.events.emit(left.as_event());
                }
                At::Left(left)
            }
        }
    }

    fn destination(&self, wanted: &Wanted, to: usize, repository: &str) -> String {
        let host = self.adapters.destinations[to].registry.host();
        let tag = wanted.reference.tag().map(|tag| format!(":{tag}")).unwrap_or_default();
        format!("{host}/{repository}{tag}")
    }

    fn source_of(&self, wanted: &Wanted) -> String {
        wanted.reference.of(&self.mirror.images[wanted.entry].source)
    }
}
