//! What `doctor` examines.

use super::start;
use crate::{
    config::{environment::Environment, identities::Identities},
    pipeline::doctor::{Patient, Role},
};
use shipgate_core::{ci::CiSystem, oidc::Surroundings as _};

/// Makes everything ready to be tried; nothing is asked of AWS yet.
pub async fn patient(identities: &Identities, environment: &Environment) -> Patient {
    let mut roles = Vec::new();
    for one in &identities.accesses {
        let access = match &one.access {
            Some(access) => Some((access.clone(), start::base(&access.region, &identities.start).await)),
            None => None,
        };
        roles.push(Role { purpose: one.purpose.clone(), access });
    }
    Patient {
        system: CiSystem::of(|name| environment.variable(name)),
        start: identities.start.clone(),
        base: start::base(&identities.region, &identities.start).await,
        roles,
    }
}
