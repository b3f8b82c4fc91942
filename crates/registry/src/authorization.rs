//! Who the registry is asked as.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::header::{HeaderValue, InvalidHeaderValue};

use shipgate_core::{credentials::Credentials, secret::Secret};

/// How requests to a registry identify themselves. `Debug` shows no credential.
#[derive(Clone)]
pub enum Authorization {
    /// As nobody.
    Anonymous,
    /// `Authorization: Basic …`, with the base64 of `USER:PASSWORD` already made, as ECR's token is.
    Basic(Secret),
    /// A refresh token, which the registry's token service exchanges for access tokens. The registry itself never sees it.
    IdentityToken(Secret),
}

/// An authorization as it is sent.
#[derive(Clone, PartialEq)]
pub(super) enum Presented {
    Nothing,
    /// To the registry, and to its token service.
    Header(HeaderValue),
    /// To its token service alone.
    RefreshToken(Secret),
}

impl Authorization {
    /// As it is sent; a header is marked sensitive so that no log shows it.
    pub(super) fn present(self) -> Result<Presented, InvalidHeaderValue> {
        match self {
            Self::Anonymous => Ok(Presented::Nothing),
            Self::Basic(encoded) => {
                let mut value = HeaderValue::try_from(format!("Basic {}", encoded.reveal()))?;
                value.set_sensitive(true);
                Ok(Presented::Header(value))
            }
            Self::IdentityToken(token) => Ok(Presented::RefreshToken(token)),
        }
    }
}

impl From<Credentials> for Authorization {
    fn from(credentials: Credentials) -> Self {
        match credentials {
            Credentials::Basic { username, password } => {
                Self::Basic(Secret::new(STANDARD.encode(format!("{username}:{}", password.reveal()))))
            }
            Credentials::IdentityToken(token) => Self::IdentityToken(token),
        }
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Basic(_) => "Basic(…)",
            Self::IdentityToken(_) => "IdentityToken(…)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Authorization;
    use shipgate_core::{credentials::Credentials, secret::Secret};

    #[test]
    fn a_login_becomes_a_header() {
        let login = Credentials::Basic { username: "u".to_owned(), password: Secret::new("p") };
        let Authorization::Basic(encoded) = Authorization::from(login) else { panic!() };
        assert_eq!(encoded.reveal(), "dTpw");
        let token = Authorization::from(Credentials::IdentityToken(Secret::new("hunter2")));
        assert_eq!(format!("{token:?}"), "IdentityToken(…)");
    }
}
