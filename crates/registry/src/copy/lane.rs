//! One destination of a copy: where it is, what it has been sent, and whether it still takes part.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::{error::CopyError, place::Place, progress::Tally, request::CopyDestination};
use shipgate_core::event::Emitter;

/// A destination. It leaves the copy with its first failure; the others go on.
pub(super) struct Lane {
    pub(super) place: Place,
    pub(super) tag: Option<String>,
    pub(super) tally: Tally,
    failure: Mutex<Option<CopyError>>,
}

/// The destinations of a copy, in the order of the request; elsewhere they are spoken of by their index here.
pub(super) type Lanes = [Arc<Lane>];

impl Lane {
    pub(super) fn new(destination: &CopyDestination<'_>, events: &Emitter) -> Arc<Self> {
        let place = Place::new(destination.registry, destination.repository, events);
        let tag = destination.tag.map(str::to_owned);
        let name = name(&place, tag.as_deref());
        Arc::new(Self { place, tag, tally: Tally::new(name, events.clone()), failure: Mutex::default() })
    }

    /// Whether it still takes part.
    pub(super) fn is_open(&self) -> bool {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// It takes no part any more, because of this. The first failure is the one that is told.
    pub(super) fn fail(&self, error: impl Into<CopyError>) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error.into());
    }

    /// What made it leave.
    pub(super) fn take_failure(&self) -> Option<CopyError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Those of the lanes that still take part.
pub(super) fn open(lanes: &Lanes) -> impl Iterator<Item = (usize, &Arc<Lane>)> {
    lanes.iter().enumerate().filter(|(_, lane)| lane.is_open())
}

/// Of these lanes, those that still take part.
pub(super) fn still_open(lanes: &Lanes, indices: &BTreeSet<usize>) -> BTreeSet<usize> {
    indices.iter().copied().filter(|index| lanes[*index].is_open()).collect()
}

fn name(place: &Place, tag: Option<&str>) -> String {
    tag.map_or_else(|| place.to_string(), |tag| format!("{place}:{tag}"))
}

impl fmt::Debug for Lane {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&name(&self.place, self.tag.as_deref()))
    }
}
