//! Networks of a run: made so that this program, where it runs in a container itself, and the container that it checks are on
//! one network, and removed with it.

use std::collections::HashMap;

use bollard::models::{NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest};

use super::{
    connect::Engine,
    error::{EngineError, status_of},
};

impl Engine {
    /// Creates a bridge network of this name.
    ///
    /// # Errors
    /// [`EngineError::Call`] when the engine refuses, for one because it has no addresses left.
    pub async fn create_network(&self, name: &str, labels: HashMap<String, String>) -> Result<(), EngineError> {
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            labels: Some(labels),
            ..NetworkCreateRequest::default()
        };
        let made = self.docker.create_network(request).await;
        made.map(drop).map_err(|error| EngineError::call(format!("create network {name}"), &error))
    }

    /// Attaches a container to a network.
    ///
    /// # Errors
    /// [`EngineError::Call`] when the engine refuses.
    pub async fn attach_to_network(&self, network: &str, container: &str) -> Result<(), EngineError> {
        let request = NetworkConnectRequest { container: container.to_owned(), ..NetworkConnectRequest::default() };
        self.docker
            .connect_network(network, request)
            .await
            .map_err(|error| EngineError::call(format!("attach {container} to network {network}"), &error))
    }

    /// Detaches a container from a network, running or not. One that is not attached is as good as detached.
    ///
    /// # Errors
    /// [`EngineError::Call`] when the engine fails.
    pub async fn detach_from_network(&self, network: &str, container: &str) -> Result<(), EngineError> {
        let request = NetworkDisconnectRequest { container: container.to_owned(), force: Some(true) };
        match self.docker.disconnect_network(network, request).await {
            Ok(()) => Ok(()),
            // Docker answers 404 where either is gone, and 403 or 500 with these words where both are there.
            Err(error) if status_of(&error) == Some(404) || error.to_string().contains("is not connected") => Ok(()),
            Err(error) => Err(EngineError::call(format!("detach {container} from network {network}"), &error)),
        }
    }

    /// Removes a network that nothing is attached to any more. One that is gone is as good as removed.
    ///
    /// # Errors
    /// [`EngineError::Call`] when the engine fails.
    pub async fn remove_network(&self, name: &str) -> Result<(), EngineError> {
        match self.docker.remove_network(name).await {
            Ok(()) => Ok(()),
            Err(error) if status_of(&error) == Some(404) => Ok(()),
            Err(error) => Err(EngineError::call(format!("remove network {name}"), &error)),
        }
    }
}
