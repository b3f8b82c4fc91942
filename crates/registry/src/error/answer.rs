//! What a registry said when it refused.

use std::{fmt, time::Duration};

use super::RegistryError;

/// The registry's own words when it refused: status and, where the body followed the specification, code and message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The code of the first error in the body: `MANIFEST_UNKNOWN`.
    pub code: Option<String>,
    /// The message of that error, or what the body said instead; capped, and without query strings.
    pub message: String,
    /// The host that answered, when a redirect led to another than the registry's.
    pub redirected_to: Option<String>,
    /// The host that answered, when it was the registry's token service.
    pub token_service: Option<String>,
    /// How long the registry asks to be left alone.
    pub retry_after: Option<Duration>,
    /// With 416 to a part of an upload: how many bytes the registry says it has.
    pub received_bytes: Option<u64>,
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.token_service, &self.redirected_to) {
            (Some(host), _) => write!(formatter, "the token service {host} answered {}", self.status)?,
            (None, Some(host)) => {
                write!(formatter, "{host}, where the registry redirects to, answered {}", self.status)?;
            }
            (None, None) => write!(formatter, "the registry answered {}", self.status)?,
        }
        if let Some(code) = &self.code {
            write!(formatter, " {code}")?;
        }
        if self.message.is_empty() { Ok(()) } else { write!(formatter, ": {}", self.message) }
    }
}

impl RegistryError {
    /// The same failure, saying that the registry asked for a longer wait than the longest there is, if it did.
    pub(crate) fn with_refused_wait(mut self, longest: Duration) -> Self {
        if let Self::Refused { answer, .. } = &mut self
            && let Some(asked) = answer.retry_after.filter(|asked| *asked > longest)
        {
            let (asked, longest) = (asked.as_secs(), longest.as_secs());
            let wait = format!("it asks to wait {asked} s, and shipgate waits {longest} s at most");
            if !answer.message.ends_with(&wait) {
                answer.message = if answer.message.is_empty() { wait } else { format!("{}; {wait}", answer.message) };
            }
        }
        self
    }
}
