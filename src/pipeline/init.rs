//! `init --from-service`: a configuration that deploys to a service as it is. It reads the service and changes nothing; it
//! writes one file, and only where it is told to.

mod file;

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use self::file::Facts;
use super::{
    deploy::Run,
    failure::{Deployed, Failure},
};
use crate::target::DeployTarget;
use shipgate_aws::logs::Logs;
use shipgate_core::whole_file;
use shipgate_core::{arn::ServiceArn, event::Event};

/// What the configuration is to say besides what the service tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InitRequest {
    /// The service.
    pub service: ServiceArn,
    /// The image in the registry account, if it is named: without a tag, or with one as the file shall have it.
    pub image: Option<String>,
    /// The role that pulls it.
    pub registry_role: Option<String>,
    /// The external id that role asks for.
    pub registry_external_id: Option<String>,
    /// The role in the workload account.
    pub role: Option<String>,
    /// The external id that role asks for.
    pub external_id: Option<String>,
    /// What the target is called.
    pub target: String,
    /// Where it is written; to standard output when absent.
    pub write: Option<PathBuf>,
    /// Whether a file that is there is replaced.
    pub force: bool,
}

/// Refuses to write where a file is, before anything is asked of AWS.
///
/// # Errors
/// [`Failure::FileExists`].
#[expect(clippy::result_large_err, reason = "made once in a run")]
pub fn spare(write: Option<&Path>, force: bool) -> Result<(), Failure> {
    match write.filter(|path| path.exists() && !force) {
        Some(path) => Err(Failure::FileExists { path: path.to_owned() }),
        None => Ok(()),
    }
}

/// Writes the configuration.
///
/// # Errors
/// [`Failure::NoService`] when there is no such service, [`Failure::Service`] when it cannot be looked at,
/// [`Failure::FileExists`] and [`Failure::File`] when the file cannot be written.
pub async fn init<T: DeployTarget>(
    run: &Run,
    target: &T,
    logs: &Logs,
    request: &InitRequest,
) -> Result<Deployed, Failure> {
    let text = tokio::select! {
        () = run.narrator.cancellation.token().cancelled() => {
            return Err(Failure::stopped(run.narrator.cancellation.signal()));
        }
        text = compose(run, target, logs, request) => text?,
    };
    let name = request.service.name();
    let summary = match &request.write {
        None => {
            run.events().emit(Event::Printed { what: "configuration", text });
            format!("a configuration for {name}")
        }
        Some(path) => {
            let written = write(path, &text, request.force);
            written.map_err(|source| {
                if source.kind() == io::ErrorKind::AlreadyExists {
                    Failure::FileExists { path: path.clone() }
                } else {
                    Failure::File { path: path.clone(), source }
                }
            })?;
            format!("{} deploys to {name}", path.display())
        }
    };
    Ok(Deployed { digest: None, service_url: None, summary })
}

async fn compose<T: DeployTarget>(
    run: &Run,
    target: &T,
    logs: &Logs,
    request: &InitRequest,
) -> Result<String, Failure> {
    let service = request.service.name();
    let live = target.service(service).await;
    let live = live.map_err(|source| Failure::Service { service: service.to_owned(), source })?;
    // Another service of that name is not the one that is meant.
    let live = live.filter(|live| live.arn.id() == request.service.id());
    let live = live.ok_or_else(|| Failure::NoService { service: request.service.to_string() })?;
    if request.image.is_none() {
        run.events().emit(Event::Warning {
            message:
                "App Runner does not tell where the image is built: fill in the line `image`, or pass --registry-image"
                    .to_owned(),
        });
    }
    let group = logs.group(&live.arn.service_log_group()).await;
    let retention_days = group.unwrap_or_else(|fault| {
        run.events().emit(Event::Warning { message: format!("log retention is left out: {fault}") });
        None
    });
    let retention_days = retention_days.and_then(|group| group.retention_days);
    Ok(file::text(&Facts { request, live: &live, retention_days }))
}

/// A new file, unless it may be replaced.
fn write(path: &Path, text: &str, force: bool) -> io::Result<()> {
    if force {
        return whole_file::replace(path, text.as_bytes());
    }
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}
