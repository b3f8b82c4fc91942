//! How the container is reached. The ways are tried in order, and each that is not used is told with its reason. None of them
//! dials a published port, where an engine's proxy accepts connections for an application that does not listen, and none dials
//! localhost inside the container, where App Runner does not dial either.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{
    cleaning::clean_up,
    probe::{Seen, probe},
    sidecar::Sidecar,
    spoken::{Spoken, identify},
};
use crate::{
    docker::{
        Engine, EngineError,
        container::ContainerState,
        error::Tried,
        neighbours,
        reach::{Here, elsewhere, own_address},
        sidecar::SidecarSpec,
        sockets,
        whereabouts::OwnContainer,
    },
    packing::SelfLayer,
};
use shipgate_core::{event::Emitter, health::HealthCheck, reach::ReachChoice};

/// The network that engines attach a container to where none is named.
const DEFAULT_NETWORK: &str = "bridge";

/// Where this program's own executable is. Not its path: that file may have been replaced since.
const OWN_EXECUTABLE: &str = "/proc/self/exe";

/// How the probes get there.
pub(super) enum Prober {
    /// Dialled from here.
    Direct {
        /// What is dialled.
        target: SocketAddr,
        /// Whether another way may take its place, should no probe get there.
        is_the_only_way: bool,
        /// Who must be seen to answer there before any answer is believed; nobody where that is certain already.
        unproved: Option<Unproved>,
        /// Whether nothing but the user's word says that this is the container.
        rests_on_word: bool,
    },
    /// Dialled from beside it.
    Beside(Box<Sidecar>, u16),
}

/// A container that must be seen to be the one that answers.
pub(super) struct Unproved {
    /// Its process, as the engine tells it.
    pid: Option<i64>,
    /// Whether an answer is believed where nothing can be seen: the user has said that this way is right.
    is_trusted: bool,
}

/// Why a probe says nothing of the container.
pub(super) enum Doubt {
    /// It did not get there.
    Unheard(String),
    /// Somebody answered, and it is another one, or may be.
    Somebody(&'static str),
}

impl Prober {
    /// Whether what a probe saw is not to be believed, and why.
    pub(super) fn doubt(&mut self, seen: &Seen) -> Option<Doubt> {
        let Self::Direct { target, unproved, rests_on_word, .. } = self else { return None };
        if !seen.reached() {
            return Some(Doubt::Unheard(seen.to_string()));
        }
        let Unproved { pid, is_trusted } = unproved.as_ref()?;
        match pid.and_then(|pid| neighbours::reach_one_another(pid, target.ip())) {
            Some(false) => {
                return Some(Doubt::Somebody("somebody else answers there: the engine has a network of its own"));
            }
            None if !is_trusted => return Some(Doubt::Somebody("it cannot be seen from here who answers there")),
            who => (*unproved, *rests_on_word) = (None, who.is_none()),
        }
        None
    }

    /// What is probed, for people.
    pub(super) fn address(&self) -> String {
        match self {
            Self::Direct { target, .. } => target.to_string(),
            Self::Beside(sidecar, port) => SocketAddr::new(sidecar.address(), *port).to_string(),
        }
    }

    /// Whether nothing but the user's word says that it is the container that is probed.
    pub(super) fn rests_on_word(&self) -> bool {
        matches!(self, Self::Direct { rests_on_word: true, .. })
    }

    /// Its name, for people.
    pub(super) fn way(&self) -> &'static str {
        match self {
            Self::Direct { .. } => "dialled from here",
            Self::Beside(..) => "dialled from a sidecar in its network namespace",
        }
    }

    /// Probes once.
    pub(super) async fn probe(&mut self, check: &HealthCheck, limit: Duration) -> Result<Seen, EngineError> {
        match self {
            Self::Direct { target, .. } => Ok(probe(*target, check, limit).await),
            Self::Beside(sidecar, port) => sidecar.probe(*port, check, limit).await,
        }
    }

    /// What the port speaks that does not answer in HTTP/1, if that can be seen.
    pub(super) async fn identify(&mut self, limit: Duration) -> Option<Spoken> {
        match self {
            Self::Direct { target, .. } => identify(*target, limit).await,
            Self::Beside(sidecar, port) => sidecar.identify(*port, limit).await,
        }
    }

    /// What the container listens on, if that can be told: it only adds to a verdict that has fallen.
    pub(super) async fn listening(&mut self, state: &ContainerState) -> Option<Vec<SocketAddr>> {
        match self {
            Self::Direct { .. } => sockets::listening(state.pid?, state.addresses.first()?.address),
            Self::Beside(sidecar, _) => sidecar.listening().await.ok(),
        }
    }
}

/// Something that was made for the reaching, and is to be removed.
enum Made {
    Image(String),
    Sidecar(String),
    Network(String),
    /// This program's own container was attached to a network.
    Attachment {
        network: String,
        own: String,
    },
}

/// What reaching needs to know, and what it has made.
pub(super) struct Reach<'a> {
    engine: &'a Engine,
    pub(super) choice: &'a ReachChoice,
    /// A Linux executable of this program for the sidecar; its own where none is named.
    executable: Option<&'a Path>,
    run_id: &'a str,
    labels: HashMap<String, String>,
    made: Mutex<Vec<Made>>,
    tried: Mutex<Vec<Tried>>,
    /// Whether this program runs in a container of the engine: then what is on one network there is on one here.
    is_inside: OnceLock<()>,
}

impl<'a> Reach<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        choice: &'a ReachChoice,
        executable: Option<&'a Path>,
        run_id: &'a str,
        labels: HashMap<String, String>,
    ) -> Self {
        let (made, tried, is_inside) = (Mutex::default(), Mutex::default(), OnceLock::new());
        Self { engine, choice, executable, run_id, labels, made, tried, is_inside }
    }

    /// The ways that were not used, with their reasons.
    pub(super) fn tried(&self) -> Vec<Tried> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that a way is not used.
    pub(super) fn pass_over(&self, way: impl Into<String>, reason: impl Into<String>) {
        let tried = Tried { address: way.into(), reason: reason.into() };
        let mut all = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains(&tried) {
            all.push(tried);
        }
    }

    /// Noted before it is made: a call whose answer never came may have made it.
    fn note(&self, made: Made) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(made);
    }

    /// A network that this program is on too, where it runs in a container of the same engine and is not on the default one.
    async fn network(&self) -> Option<String> {
        if !matches!(self.choice, ReachChoice::Auto | ReachChoice::SameNetwork) {
            return None;
        }
        let Some(own) = self.engine.own_container().await else {
            self.pass_over("same network", "shipgate does not run in a container of this engine");
            return None;
        };
        self.is_inside.get_or_init(|| ());
        if own.networks.contains(DEFAULT_NETWORK) || own.networks.contains("host") {
            return None;
        }
        match self.join(&own).await {
            Ok(network) => Some(network),
            Err(error) => {
                self.pass_over("same network", error.to_string());
                None
            }
        }
    }

    async fn join(&self, own: &OwnContainer) -> Result<String, EngineError> {
        let network = format!("shipgate-{}", self.run_id);
        self.note(Made::Network(network.clone()));
        self.engine.create_network(&network, self.labels.clone()).await?;
        self.note(Made::Attachment { network: network.clone(), own: own.id.clone() });
        self.engine.attach_to_network(&network, &own.id).await?;
        Ok(network)
    }

    /// The way to a container that runs.
    ///
    /// # Errors
    /// Every way that was tried.
    pub(super) async fn prober(
        &self,
        container: &str,
        state: &ContainerState,
        port: u16,
    ) -> Result<Prober, Vec<Tried>> {
        let direct = match self.choice {
            ReachChoice::Host(host) => return self.told_host(host, port).await,
            ReachChoice::Sidecar => None,
            ReachChoice::Auto | ReachChoice::OwnAddress | ReachChoice::SameNetwork => self.own_address(state),
        };
        let may_go_beside = self.may_go_beside();
        match direct {
            Some(address) => Ok(Prober::Direct {
                target: SocketAddr::new(address, port),
                is_the_only_way: !may_go_beside,
                unproved: self
                    .is_inside
                    .get()
                    .is_none()
                    .then_some(Unproved { pid: state.pid, is_trusted: *self.choice == ReachChoice::OwnAddress }),
                rests_on_word: false,
            }),
            None if may_go_beside => self.beside(container, port).await.ok_or_else(|| self.tried()),
            None => Err(self.tried()),
        }
    }

    fn may_go_beside(&self) -> bool {
        matches!(self.choice, ReachChoice::Auto | ReachChoice::Sidecar)
    }

    /// What a container listens on. Where that cannot be seen from here, as from another container, a sidecar sees it.
    pub(super) async fn listening(&self, container: &str, port: u16, prober: &mut Prober) -> Option<Vec<SocketAddr>> {
        let state = self.engine.container(container).await.ok().filter(|state| state.running)?;
        let seen = prober.listening(&state).await;
        if seen.is_some() || matches!(prober, Prober::Beside(..)) || !self.may_go_beside() {
            return seen;
        }
        self.beside(container, port).await?.listening(&state).await
    }

    fn own_address(&self, state: &ContainerState) -> Option<IpAddr> {
        let here = Here::look();
        match own_address(self.engine.facts(), &here, &state.addresses) {
            Ok(address) => Some(address),
            Err(tried) => {
                for one in tried {
                    self.pass_over(one.address, one.reason);
                }
                if elsewhere(self.engine.facts(), &here).is_some() {
                    let reason =
                        "never used: an engine's proxy accepts connections for an application that does not listen";
                    self.pass_over("a published port", reason);
                }
                None
            }
        }
    }

    async fn told_host(&self, host: &str, port: u16) -> Result<Prober, Vec<Tried>> {
        match tokio::net::lookup_host((host, port)).await.map(|mut found| found.next()) {
            Ok(Some(target)) => {
                Ok(Prober::Direct { target, is_the_only_way: true, unproved: None, rests_on_word: true })
            }
            Ok(None) => Err(vec![Tried { address: host.to_owned(), reason: "it has no address".to_owned() }]),
            Err(error) => Err(vec![Tried { address: host.to_owned(), reason: error.to_string() }]),
        }
    }

    /// From a sidecar; `None` when that cannot be had, which is then among what was tried.
    pub(super) async fn beside(&self, container: &str, port: u16) -> Option<Prober> {
        match self.start_sidecar(container).await {
            Ok(sidecar) => Some(Prober::Beside(Box::new(sidecar), port)),
            Err(reason) => {
                self.pass_over("a sidecar", reason);
                None
            }
        }
    }

    /// What must be there before the container is made: the sidecar's image, where it is certain to be needed, so that the
    /// application's clock does not run while it is loaded; and the network that the container is to be on, if not the default
    /// one.
    pub(super) async fn prepare(&self) -> Option<String> {
        let certain = match self.choice {
            ReachChoice::Sidecar => true,
            ReachChoice::Auto => elsewhere(self.engine.facts(), &Here::look()).is_some(),
            ReachChoice::OwnAddress | ReachChoice::SameNetwork | ReachChoice::Host(_) => false,
        };
        if certain {
            // What keeps it from being loaded is told when it is needed.
            let _later = self.load_sidecar().await;
        }
        self.network().await
    }

    fn architecture(&self) -> String {
        self.engine.facts().architecture.clone().unwrap_or_else(|| "amd64".to_owned())
    }

    fn sidecar_image(&self) -> String {
        format!("shipgate-sidecar:{}", self.run_id)
    }

    async fn load_sidecar(&self) -> Result<(), String> {
        let (image, architecture) = (self.sidecar_image(), self.architecture());
        if self.engine.image(&image).await.is_ok_and(|image| image.is_some()) {
            return Ok(());
        }
        let archive = {
            let executable = self.executable.map_or_else(|| PathBuf::from(OWN_EXECUTABLE), Path::to_owned);
            let (labels, architecture, image) = (self.labels.clone(), architecture.clone(), image.clone());
            tokio::task::spawn_blocking(move || {
                let layer = SelfLayer::for_architecture(&executable, &architecture)?;
                layer.labelled_image("probe-sidecar", &architecture, &labels).docker_archive(&image)
            })
        };
        let archive = archive.await.map_err(|error| error.to_string())?.map_err(|error| {
            format!("{error}; SHIPGATE_SIDECAR can name a Linux executable of shipgate for {architecture}")
        })?;
        self.note(Made::Image(image.clone()));
        let body = futures_util::stream::once(std::future::ready(Ok(archive)));
        self.engine.load_image(body).await.map(drop).map_err(|error| error.to_string())
    }

    async fn start_sidecar(&self, container: &str) -> Result<Sidecar, String> {
        self.load_sidecar().await?;
        let (image, architecture) = (self.sidecar_image(), self.architecture());
        let name = format!("shipgate-sidecar-{}", self.run_id);
        self.note(Made::Sidecar(name.clone()));
        let spec = SidecarSpec { name, image, architecture, beside: container.to_owned(), labels: self.labels.clone() };
        let conversation = self.engine.start_sidecar(&spec).await.map_err(|error| error.to_string())?;
        Sidecar::greet(conversation).await.map_err(|error| error.to_string())
    }

    /// Removes the sidecars. They go before the container that they are beside: Podman does not part with one that others
    /// share the network of.
    pub(super) async fn leave(&self, events: &Emitter, cancel: &CancellationToken) {
        let is_sidecar = |one: &mut Made| matches!(one, Made::Sidecar(_));
        let sidecars: Vec<Made> = {
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            made.extract_if(.., is_sidecar).collect()
        };
        for one in sidecars {
            clean_up(events, cancel, self.remove(one)).await;
        }
    }

    /// Removes what was made for the reaching, the newest first. The container itself must be gone by then, unless it is kept:
    /// then the network that it is on is kept too.
    pub(super) async fn clean_up(self, events: &Emitter, cancel: &CancellationToken, keeps_network: bool) {
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        for one in made.into_iter().rev() {
            if !(keeps_network && matches!(one, Made::Network(_))) {
                clean_up(events, cancel, self.remove(one)).await;
            }
        }
    }

    async fn remove(&self, made: Made) -> Result<(), EngineError> {
        match made {
            Made::Sidecar(name) => self.engine.remove_container(&name).await,
            Made::Image(name) => self.engine.remove_image(&name).await,
            Made::Attachment { network, own } => self.engine.detach_from_network(&network, &own).await,
            Made::Network(name) => self.engine.remove_network(&name).await,
        }
    }
}
