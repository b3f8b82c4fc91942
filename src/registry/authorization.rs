//! Who the registry is asked as.

use std::fmt;

use reqwest::header::{HeaderValue, InvalidHeaderValue};

use crate::domain::secret::Secret;

/// How requests to a registry identify themselves. `Debug` shows no credential.
#[derive(Clone)]
pub enum Authorization {
    /// As nobody.
    Anonymous,
    /// `Authorization: Basic …`, with the base64 of `USER:PASSWORD` already made, as ECR's token is.
    Basic(Secret),
}

impl Authorization {
    /// The header's value, marked sensitive so that no log shows it.
    pub(super) fn into_header(self) -> Result<Option<HeaderValue>, InvalidHeaderValue> {
        match self {
            Self::Anonymous => Ok(None),
            Self::Basic(encoded) => {
                let mut value = HeaderValue::try_from(format!("Basic {}", encoded.reveal()))?;
                value.set_sensitive(true);
                Ok(Some(value))
            }
        }
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Basic(_) => "Basic(…)",
        })
    }
}
