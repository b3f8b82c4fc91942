//! Images in the engine: is it there, fetch it, load it, forget it.

use std::{collections::HashMap, io};

use bollard::{
    auth::DockerCredentials,
    models::ImageInspect,
    query_parameters::{CreateImageOptions, ImportImageOptions, RemoveImageOptions, TagImageOptions},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};

use super::{
    connect::Engine,
    error::{EngineError, reason_of, status_of},
};
use shipgate_core::credentials::Credentials;

/// The only platform App Runner runs, as the engine writes it.
pub const PLATFORM: &str = "linux/amd64";

/// What the engine knows of an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageFacts {
    /// Its id: the digest of its configuration; on containerd's image store, of its manifest or index. The same wherever
    /// the image is.
    pub config_digest: String,
    /// `linux/amd64`.
    pub platform: String,
    /// Bytes on disk, unpacked.
    pub size_bytes: u64,
    /// Whether it has a name: one that has none is removed with the next it gets.
    pub is_named: bool,
}

impl Engine {
    /// What the engine knows of an image, or `None` if it has none of that name.
    ///
    /// # Errors
    /// [`EngineError::Call`] when the engine fails.
    pub async fn image(&self, name: &str) -> Result<Option<ImageFacts>, EngineError> {
        match self.docker.inspect_image(name).await {
            Ok(inspect) => Ok(Some(facts(inspect))),
            Err(error) if status_of(&error) == Some(404) => Ok(None),
            Err(error) => Err(EngineError::call(format!("look at image {name}"), &error)),
        }
    }

    /// Pulls an image for linux/amd64 by `HOST[:PORT]/REPOSITORY@DIGEST` or `…:TAG`. The credentials are given to the engine
    /// with this one pull, and kept nowhere.
    ///
    /// # Errors
    /// [`EngineError::Pull`] with the engine's words.
    pub async fn pull_image(&self, reference: &str, known_by: Option<&Credentials>) -> Result<(), EngineError> {
        let options = CreateImageOptions {
            from_image: Some(reference.to_owned()),
            platform: PLATFORM.to_owned(),
            ..CreateImageOptions::default()
        };
        let progress = self.docker.create_image(Some(options), None, known_by.map(credentials));
        // Nothing is said of the credentials in any message: they travel in a header of this one request.
        progress
            .try_for_each(|_| std::future::ready(Ok(())))
            .await
            .map_err(|error| EngineError::Pull { reference: reference.to_owned(), reason: reason_of(&error) })
    }

    /// Loads a docker-archive (the format of `docker save`, which every engine reads) and gives the name, or the id,
    /// that it is known by.
    ///
    /// # Errors
    /// [`EngineError::Call`] when the engine refuses the archive or names nothing it loaded.
    pub async fn load_image<S>(&self, archive: S) -> Result<String, EngineError>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let attempted = "load an image archive";
        let none: Option<HashMap<String, DockerCredentials>> = None;
        let mut said = std::pin::pin!(self.docker.import_image_stream(ImportImageOptions::default(), archive, none));
        let mut loaded = None;
        while let Some(line) = said.next().await {
            let line = line.map_err(|error| EngineError::call(attempted, &error))?;
            loaded = line.stream.as_deref().and_then(loaded_name).or(loaded);
        }
        loaded.ok_or_else(|| EngineError::Call {
            attempted: attempted.to_owned(),
            reason: "it named no image that it loaded".to_owned(),
            status: None,
        })
    }

    /// Gives an image, by a name or an id, another name. Whether it was there to be given one.
    ///
    /// # Errors
    /// [`EngineError::Call`] when the engine fails.
    pub async fn tag_image(&self, image: &str, repository: &str, tag: &str) -> Result<bool, EngineError> {
        let options = TagImageOptions { repo: Some(repository.to_owned()), tag: Some(tag.to_owned()) };
        match self.docker.tag_image(image, Some(options)).await {
            Ok(()) => Ok(true),
            Err(error) if status_of(&error) == Some(404) => Ok(false),
            Err(error) => Err(EngineError::call(format!("name image {image}"), &error)),
        }
    }

    /// Removes a name of an image, and the image with its last name. One that is not there is as good as removed.
    ///
    /// # Errors
    /// [`EngineError::Call`] when the engine refuses, for one because a container uses the image.
    pub async fn remove_image(&self, name: &str) -> Result<(), EngineError> {
        match self.docker.remove_image(name, None::<RemoveImageOptions>, None).await {
            Ok(_) => Ok(()),
            Err(error) if status_of(&error) == Some(404) => Ok(()),
            Err(error) => Err(EngineError::call(format!("remove image {name}"), &error)),
        }
    }
}

fn credentials(known_by: &Credentials) -> DockerCredentials {
    match known_by {
        Credentials::Basic { username, password } => DockerCredentials {
            username: Some(username.clone()),
            password: Some(password.reveal().to_owned()),
            ..DockerCredentials::default()
        },
        Credentials::IdentityToken(token) => {
            DockerCredentials { identitytoken: Some(token.reveal().to_owned()), ..DockerCredentials::default() }
        }
    }
}

fn facts(inspect: ImageInspect) -> ImageFacts {
    let is_named = [&inspect.repo_tags, &inspect.repo_digests].into_iter().flatten().any(|names| !names.is_empty());
    let known = |part: Option<String>| part.filter(|text| !text.is_empty()).unwrap_or_else(|| "unknown".to_owned());
    ImageFacts {
        config_digest: known(inspect.id),
        platform: format!("{}/{}", known(inspect.os), known(inspect.architecture)),
        size_bytes: inspect.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
        is_named,
    }
}

/// The name in `Loaded image: NAME` or the id in `Loaded image ID: sha256:…`.
fn loaded_name(line: &str) -> Option<String> {
    let rest = line.trim().strip_prefix("Loaded image")?;
    let (_, name) = rest.split_once(": ")?;
    Some(name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::loaded_name;

    #[test]
    fn the_loaded_image_is_read_from_the_engines_words() {
        assert_eq!(loaded_name("Loaded image: demo:v1\n").as_deref(), Some("demo:v1"));
        assert_eq!(loaded_name("Loaded image ID: sha256:ab\n").as_deref(), Some("sha256:ab"));
        assert_eq!(loaded_name("The image demo:v1 already exists, renaming"), None);
    }
}
