//! The registries of a mirror: each identity, each login, side by side.

use futures_util::future::join_all;
use tokio::sync::OnceCell;

use super::{SdkConfig, address_of, identity, log_in, registry, tell};
use crate::{
    aws::{
        ecr::Ecr,
        session::{self, Session},
    },
    config::mirror::{Mirror, MirrorDestination, MirrorImage, MirrorRegistry},
    domain::{access::Access, event::Emitter, image::EcrHost},
    pipeline::{
        failure::Failure,
        mirror::{Adapters, Destination},
    },
    registry::{Authorization, Registry},
};

/// A registry, ready to be asked.
struct Opened {
    registry: Registry,
    /// What it is for, the identity and the control plane, where it is ECR.
    ecr: Option<(String, Session, Ecr)>,
}

/// Opens every session and logs in to every registry. All of them are had before anything is changed.
///
/// # Errors
/// [`Failure::Identity`] with every role that cannot be assumed, [`Failure::Aws`] when ECR gives no token.
pub async fn connect_mirror(mirror: &Mirror, events: &Emitter) -> Result<Adapters, Failure> {
    let base = &OnceCell::new();
    let registries = distinct_sources(&mirror.images);
    let sources = registries.iter().map(|image| open_source(base, image));
    let destinations = mirror.destinations.iter().map(|to| open_destination(base, to));
    let (sources, destinations) = tokio::join!(join_all(sources), join_all(destinations));
    let mut opened = all(sources.into_iter().chain(destinations))?;
    for (purpose, session, _) in opened.iter().filter_map(|one| one.ecr.as_ref()) {
        tell(purpose, session, events);
    }
    let destinations = opened.split_off(registries.len());
    let source_of = |image: &MirrorImage| {
        let at = registries.iter().position(|other| is_of_one_registry(other, image));
        at.map(|at| opened[at].registry.clone())
    };
    Ok(Adapters {
        sources: mirror.images.iter().filter_map(source_of).collect(),
        destinations: destinations
            .into_iter()
            .map(|one| Destination { registry: one.registry, ecr: one.ecr.map(|(_, _, ecr)| ecr) })
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

async fn open_source(base: &OnceCell<SdkConfig>, image: &MirrorImage) -> Result<Opened, Failure> {
    match (&image.access, image.source.ecr()) {
        (Some(access), Some(EcrHost { account, region })) => {
            let purpose = format!("source {account} in {region}");
            open_ecr(base, access, purpose, Some(image.source.host())).await
        }
        _ => open_other(image.source.host()),
    }
}

async fn open_destination(base: &OnceCell<SdkConfig>, to: &MirrorDestination) -> Result<Opened, Failure> {
    match &to.registry {
        MirrorRegistry::Ecr(access) => {
            let account = access.hops.last().map(|hop| format!(" {}", hop.role.account())).unwrap_or_default();
            open_ecr(base, access, format!("destination{account} in {}", access.region), None).await
        }
        MirrorRegistry::Host(host) => open_other(host),
    }
}

/// ECR as this access has it, under the host that references give it, else its account's own.
async fn open_ecr(
    base: &OnceCell<SdkConfig>,
    access: &Access,
    purpose: String,
    host: Option<&str>,
) -> Result<Opened, Failure> {
    let base = base.get_or_init(|| session::base(&access.region, None)).await;
    let session = Session::open(base, access, &purpose).await.map_err(identity)?;
    let ecr = Ecr::new(&session);
    let own = EcrHost::host_of(session.account(), &access.region);
    let host = host.unwrap_or(&own);
    let registry = registry(host, &log_in(&ecr, host).await?).map_err(Failure::Registry)?;
    Ok(Opened { registry, ecr: Some((purpose, session, ecr)) })
}

/// Any other registry is asked as nobody.
fn open_other(host: &str) -> Result<Opened, Failure> {
    let registry = Registry::new(host, &address_of(host), Authorization::Anonymous);
    Ok(Opened { registry: registry.map_err(Failure::Registry)?, ecr: None })
}

/// All, or what keeps any of them from being had: whoever mends one identity should know of the others.
#[expect(clippy::result_large_err, reason = "made once in a run")]
fn all(results: impl Iterator<Item = Result<Opened, Failure>>) -> Result<Vec<Opened>, Failure> {
    let (mut opened, mut identities, mut other) = (Vec::new(), Vec::new(), None);
    for result in results {
        match result {
            Ok(one) => opened.push(one),
            Err(Failure::Identity(errors)) => identities.extend(errors),
            Err(failure) => {
                other.get_or_insert(failure);
            }
        }
    }
    match other {
        _ if !identities.is_empty() => Err(Failure::Identity(identities)),
        Some(failure) => Err(failure),
        None => Ok(opened),
    }
}
