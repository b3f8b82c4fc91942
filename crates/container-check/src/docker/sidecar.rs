//! A container in the network namespace of another, talked to in lines over its standard input and output: the one place that
//! can dial the other wherever its engine is. It knows nothing of what the lines say.

use std::{collections::HashMap, pin::Pin};

use bollard::{
    container::LogOutput,
    models::{ContainerCreateBody, HostConfig, HostConfigLogConfig},
    query_parameters::{AttachContainerOptions, CreateContainerOptions},
};
use futures_util::{Stream, StreamExt as _};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::{
    connect::Engine,
    error::{EngineError, reason_of},
};

/// What a sidecar may take: it holds nothing but one answer at a time.
const MEMORY_BYTES: i64 = 128 << 20;

/// The longest line that is taken from it.
const LINE_BYTES: usize = 256 * 1024;

/// Nobody's number on every Linux: a sidecar needs no right at all.
const NOBODY: &str = "65534:65534";

/// What a sidecar is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SidecarSpec {
    /// Its own name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// The architecture of that image: `amd64`.
    pub architecture: String,
    /// The container whose network namespace it shares.
    pub beside: String,
    /// See [`super::labels`].
    pub labels: HashMap<String, String>,
}

/// The lines to and from a sidecar. It ends when this is dropped: its standard input is closed then.
pub struct Conversation {
    input: Pin<Box<dyn AsyncWrite + Send>>,
    output: Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>,
    pending: Vec<u8>,
    errors: Vec<u8>,
}

impl Engine {
    /// Makes and starts a sidecar.
    ///
    /// # Errors
    /// [`EngineError::Call`] when the engine refuses any of it.
    pub async fn start_sidecar(&self, spec: &SidecarSpec) -> Result<Conversation, EngineError> {
        let failed = |error: &_| EngineError::call(format!("start a sidecar of container {}", spec.beside), error);
        let platform = format!("linux/{}", spec.architecture);
        let options = CreateContainerOptions { name: Some(spec.name.clone()), platform };
        self.docker.create_container(Some(options), body(spec)).await.map_err(|error| failed(&error))?;
        // Before it is started, so that nothing it says is missed.
        let attach = AttachContainerOptions {
            stream: true,
            stdin: true,
            stdout: true,
            stderr: true,
            ..AttachContainerOptions::default()
        };
        let attached = self.docker.attach_container(&spec.name, Some(attach)).await.map_err(|error| failed(&error))?;
        self.docker.start_container(&spec.name, None).await.map_err(|error| failed(&error))?;
        Ok(Conversation { input: attached.input, output: attached.output, pending: Vec::new(), errors: Vec::new() })
    }
}

fn body(spec: &SidecarSpec) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        labels: Some(spec.labels.clone()),
        user: Some(NOBODY.to_owned()),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        open_stdin: Some(true),
        stdin_once: Some(true),
        host_config: Some(HostConfig {
            network_mode: Some(format!("container:{}", spec.beside)),
            memory: Some(MEMORY_BYTES),
            memory_swap: Some(MEMORY_BYTES),
            readonly_rootfs: Some(true),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

impl Conversation {
    /// Says a line.
    ///
    /// # Errors
    /// [`EngineError::Call`] when the sidecar does not hear any more.
    pub async fn say(&mut self, line: &str) -> Result<(), EngineError> {
        let said = async {
            self.input.write_all(line.as_bytes()).await?;
            self.input.write_all(b"\n").await?;
            self.input.flush().await
        };
        said.await.map_err(|error| broken(&error.to_string()))
    }

    /// The next line it says.
    ///
    /// # Errors
    /// [`EngineError::Call`] when it says no more, with its last words on standard error.
    pub async fn hear(&mut self) -> Result<String, EngineError> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.pending.len() > LINE_BYTES {
                return Err(broken("it says a line without an end"));
            }
            match self.output.next().await {
                Some(Ok(LogOutput::StdErr { message })) => self.errors.extend(message.iter().take(LINE_BYTES)),
                Some(Ok(
                    LogOutput::StdOut { message } | LogOutput::StdIn { message } | LogOutput::Console { message },
                )) => self.pending.extend_from_slice(&message),
                Some(Err(error)) => return Err(broken(&reason_of(&error))),
                None => return Err(broken(&self.last_words())),
            }
        }
    }

    fn last_words(&self) -> String {
        let words = String::from_utf8_lossy(&self.errors);
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        if words.is_empty() { "it ended".to_owned() } else { format!("it ended: {words}") }
    }
}

fn broken(reason: &str) -> EngineError {
    EngineError::Call { attempted: "talk with the sidecar".to_owned(), reason: reason.to_owned(), status: None }
}
