//! Whether a Docker engine is there, and how a container on it would be reached.

use shipgate_container_check::docker::{
    Engine, EngineError,
    reach::{Here, elsewhere},
};
use shipgate_core::diagnosis::{Diagnosis, ENGINE};

/// Looks for the engine; `None` where no target checks images locally.
pub(super) async fn engine(connecting: Option<impl Future<Output = Result<Engine, EngineError>>>) -> Diagnosis {
    let Some(connecting) = connecting else {
        return Diagnosis::skipped(ENGINE, "not needed: no target has images checked locally");
    };
    match connecting.await {
        Ok(engine) => described(&engine).await,
        Err(error) => {
            let found = Diagnosis::failed(ENGINE, error.to_string());
            let hint = error.hint().unwrap_or_else(|| "docker version, in the same job, must work too".to_owned());
            found.mended_by(format!("{hint}\na job that checks nothing locally needs none: --no-verify"))
        }
    }
}

async fn described(engine: &Engine) -> Diagnosis {
    let facts = engine.facts();
    let context = facts.context.as_ref().map_or_else(String::new, |context| format!(" (context {context})"));
    let found = Diagnosis::passed(ENGINE, format!("{} at {}{context}", facts.name, facts.address))
        .knowing("api", &facts.api_version)
        .knowing("reach", reach(engine).await);
    match &facts.operating_system {
        Some(system) => found.knowing("system", system),
        None => found,
    }
}

/// As the local check would go about it, before it has a container to try it with.
async fn reach(engine: &Engine) -> String {
    if let Some(own) = engine.own_container().await {
        let networks: Vec<&str> = own.networks.iter().map(String::as_str).collect();
        return format!("over a network: this job runs in a container of the engine, on {}", networks.join(", "));
    }
    match elsewhere(engine.facts(), &Here::look()) {
        Some(reason) => format!("from a sidecar beside it: {reason}"),
        None => "at its own address, dialled from here".to_owned(),
    }
}
