//! Clients that share nothing with the sandbox push images to it and pull them again: skopeo, the Docker engine, AWS's own
//! SDK. What one of them has pushed another reads back, byte for byte.

pub(crate) mod debian;
mod docker;
pub(crate) mod layout;
mod sdk;
mod skopeo;

use std::{path::Path, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::world::{REPOSITORY, Ran, SEED, World, shipgate};

/// A sandbox in ECR's manner.
fn of_ecr() -> World {
    World::with_seed(SEED)
}

/// A sandbox in the plain manner of the distribution specification.
fn plain() -> World {
    World::with_seed(&format!("{SEED}\necr_manners: false\n"))
}

/// The workload account's registry, as its clients are pointed at it.
struct Access {
    /// `127.0.0.1:PORT`
    host: String,
    password: String,
}

impl Access {
    fn of(world: &World) -> Self {
        let given = world.ecr_and_logs(async |ecr, _| ecr.get_authorization_token().send().await.unwrap());
        let login = &given.authorization_data()[0];
        let pair = String::from_utf8(STANDARD.decode(login.authorization_token().unwrap()).unwrap()).unwrap();
        Self {
            host: login.proxy_endpoint().unwrap().trim_start_matches("http://").to_owned(),
            password: pair.strip_prefix("AWS:").unwrap().to_owned(),
        }
    }

    /// `HOST/REPOSITORY:TAG`
    fn image(&self, tag: &str) -> String {
        format!("{}/{REPOSITORY}:{tag}", self.host)
    }
}

/// A program in an environment that holds nothing of the machine's but what finds it and its engine.
fn program(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(name);
    let environment = shipgate();
    command.env_clear().envs(environment.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(folder);
    command
}

/// Runs it to a good end; what it has said.
fn run(mut command: Command) -> String {
    let shown = format!("{command:?}");
    let ran: Ran =
        command.output().unwrap_or_else(|error| panic!("{shown}: {error}; scripts/setup installs it")).into();
    assert_eq!(ran.code, 0, "{shown}\n{}", ran.said());
    ran.stdout
}
