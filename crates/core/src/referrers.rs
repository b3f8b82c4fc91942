//! What becomes of an image's referrers (signatures, SBOMs, attestations) when it is copied.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Whether referrers are copied after their subject.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReferrersPolicy {
    /// All must be copied, or the copy has failed.
    Require,
    /// Those that can be are copied; a failure is a warning.
    BestEffort,
    /// They are not looked for.
    #[default]
    Skip,
}

/// Not the name of a policy.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is none of require, best-effort, skip")]
pub struct InvalidReferrersPolicy(String);

impl FromStr for ReferrersPolicy {
    type Err = InvalidReferrersPolicy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Require, Self::BestEffort, Self::Skip]
            .into_iter()
            .find(|policy| policy.to_string() == text)
            .ok_or_else(|| InvalidReferrersPolicy(text.to_owned()))
    }
}

impl fmt::Display for ReferrersPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Require => "require",
            Self::BestEffort => "best-effort",
            Self::Skip => "skip",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::ReferrersPolicy;

    #[test]
    fn policies_read_back_as_written() {
        for policy in [ReferrersPolicy::Require, ReferrersPolicy::BestEffort, ReferrersPolicy::Skip] {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        assert!("sometimes".parse::<ReferrersPolicy>().is_err());
    }
}
