//! A copy of one image, in order: the registries, then all destinations at once. A destination that fails fails alone.

use std::future::Future;

use futures_util::future::join_all;

use super::{
    cancellation::Signal,
    failure::{Deployed, Failure},
    narrator::{Narrator, Told},
};
use crate::{
    config::copying::{CopyTo, Copying},
    stages::{
        copy::{self, CopyDestination, CopyError, CopyImage, CopyOptions, CopyRequest, CopySource, CopySummary},
        preflight,
        pull_through::PullThrough,
    },
};
use shipgate_aws::ecr::Ecr;
use shipgate_core::{
    event::Stage,
    exit_code::ExitCode,
    pull_through::{Passage, Via},
};
use shipgate_registry::Registry;

/// The registries of a copy.
#[derive(Debug)]
pub struct Adapters {
    /// Where it is read.
    pub source: Registry,
    /// Where it is written, in the order of the destinations.
    pub destinations: Vec<Destination>,
}

/// A registry to write to.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The registry.
    pub registry: Registry,
    /// Its control plane, where it is ECR.
    pub ecr: Option<Ecr>,
}

/// Copies. `connecting` opens the sessions and logs in; it is part of resolve.
///
/// # Errors
/// [`Failure`]; when it is [`Failure::Destinations`], every other destination has been served.
pub async fn copy(
    narrator: &Narrator,
    copying: &Copying,
    connecting: impl Future<Output = Result<Adapters, Failure>>,
) -> Result<Deployed, Failure> {
    let stopped = |failure| {
        if let Failure::Cancelled { signal, .. } = failure {
            return Failure::CopyStopped { signal, world: "nothing was copied".to_owned() };
        }
        failure
    };
    let resolve = async {
        let adapters = connecting.await?;
        let count = adapters.destinations.len();
        let detail = if count == 1 { "1 destination".to_owned() } else { format!("{count} destinations") };
        Ok(Told::done(adapters, detail))
    };
    let adapters = narrator.reading_stage(Stage::Resolve, resolve).await.map_err(stopped)?;
    if copying.via == Via::PullThrough {
        narrator.reading_stage(Stage::Preflight, check(narrator, copying, &adapters)).await.map_err(stopped)?;
    }
    let copied = narrator.stage(Stage::Copy, copy_to_all(narrator, copying, &adapters)).await.map_err(stopped)?;
    let digest = copied.first().map(|summary| summary.digest.clone());
    Ok(Deployed { digest, service_url: None, summary: summed_up(&copied) })
}

/// That ECR can fetch the image, at every destination.
async fn check(narrator: &Narrator, copying: &Copying, adapters: &Adapters) -> Result<Told<()>, Failure> {
    let of_all = adapters.destinations.iter().zip(&copying.destinations).map(|(destination, to)| {
        let pull_through = PullThrough {
            passage: Passage::between(&copying.source, &to.repository),
            tag: tag_of_its_own(copying, to),
            source: &adapters.source,
            ecr: destination.ecr.as_ref(),
        };
        async move { pull_through.checks().await }
    });
    let checks = join_all(of_all).await.concat();
    preflight::tell(&checks, &narrator.events);
    match preflight::exit_code(&checks) {
        None => Ok(Told::done((), format!("{} checks passed", checks.len()))),
        Some(_) => Err(Failure::Preflight(checks)),
    }
}

/// The tag there, unless it is the one that the image is read by: that is what a cache follows, and is meant to.
fn tag_of_its_own<'a>(copying: &Copying, to: &'a CopyTo) -> Option<&'a str> {
    let read_by = if copying.pinned().is_some() { copying.source.tag() } else { Some(copying.source_tag()) };
    to.tag.as_deref().filter(|tag| read_by != Some(*tag))
}

async fn copy_to_all(
    narrator: &Narrator,
    copying: &Copying,
    adapters: &Adapters,
) -> Result<Told<Vec<CopySummary>>, Failure> {
    let destinations: Vec<CopyDestination<'_>> = adapters
        .destinations
        .iter()
        .zip(&copying.destinations)
        .map(|(destination, to)| CopyDestination {
            registry: &destination.registry,
            repository: to.repository.repository(),
            tag: to.tag.as_deref(),
        })
        .collect();
    let mut options = CopyOptions {
        platform: copying.platform.clone(),
        via: copying.via,
        referrers: copying.referrers,
        ..CopyOptions::default()
    };
    options.deadline = copying.timeout.unwrap_or(options.deadline);
    let request = CopyRequest {
        source: CopySource { registry: &adapters.source, repository: copying.source.repository() },
        image: copying.pinned().map_or_else(|| CopyImage::Tag(copying.source_tag()), CopyImage::Digest),
        destinations: &destinations,
        options,
    };
    let ended = copy::copy_each(&request, &narrator.events, narrator.cancellation.token()).await;
    let names = copying.destinations.iter().map(|to| match &to.tag {
        Some(tag) => format!("{}/{}:{tag}", to.repository.host(), to.repository.repository()),
        None => format!("{}/{}", to.repository.host(), to.repository.repository()),
    });
    conclude(ended, names.collect(), narrator.cancellation.signal())
}

/// What it came to, of all destinations.
#[expect(clippy::result_large_err, reason = "made once in a run")]
fn conclude(
    ended: Result<Vec<Result<CopySummary, CopyError>>, CopyError>,
    names: Vec<String>,
    signal: Option<Signal>,
) -> Result<Told<Vec<CopySummary>>, Failure> {
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) if error.is_cancelled() => {
            let world = "what has been copied stays where it is; no tag points at what is not whole".to_owned();
            return Err(Failure::CopyStopped { signal: signal.unwrap_or(Signal::Interrupt), world });
        }
        // The source fails all of them.
        Err(error) => return Err(Failure::Destinations(DestinationsFailure::of_source(error, names.len()))),
    };
    let (mut served, mut left) = (Vec::new(), Vec::new());
    for (name, ended) in names.into_iter().zip(ended) {
        match ended {
            Ok(summary) => served.push(summary),
            Err(error) => left.push((name, error)),
        }
    }
    if !left.is_empty() {
        let all = served.len() + left.len();
        return Err(Failure::Destinations(DestinationsFailure { all, served: served.len(), left }));
    }
    let changed = served.iter().filter(|summary| !summary.is_unchanged()).count();
    Ok(match (changed, served.len()) {
        (0, _) => Told::skipped(served, "nothing to do"),
        (changed, all) => Told::done(served, format!("{changed} of {all} destinations changed")),
    })
}

fn summed_up(copied: &[CopySummary]) -> String {
    let digest = copied.first().map(|summary| summary.digest.short()).unwrap_or_default();
    let places = match copied {
        [only] => only.destination.clone(),
        several => format!("all {} destinations", several.len()),
    };
    let has = if copied.len() == 1 { "has" } else { "have" };
    if copied.iter().all(CopySummary::is_unchanged) {
        return format!("nothing to do: {places} {has} {digest}");
    }
    format!("{places} {has} {digest}")
}

/// A copy that some destinations were not served by. The others were.
#[derive(Debug, thiserror::Error)]
#[error("{}", if left.len() == 1 { left[0].1.to_string() } else { format!("{} of {all} destinations were not served", left.len()) })]
pub struct DestinationsFailure {
    all: usize,
    served: usize,
    /// Each that was not, and why; the source alone, if nothing could be had from it.
    left: Vec<(String, CopyError)>,
}

impl DestinationsFailure {
    fn of_source(error: CopyError, all: usize) -> Self {
        Self { all, served: 0, left: vec![(String::new(), error)] }
    }

    /// What is not there, or not for the platform, is found out before anything is written.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        let found_out_before =
            |error: &CopyError| matches!(error, CopyError::SourceMissing { .. } | CopyError::NoSuchPlatform { .. });
        if self.left.iter().all(|(name, error)| name.is_empty() && found_out_before(error)) {
            ExitCode::Preflight
        } else {
            ExitCode::Copy
        }
    }

    /// Where things are now.
    #[must_use]
    pub fn world(&self) -> &'static str {
        let counted = |is: fn(&CopyError) -> bool| self.left.iter().filter(|(_, error)| is(error)).count();
        // What refers to an image comes after it, and after its tag.
        let lacks_referrers = counted(|error| matches!(error, CopyError::Referrers { .. }));
        if lacks_referrers == self.left.len() {
            return "the image is there, its tag too; not all that refers to it is";
        }
        if lacks_referrers > 0 {
            return "where only what refers to the image is missing, its tag has moved; where more is, it has not";
        }
        // It may pass while tags are written.
        if counted(|error| matches!(error, CopyError::DeadlinePassed { .. })) > 0 {
            return "what has been copied stays where it is; no tag points at what is not whole";
        }
        match self.served {
            0 if self.exit_code() == ExitCode::Preflight => "nothing was changed",
            0 => "no tag was moved; blobs without a manifest may be left at the destinations",
            _ => "the other destinations have the image; no tag was moved where it is missing",
        }
    }

    /// Each destination that was not served, and why.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        if let [(_, only)] = &self.left[..] {
            return sources(only);
        }
        self.left.iter().map(|(name, error)| format!("{name}: {}", error.chain())).collect()
    }

    /// How to mend it: each hint once.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let mut hints: Vec<String> = Vec::new();
        for hint in self.left.iter().filter_map(|(_, error)| error.hint()) {
            if !hints.contains(&hint) {
                hints.push(hint);
            }
        }
        (!hints.is_empty()).then(|| hints.join("\n"))
    }
}

fn sources(error: &dyn std::error::Error) -> Vec<String> {
    std::iter::successors(error.source(), |error| error.source()).map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::tag_of_its_own;
    use crate::config::{
        copying::{CopyWords, read},
        environment::Environment,
    };

    #[test]
    fn the_tag_that_the_image_is_read_by_is_not_the_destinations_own() {
        let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let table = [
            (String::new(), "", None),
            (String::new(), ":latest", None),
            (String::new(), ":v1", Some("v1")),
            (":v1".to_owned(), "", None),
            (":v1".to_owned(), ":stable", Some("stable")),
            (format!("@{digest}"), "", None),
            (format!("@{digest}"), ":latest", Some("latest")),
            (format!(":v1@{digest}"), "", None),
            (format!(":v1@{digest}"), ":stable", Some("stable")),
        ];
        for (source, destination, expected) in table {
            let words = CopyWords {
                source: format!("r.example.com/a{source}"),
                destinations: vec![format!("s.example.com/a{destination}")],
                ..CopyWords::default()
            };
            let copying = read(&words, &Environment::default()).unwrap();
            assert_eq!(tag_of_its_own(&copying, &copying.destinations[0]), expected, "{source} {destination}");
        }
    }
}
