//! Removes what runs that were killed have left in the engine, whatever made it: it is found by its labels alone.
//!
//! An image that is pulled cannot be labelled. So an empty volume marks the pull: made before it, labelled like all
//! else and with the image's reference, and removed after the image. A run that is killed between leaves the marker,
//! and with it the next one knows of an image that nobody asked the engine to keep.

use std::collections::{HashMap, HashSet};

use bollard::{
    models::{NetworkDisconnectRequest, VolumeCreateRequest},
    query_parameters::{
        InspectNetworkOptions, ListContainersOptions, ListImagesOptions, ListNetworksOptions, ListVolumesOptions,
        RemoveImageOptions, RemoveVolumeOptions,
    },
};
use jiff::Timestamp;

use super::{
    connect::Engine,
    error::{EngineError, status_of},
    labels::{self, is_left},
    owner::fate_of,
};

/// Something in the engine, and its labels.
type Labelled = (String, HashMap<String, String>);

/// What the sweep has done.
#[derive(Default)]
struct Swept {
    /// `container ID`, `network ID`, in the order of removal.
    removed: Vec<String>,
    failed: Option<EngineError>,
}

impl Swept {
    fn take(&mut self, what: String, result: Result<(), EngineError>) {
        match result {
            Ok(()) => self.removed.push(what),
            // Another run sweeps the same, or something of somebody else's uses it: the next sweep looks again.
            Err(EngineError::Call { status: Some(409), .. }) => (),
            Err(error) => self.failed = self.failed.take().or(Some(error)),
        }
    }
}

impl Engine {
    /// Removes what runs that were killed left behind, and gives what it removed: `container ID`, `network ID`,
    /// `image NAME`. Containers go first, since they use all else.
    ///
    /// # Errors
    /// The first [`EngineError`], after every leftover has been tried.
    pub async fn sweep(&self, now: Timestamp) -> Result<Vec<String>, EngineError> {
        let left = |of: Vec<Labelled>| of.into_iter().filter(|(_, labels)| is_left(labels, now, fate_of));
        // Asked for together: a run waits for this before its container is made, and mostly nothing is left.
        let (containers, networks, images, volumes) = tokio::try_join!(
            self.labelled_containers(labels::RUN),
            self.labelled_networks(labels::RUN),
            self.labelled_images(labels::RUN),
            self.labelled_volumes(labels::RUN),
        )?;
        let mut swept = Swept::default();
        for (id, _) in left(containers) {
            swept.take(format!("container {id}"), self.remove_container(&id).await);
        }
        for (id, _) in left(networks) {
            swept.take(format!("network {id}"), self.remove_network_with_ends(&id).await);
        }
        for (id, _) in left(images) {
            swept.take(format!("image {id}"), self.remove_labelled_image(&id).await);
        }
        self.sweep_pulls(now, volumes, &mut swept).await;
        swept.failed.map_or(Ok(swept.removed), Err)
    }

    /// Removes the images that marked pulls have left, then the markers.
    async fn sweep_pulls(&self, now: Timestamp, markers: Vec<Labelled>, swept: &mut Swept) {
        let (left, living): (Vec<_>, Vec<_>) =
            markers.into_iter().partition(|(_, labels)| is_left(labels, now, fate_of));
        let used: HashSet<&String> = living.iter().filter_map(|(_, labels)| labels.get(labels::IMAGE)).collect();
        for (name, labels) in &left {
            // What a living run has pulled too, that run removes.
            if let Some(reference) = labels.get(labels::IMAGE).filter(|reference| !used.contains(reference)) {
                let removed = self.remove_image(reference).await;
                let in_use = removed.is_err();
                swept.take(format!("image {reference}"), removed);
                if in_use {
                    continue;
                }
            }
            if let Err(error) = self.remove_volume(name).await {
                swept.take(format!("volume {name}"), Err(error));
            }
        }
    }

    /// Marks that an image is about to be pulled for a run, and gives the marker's name.
    ///
    /// # Errors
    /// [`EngineError::Call`] when the engine fails.
    pub async fn mark_pull(&self, reference: &str, mut labels: HashMap<String, String>) -> Result<String, EngineError> {
        let name = format!("shipgate-pull-{:016x}", fastrand::u64(..));
        labels.insert(labels::IMAGE.to_owned(), reference.to_owned());
        let volume =
            VolumeCreateRequest { name: Some(name.clone()), labels: Some(labels), ..VolumeCreateRequest::default() };
        let made = self.docker.create_volume(volume).await;
        made.map(|_| name).map_err(|error| EngineError::call("create a volume", &error))
    }

    /// Removes a volume. One that is gone is as good as removed.
    ///
    /// # Errors
    /// [`EngineError::Call`] when the engine fails.
    pub async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        let removed = self.docker.remove_volume(name, None::<RemoveVolumeOptions>).await;
        gone_or(removed, || format!("remove volume {name}"))
    }

    /// Everything in the engine that is labelled with a run: `container ID`, `network ID`, `image ID`, `volume NAME`.
    ///
    /// # Errors
    /// [`EngineError::Call`] when the engine fails.
    pub async fn everything_of_run(&self, run_id: &str) -> Result<Vec<String>, EngineError> {
        let label = format!("{}={run_id}", labels::RUN);
        let kinds = [
            ("container", self.labelled_containers(&label).await?),
            ("network", self.labelled_networks(&label).await?),
            ("image", self.labelled_images(&label).await?),
            ("volume", self.labelled_volumes(&label).await?),
        ];
        let named = |(kind, all): (&str, Vec<Labelled>)| {
            all.into_iter().map(|(name, _)| format!("{kind} {name}")).collect::<Vec<_>>()
        };
        Ok(kinds.into_iter().flat_map(named).collect())
    }

    /// Removes a network after taking off it whatever is attached, for one the container that a killed run was in.
    async fn remove_network_with_ends(&self, id: &str) -> Result<(), EngineError> {
        let network = match self.docker.inspect_network(id, None::<InspectNetworkOptions>).await {
            Ok(network) => network,
            Err(error) => return gone_or(Err(error), || format!("look at network {id}")),
        };
        for container in network.containers.unwrap_or_default().into_keys() {
            let end = NetworkDisconnectRequest { container, force: Some(true) };
            let cut = self.docker.disconnect_network(id, end).await;
            gone_or(cut, || format!("disconnect network {id}"))?;
        }
        gone_or(self.docker.remove_network(id).await, || format!("remove network {id}"))
    }

    /// Removes an image that a run has made, by its id and so with all its names.
    async fn remove_labelled_image(&self, id: &str) -> Result<(), EngineError> {
        let options = RemoveImageOptions { force: true, ..RemoveImageOptions::default() };
        let removed = self.docker.remove_image(id, Some(options), None).await;
        gone_or(removed.map(drop), || format!("remove image {id}"))
    }

    pub(super) async fn labelled_containers(&self, label: &str) -> Result<Vec<Labelled>, EngineError> {
        let options =
            ListContainersOptions { all: true, filters: Some(filter(label)), ..ListContainersOptions::default() };
        let all = self.docker.list_containers(Some(options)).await;
        let all = all.map_err(|error| EngineError::call("list containers", &error))?;
        Ok(all.into_iter().filter_map(|one| Some((one.id?, one.labels.unwrap_or_default()))).collect())
    }

    async fn labelled_networks(&self, label: &str) -> Result<Vec<Labelled>, EngineError> {
        let all = self.docker.list_networks(Some(ListNetworksOptions { filters: Some(filter(label)) })).await;
        let all = all.map_err(|error| EngineError::call("list networks", &error))?;
        Ok(all.into_iter().filter_map(|one| Some((one.id?, one.labels.unwrap_or_default()))).collect())
    }

    async fn labelled_images(&self, label: &str) -> Result<Vec<Labelled>, EngineError> {
        let options = ListImagesOptions { filters: Some(filter(label)), ..ListImagesOptions::default() };
        let all = self.docker.list_images(Some(options)).await;
        let all = all.map_err(|error| EngineError::call("list images", &error))?;
        Ok(all.into_iter().map(|one| (one.id, one.labels)).collect())
    }

    async fn labelled_volumes(&self, label: &str) -> Result<Vec<Labelled>, EngineError> {
        let all = self.docker.list_volumes(Some(ListVolumesOptions { filters: Some(filter(label)) })).await;
        let all = all.map_err(|error| EngineError::call("list volumes", &error))?;
        Ok(all.volumes.unwrap_or_default().into_iter().map(|one| (one.name, one.labels)).collect())
    }
}

fn filter(label: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![label.to_owned()])])
}

/// The result of removing something: that it is gone already is as good.
fn gone_or(result: Result<(), bollard::errors::Error>, attempted: impl FnOnce() -> String) -> Result<(), EngineError> {
    match result {
        Err(error) if status_of(&error) != Some(404) => Err(EngineError::call(attempted(), &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
