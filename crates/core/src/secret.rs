//! A value that must never be seen: not in output, events, errors, process arguments or files.

use std::fmt;

use super::mask;

/// A secret text. `Debug` and `Display` are written by hand and show nothing of it; it is not `Serialize`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a credential, and has it masked in everything that leaves the process: [`mask`] says how.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        mask::credential(&text);
        Self(text)
    }

    /// Keeps the value of an environment variable. It is masked likewise, unless it is a common or an ordinary word.
    #[must_use]
    pub fn variable(name: &str, text: impl Into<String>) -> Self {
        let text = text.into();
        mask::variable(name, &text);
        Self(text)
    }

    /// Keeps a text that is shown where it stands alone: a stand-in, a part of a secret that is masked as a whole.
    #[must_use]
    pub fn unregistered(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The value itself, for the one call that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_does_not_show() {
        let secret = Secret::new("hunter2");
        assert!(!format!("{secret:?} {secret}").contains("hunter2"));
        assert_eq!(secret.reveal(), "hunter2");
    }
}
