//! What somebody proves with that a registry knows them.

use crate::secret::Secret;

/// Credentials of a registry, as `docker login` keeps them. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Credentials {
    /// A user's name and password, or whatever a registry takes for them.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A refresh token: it is exchanged for access tokens and shown to the registry's token service alone.
    IdentityToken(Secret),
}
