//! The control interface: trouble on demand, and a look inside. Nothing here is part of App Runner's API.
//!
//! An order is a JSON object with a `kind`; each is also a method of [`AppRunner`]:
//! - `{"kind": "script", "service": "shop-api", "operation": "START_DEPLOYMENT", "outcome": "ROLLBACK_SUCCEEDED"}`:
//!   what is to become of operations still to come; the members of [`Script`].
//! - `{"kind": "clear-scripts"}`
//! - `{"kind": "release", "operation": "ID"}`: lets a stuck operation go on.
//! - `{"kind": "begin-maintenance", "arn": "…", "lasting_ms": 180000}`, `{"kind": "end-maintenance", "arn": "…"}`
//! - `{"kind": "create-failed-is-final", "is_final": true}`: the rule before June 2023.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    AppRunner,
    machine::Phase,
    record::{Operation, Service},
    render,
    script::Script,
    word::ServiceStatus,
};

/// Why the control interface did not do what it was asked for.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ControlError {
    /// There is no such service.
    #[error("there is no service {0}")]
    NoService(String),
    /// Maintenance begins with a running service.
    #[error("service {arn} is {status}, and maintenance begins with RUNNING")]
    NotRunning {
        /// The service.
        arn: String,
        /// The word for its state.
        status: &'static str,
    },
    /// The service is not under maintenance.
    #[error("service {0} is not under maintenance")]
    NoMaintenance(String),
    /// Nothing of this id is stuck.
    #[error("no operation {0} is stuck")]
    NotStuck(String),
}

/// An order to the control interface, as its JSON has it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Order {
    /// [`AppRunner::add_script`]
    Script(Box<Script>),
    /// [`AppRunner::clear_scripts`]
    ClearScripts,
    /// [`AppRunner::release`]
    Release {
        /// The operation's id, with or without dashes.
        operation: String,
    },
    /// [`AppRunner::begin_maintenance`]
    BeginMaintenance {
        /// The service.
        arn: String,
        /// After how many milliseconds it ends by itself.
        lasting_ms: Option<u64>,
    },
    /// [`AppRunner::end_maintenance`]
    EndMaintenance {
        /// The service.
        arn: String,
    },
    /// [`AppRunner::make_create_failed_final`]
    CreateFailedIsFinal {
        /// Whether it is.
        is_final: bool,
    },
}

impl AppRunner {
    /// Does what an order says.
    ///
    /// # Errors
    /// [`ControlError`] when what the order names is not there, or not in the state for it.
    pub fn control(self: &Arc<Self>, order: Order) -> Result<(), ControlError> {
        match order {
            Order::Script(script) => self.add_script(*script),
            Order::ClearScripts => self.clear_scripts(),
            Order::Release { operation } => self.release(&operation)?,
            Order::BeginMaintenance { arn, lasting_ms } => {
                self.begin_maintenance(&arn, lasting_ms.map(Duration::from_millis))?;
            }
            Order::EndMaintenance { arn } => self.end_maintenance(&arn)?,
            Order::CreateFailedIsFinal { is_final } => self.make_create_failed_final(is_final),
        }
        Ok(())
    }

    /// Prepares what is to become of operations that are still to come.
    pub fn add_script(&self, script: Script) {
        self.app.scripts.add(script);
    }

    /// The scripts that have not been used up, oldest first.
    #[must_use]
    pub fn scripts(&self) -> Vec<Script> {
        self.app.scripts.all()
    }

    /// Forgets every script that has not met its operation. Operations under way keep theirs.
    pub fn clear_scripts(&self) {
        self.app.scripts.clear();
    }

    /// Lets an operation go on that a script has stuck; ids count with and without dashes.
    ///
    /// # Errors
    /// [`ControlError::NotStuck`].
    pub fn release(&self, operation: &str) -> Result<(), ControlError> {
        let bare = |id: &str| id.replace('-', "");
        let wanted = bare(operation);
        let released = self.app.book.look(|services| {
            let mut operations = services.iter().flat_map(|service| &service.operations);
            let stuck = operations.find(|known| bare(&known.id) == wanted && !known.is_free());
            stuck.inspect(|operation| operation.released.cancel()).is_some()
        });
        if released { Ok(()) } else { Err(ControlError::NotStuck(operation.to_owned())) }
    }

    /// AWS's own maintenance: the service is in OPERATION_IN_PROGRESS with no operation listed, until this long has
    /// passed, or else until [`Self::end_maintenance`]. It goes on serving.
    ///
    /// # Errors
    /// [`ControlError::NoService`], [`ControlError::NotRunning`].
    pub fn begin_maintenance(self: &Arc<Self>, arn: &str, lasting: Option<Duration>) -> Result<(), ControlError> {
        self.on_service(arn, |service| {
            if service.status != ServiceStatus::Running {
                return Err(ControlError::NotRunning { arn: arn.to_owned(), status: service.status.word() });
            }
            service.status = ServiceStatus::OperationInProgress;
            service.maintenance = true;
            Ok(())
        })?;
        if let Some(lasting) = lasting {
            let (app, arn) = (Arc::clone(&self.app), arn.to_owned());
            self.spawn(async move {
                tokio::select! {
                    () = tokio::time::sleep(lasting) => drop(app.book.with_service(&arn, end_maintenance)),
                    () = app.stopping.cancelled() => {}
                }
            });
        }
        Ok(())
    }

    /// Ends a maintenance.
    ///
    /// # Errors
    /// [`ControlError::NoService`], [`ControlError::NoMaintenance`].
    pub fn end_maintenance(&self, arn: &str) -> Result<(), ControlError> {
        self.on_service(arn, |service| {
            if end_maintenance(service) { Ok(()) } else { Err(ControlError::NoMaintenance(arn.to_owned())) }
        })
    }

    /// Whether UpdateService refuses a service in CREATE_FAILED, as it did before June 2023.
    pub fn make_create_failed_final(&self, is_final: bool) {
        self.app.create_failed_is_final.store(is_final, std::sync::atomic::Ordering::Relaxed);
    }

    /// Every service, oldest first, deleted ones too: the model's `Service`, `Account` and `Region`, what `Blue` and
    /// `Green` run (a digest, or null), whether it is under `Maintenance`, and `Operations`, newest first,
    /// the model's with their `Phases` besides: a word and since when, in milliseconds since 1970.
    #[must_use]
    pub fn overview(&self) -> Value {
        self.app.book.look(|services| services.iter().map(overview).collect())
    }

    fn on_service<T>(
        &self,
        arn: &str,
        act: impl FnOnce(&mut Service) -> Result<T, ControlError>,
    ) -> Result<T, ControlError> {
        let found = self.app.book.with_service(arn, act);
        found.unwrap_or_else(|| Err(ControlError::NoService(arn.to_owned())))
    }
}

/// Whether there was one to end.
fn end_maintenance(service: &mut Service) -> bool {
    let ends = std::mem::take(&mut service.maintenance);
    if ends {
        service.status = ServiceStatus::Running;
    }
    ends
}

fn overview(service: &Service) -> Value {
    let image =
        |instance: Option<&Arc<super::instance::Instance>>| instance.map(|instance| instance.image().to_owned());
    json!({
        "Service": render::service(service),
        "Account": service.account,
        "Region": service.region,
        "Blue": image(service.blue.as_ref()),
        "Green": image(service.green.as_ref()),
        "Maintenance": service.maintenance,
        "Operations": service.operations.iter().rev().map(|known| operation(known, &service.arn)).collect::<Vec<_>>(),
    })
}

fn operation(operation: &Operation, service_arn: &str) -> Value {
    let mut shown = render::operation(operation, service_arn);
    let phase = |(phase, since): &(Phase, Timestamp)| json!({"Phase": phase.word(), "Since": since.as_millisecond()});
    shown["Phases"] = operation.phases.iter().map(phase).collect();
    shown
}
