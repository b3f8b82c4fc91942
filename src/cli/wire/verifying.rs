//! What a local engine is given to pull an image with: the logins of this machine, as for a copy.

use super::registries::keychain_environment;
use crate::{
    config::environment::Environment,
    credentials::{CredentialError, Keychain},
    docker::image::IDENTITY_TOKEN,
    domain::credentials::Credentials,
    pipeline::{failure::Failure, verifying::Login},
};

/// Docker Hub, which engines mean where a name has no host.
const DOCKER_HUB: &str = "docker.io";

/// The login for an image as a user writes it, if there is one.
///
/// # Errors
/// [`Failure::Credentials`] when there is one and it cannot be had.
pub async fn log_in_to_pull(image: &str, environment: &Environment) -> Result<Option<Login>, Failure> {
    let (host, repository) = place(image);
    let found = async {
        let keychain = Keychain::open(&keychain_environment(environment))?;
        keychain.credentials_for(host, repository).await
    };
    let found: Result<_, CredentialError> = found.await;
    Ok(match found.map_err(Failure::Credentials)? {
        Some(Credentials::Basic { username, password }) => Some(Login { username, password }),
        Some(Credentials::IdentityToken(token)) => Some(Login { username: IDENTITY_TOKEN.to_owned(), password: token }),
        None => None,
    })
}

/// The host and the repository in an image's name, as engines read it: what stands before the first `/` is a host if it
/// looks like one (Docker's reference grammar, "domain").
fn place(image: &str) -> (&str, &str) {
    let name = image.split('@').next().unwrap_or_default();
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if host == "localhost" || host.contains(['.', ':']) => (host, path),
        Some(_) | None => (DOCKER_HUB, name),
    };
    (host, path.split(':').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn names_are_read_as_engines_read_them() {
        let table = [
            ("alpine", ("docker.io", "alpine")),
            ("alpine:3", ("docker.io", "alpine")),
            ("shop/api:v1", ("docker.io", "shop/api")),
            ("localhost/api:v1", ("localhost", "api")),
            ("registry.example.com/shop/api:v1", ("registry.example.com", "shop/api")),
            ("127.0.0.1:5000/shop/api@sha256:ab", ("127.0.0.1:5000", "shop/api")),
        ];
        for (image, expected) in table {
            assert_eq!(place(image), expected, "{image}");
        }
    }
}
