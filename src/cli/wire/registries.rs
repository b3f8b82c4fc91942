//! Registries, opened: ECR by a role's session and its control plane, any other by what the user has for it.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use tokio::sync::OnceCell;

use super::{identity_failure, start, tell};
use crate::{config::environment::Environment, pipeline::failure::Failure};
use shipgate_aws::{
    ecr::{Ecr, RegistryLogin},
    identity,
    session::{Base, Session},
};
use shipgate_core::{
    access::Access, account::AccountId, credentials::Credentials, event::Emitter, image::EcrHost, oidc::Start,
    proxy::ProxyRules,
};
use shipgate_registry::{
    Authorization, BatchCheck, BatchRefusal, Registry, RegistryError, Renewal,
    credentials::{Keychain, KeychainEnvironment},
};

/// Opens registries. They share one base identity, which is found when the first of ECR's is opened.
pub(super) struct Opener {
    start: Start,
    base: OnceCell<Base>,
    plain_http: BTreeSet<String>,
    credentials: KeychainEnvironment,
    keychain: OnceCell<Keychain>,
    proxies: ProxyRules,
}

/// A registry, ready to be asked.
pub(super) struct Opened {
    pub(super) registry: Registry,
    /// Who is asking and the control plane, where it is ECR.
    pub(super) ecr: Option<EcrSide>,
}

/// ECR's side of a registry.
pub(super) struct EcrSide {
    /// What the identity is for.
    purpose: String,
    session: Session,
    pub(super) ecr: Ecr,
}

impl Opened {
    /// Tells whose identity it is asked by.
    pub(super) fn tell(&self, events: &Emitter) {
        if let Some(EcrSide { purpose, session, .. }) = &self.ecr {
            tell(purpose, session, events);
        }
    }
}

impl Opener {
    /// `plain_http` are hosts that speak HTTP without TLS; loopback addresses do so anyway.
    pub(super) fn new(environment: &Environment, plain_http: BTreeSet<String>, start: Start) -> Self {
        let credentials = keychain_environment(environment);
        let proxies = start::proxies(environment);
        Self { start, base: OnceCell::new(), plain_http, credentials, keychain: OnceCell::new(), proxies }
    }

    /// ECR as this access has it: the registry of `host`, or else that of the access's own account.
    pub(super) async fn open_ecr(
        &self,
        access: &Access,
        purpose: String,
        host: Option<&str>,
    ) -> Result<Opened, Failure> {
        let base = self.base.get_or_init(|| start::base(&access.region, &self.start)).await;
        let session = Session::open(base, access, &purpose).await.map_err(identity_failure)?;
        let ecr = Ecr::new(&session);
        let own = EcrHost::host_of(session.account(), &access.region);
        let host = host.unwrap_or(&own);
        let account = EcrHost::parse(host).map_or_else(|| session.account().clone(), |host| host.account);
        let login = log_in(&ecr, &account, host).await?;
        let registry = ecr_registry(host, &login, &ecr, account).map_err(Failure::Registry)?;
        Ok(Opened { registry, ecr: Some(EcrSide { purpose, session, ecr }) })
    }

    /// What whoever has logged in to a registry here is known by.
    pub(super) async fn login_of(&self, host: &str, repository: &str) -> Result<Option<Credentials>, Failure> {
        let open = async { Keychain::open(&self.credentials) };
        let keychain = self.keychain.get_or_try_init(|| open).await.map_err(Failure::Credentials)?;
        keychain.credentials_for(host, repository).await.map_err(Failure::Credentials)
    }

    /// Any other registry, as whoever has logged in to it here, or as nobody.
    pub(super) async fn open_other(&self, host: &str, repository: &str) -> Result<Opened, Failure> {
        let found = self.login_of(host, repository).await?;
        let authorization = found.map_or(Authorization::Anonymous, Authorization::from);
        let registry = Registry::behind(host, &self.address_of(host), authorization, &self.proxies);
        let registry = registry.map_err(Failure::Registry)?;
        let registry = if self.plain_http.contains(host) { registry } else { registry.or_with_tls() };
        Ok(Opened { registry, ecr: None })
    }

    /// Registries on loopback addresses are connected to in plain HTTP first, and so are those of `--plain-http`; all others
    /// with TLS. Docker Hub is connected to where it is, whatever it is called.
    fn address_of(&self, host: &str) -> String {
        let scheme = if is_loopback(host) || self.plain_http.contains(host) { "http" } else { "https" };
        let dialled = if matches!(host, "docker.io" | "index.docker.io") { "registry-1.docker.io" } else { host };
        format!("{scheme}://{dialled}")
    }
}

/// Whether a registry is on this machine: `localhost`, a name below it, 127.0.0.0/8 or `[::1]`, with a port or without.
fn is_loopback(host: &str) -> bool {
    let name = host
        .strip_prefix('[')
        .and_then(|rest| rest.split(']').next())
        .unwrap_or_else(|| host.split(':').next().unwrap_or_default());
    let name = name.to_ascii_lowercase();
    let address = name.parse::<IpAddr>();
    name == "localhost" || name.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// What the environment says about where credentials of registries are.
fn keychain_environment(environment: &Environment) -> KeychainEnvironment {
    KeychainEnvironment {
        docker_config: environment.docker_config().map(Into::into),
        registry_auth_file: environment.registry_auth_file().map(Into::into),
        home: environment.home().map(Into::into),
        xdg_runtime_dir: environment.xdg_runtime_dir().map(Into::into),
        path: environment.get("PATH").map(Into::into),
    }
}

pub(super) async fn log_in(ecr: &Ecr, account: &AccountId, host: &str) -> Result<RegistryLogin, Failure> {
    let answer = ecr.login(account).await;
    let login = answer.map_err(|source| Failure::Aws { doing: format!("cannot log in to {host}"), source })?;
    Ok(login.at(host))
}

/// A registry that is connected to where its login says, whatever its name is, and asked for layers by the control plane. When
/// the login expires another is had, by a role session that the SDK renews by itself.
///
/// # Errors
/// [`RegistryError`] when the address is none.
pub fn ecr_registry(
    host: &str,
    login: &RegistryLogin,
    ecr: &Ecr,
    account: AccountId,
) -> Result<Registry, RegistryError> {
    let authorization = Authorization::Basic(login.basic.clone());
    let registry = Registry::behind(host, &login.address, authorization, ecr.proxies())?;
    let registry = registry.with_preemptive_basic();
    let (renewing, again) = (ecr.clone(), account.clone());
    let renewal: Renewal = Arc::new(move || {
        let (ecr, account) = (renewing.clone(), again.clone());
        Box::pin(async move {
            let login = ecr.login(&account).await.map_err(|fault| fault.to_string())?;
            Ok(Authorization::Basic(login.basic))
        })
    });
    let ecr = ecr.clone();
    let check: BatchCheck = Arc::new(move |repository, digests| {
        let (ecr, account) = (ecr.clone(), account.clone());
        Box::pin(async move {
            let answer = ecr.available_layers(&account, &repository, &digests).await;
            answer.map_err(|fault| {
                if fault.has_code("RepositoryNotFoundException") {
                    BatchRefusal::NoRepository
                } else {
                    BatchRefusal::Other(fault.to_string())
                }
            })
        })
    });
    Ok(registry.with_batch_check(check).renewed_by(renewal))
}

/// All, or what keeps any of them from being had: whoever mends one identity should know of the others.
#[expect(clippy::result_large_err, reason = "made once in a run")]
pub(super) fn all(results: impl Iterator<Item = Result<Opened, Failure>>) -> Result<Vec<Opened>, Failure> {
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
        _ if !identities.is_empty() => Err(Failure::Identity(identity::distinct(identities))),
        Some(failure) => Err(failure),
        None => Ok(opened),
    }
}

#[cfg(test)]
mod tests {
    use super::Opener;
    use crate::config::environment::Environment;
    use shipgate_core::oidc::Start;

    #[test]
    fn where_a_registry_is_dialled() {
        let opener = Opener::new(
            &Environment::default(),
            std::iter::once("r.internal:5000".to_owned()).collect(),
            Start::default(),
        );
        let table = [
            ("127.0.0.1:5000", "http://127.0.0.1:5000"),
            ("localhost", "http://localhost"),
            ("LocalHost:5000", "http://LocalHost:5000"),
            ("registry.localhost:5000", "http://registry.localhost:5000"),
            ("[::1]:5000", "http://[::1]:5000"),
            ("[2001:db8::1]:5000", "https://[2001:db8::1]:5000"),
            ("127.example.com", "https://127.example.com"),
            ("localhost.example.com", "https://localhost.example.com"),
            ("r.internal:5000", "http://r.internal:5000"),
            ("r.internal", "https://r.internal"),
            ("docker.io", "https://registry-1.docker.io"),
            ("ghcr.io", "https://ghcr.io"),
        ];
        for (host, address) in table {
            assert_eq!(opener.address_of(host), address);
        }
    }
}
