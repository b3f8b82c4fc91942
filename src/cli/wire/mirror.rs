//! The registries of a mirror: each identity, each login, side by side.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::registries::{self, Opened, Opener};
use crate::{
    config::{
        environment::Environment,
        mirror::{Mirror, MirrorDestination, MirrorImage, MirrorRegistry},
    },
    pipeline::{
        failure::Failure,
        mirror::{Adapters, Destination},
    },
};
use shipgate_core::{event::Emitter, image::EcrHost};

/// Opens every session and logs in to every registry. All of them are had before anything is changed.
///
/// # Errors
/// [`Failure::Identity`] with every role that cannot be assumed, [`Failure::Aws`] when ECR gives no token.
pub async fn connect_mirror(mirror: &Mirror, environment: &Environment, events: &Emitter) -> Result<Adapters, Failure> {
    let opener = &Opener::new(environment, BTreeSet::new(), mirror.start.clone());
    let registries = distinct_sources(&mirror.images);
    let sources = registries.iter().map(|image| open_source(opener, image));
    let destinations = mirror.destinations.iter().map(|to| open_destination(opener, to));
    let (sources, destinations) = tokio::join!(join_all(sources), join_all(destinations));
    let mut ready = registries::all(sources.into_iter().chain(destinations))?;
    for one in &ready {
        one.tell(events);
    }
    let destinations = ready.split_off(registries.len());
    let source_of = |image: &MirrorImage| {
        let at = registries.iter().position(|other| is_of_one_registry(other, image));
        at.map(|at| ready[at].registry.clone())
    };
    Ok(Adapters {
        sources: mirror.images.iter().filter_map(source_of).collect(),
        destinations: destinations
            .into_iter()
            .map(|one| Destination { registry: one.registry, ecr: one.ecr.map(|side| side.ecr) })
            .collect(),
    })
}

/// One image of each registry that images come from: they share its connections and tokens.
fn distinct_sources(images: &[MirrorImage]) -> Vec<&MirrorImage> {
    let mut distinct: Vec<&MirrorImage> = Vec::new();
    for image in images {
        if !distinct.iter().any(|other| is_of_one_registry(other, image)) {
            distinct.push(image);
        }
    }
    distinct
}

fn is_of_one_registry(one: &MirrorImage, other: &MirrorImage) -> bool {
    one.source.host() == other.source.host() && one.access == other.access
}

async fn open_source(opener: &Opener, image: &MirrorImage) -> Result<Opened, Failure> {
    match (&image.access, image.source.ecr()) {
        (Some(access), Some(EcrHost { account, region })) => {
            let purpose = format!("source {account} in {region}");
            opener.open_ecr(access, purpose, Some(image.source.host())).await
        }
        _ => opener.open_other(image.source.host(), image.source.repository()).await,
    }
}

async fn open_destination(opener: &Opener, to: &MirrorDestination) -> Result<Opened, Failure> {
    match &to.registry {
        MirrorRegistry::Ecr(access) => {
            let account = access.hops.last().map(|hop| format!(" {}", hop.role.account())).unwrap_or_default();
            opener.open_ecr(access, format!("destination{account} in {}", access.region), None).await
        }
        MirrorRegistry::Host(host) => opener.open_other(host, "").await,
    }
}
