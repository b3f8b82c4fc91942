//! The registries of a copy: the source and each destination, side by side; a place that is named twice is opened once.

use futures_util::future::join_all;

use super::registries::{self, Opened, Opener};
use crate::{
    config::{copying::Copying, environment::Environment},
    pipeline::{
        copying::{Adapters, Destination},
        failure::Failure,
    },
};
use shipgate_core::{access::Access, event::Emitter, image::ImageReference};

/// Opens every session and logs in to every registry. All of them are had before anything is changed.
///
/// # Errors
/// [`Failure::Identity`] with every role that cannot be assumed, [`Failure::Aws`] when ECR gives no token.
pub async fn connect_copy(copying: &Copying, environment: &Environment, events: &Emitter) -> Result<Adapters, Failure> {
    let opener = &Opener::new(environment, copying.plain_http.clone(), copying.start.clone());
    let source = (copying.source.host(), copying.source_access.as_ref());
    let destinations = copying.destinations.iter().map(|to| (to.repository.host(), to.access.as_ref()));
    let places: Vec<(&str, Option<&Access>)> = std::iter::once(source).chain(destinations).collect();
    let mut distinct: Vec<(&str, Option<&Access>)> = Vec::new();
    for place in &places {
        if !distinct.contains(place) {
            distinct.push(*place);
        }
    }
    let repository_at = |(host, _): &(&str, Option<&Access>)| {
        let images = std::iter::once(&copying.source).chain(copying.destinations.iter().map(|to| &to.repository));
        images.into_iter().find(|image| image.host() == *host).map_or("", ImageReference::repository)
    };
    let opening = distinct.iter().map(|place| open(opener, place.0, repository_at(place), place.1));
    let ready = registries::all(join_all(opening).await.into_iter())?;
    for one in &ready {
        one.tell(events);
    }
    let destination_of = |place: &(&str, Option<&Access>)| {
        let at = distinct.iter().position(|other| other == place);
        at.map(|at| Destination {
            registry: ready[at].registry.clone(),
            ecr: ready[at].ecr.as_ref().map(|side| side.ecr.clone()),
        })
    };
    // The source is the first of the distinct ones.
    Ok(Adapters {
        source: ready[0].registry.clone(),
        destinations: places.iter().skip(1).filter_map(destination_of).collect(),
    })
}

async fn open(opener: &Opener, host: &str, repository: &str, access: Option<&Access>) -> Result<Opened, Failure> {
    match access {
        Some(access) => opener.open_ecr(access, host.to_owned(), Some(host)).await,
        None => opener.open_other(host, repository).await,
    }
}
