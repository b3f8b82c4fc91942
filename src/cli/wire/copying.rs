//! The registries of a copy: the source and each destination, side by side; a place that is named twice is opened once.

use futures_util::future::join_all;

use super::registries::{self, Opened, Opener};
use crate::{
    config::copying::Copying,
    domain::{access::Access, event::Emitter},
    pipeline::{
        copying::{Adapters, Destination},
        failure::Failure,
    },
};

/// Opens every session and logs in to every registry. All of them are had before anything is changed.
///
/// # Errors
/// [`Failure::Identity`] with every role that cannot be assumed, [`Failure::Aws`] when ECR gives no token.
pub async fn connect_copy(copying: &Copying, events: &Emitter) -> Result<Adapters, Failure> {
    let opener = &Opener::new(copying.plain_http.clone());
    let source = (copying.source.host(), copying.source_access.as_ref());
    let destinations = copying.destinations.iter().map(|to| (to.repository.host(), to.access.as_ref()));
    let places: Vec<(&str, Option<&Access>)> = std::iter::once(source).chain(destinations).collect();
    let mut distinct: Vec<(&str, Option<&Access>)> = Vec::new();
    for place in &places {
        if !distinct.contains(place) {
            distinct.push(*place);
        }
    }
    let opening = distinct.iter().map(|(host, access)| open(opener, host, *access));
    let opened = registries::all(join_all(opening).await.into_iter())?;
    opened.iter().for_each(|one| one.tell(events));
    let destination_of = |place: &(&str, Option<&Access>)| {
        let at = distinct.iter().position(|other| other == place);
        at.map(|at| Destination {
            registry: opened[at].registry.clone(),
            ecr: opened[at].ecr.as_ref().map(|side| side.ecr.clone()),
        })
    };
    // The source is the first of the distinct ones.
    Ok(Adapters {
        source: opened[0].registry.clone(),
        destinations: places.iter().skip(1).filter_map(destination_of).collect(),
    })
}

async fn open(opener: &Opener, host: &str, access: Option<&Access>) -> Result<Opened, Failure> {
    match access {
        Some(access) => opener.open_ecr(access, host.to_owned(), Some(host)).await,
        None => opener.open_other(host),
    }
}
