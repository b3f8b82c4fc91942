//! IAM: policy documents and what they say about a call.
//!
//! `policy` reads documents, `principal` and `condition` are the two hard parts of a statement, `decision` weighs the
//! policies of all sides as the IAM User Guide ("Policy evaluation logic") says. Nothing here does I/O.

pub(crate) mod condition;
pub(crate) mod decision;
pub mod policy;
mod principal;

pub(crate) use decision::{Denial, Policies, decide};
pub use policy::Policy;

use std::collections::BTreeMap;

use super::identities::Principal;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'a> {
    /// A user or a session.
    Principal(&'a Principal),
    /// Somebody with a token of this OIDC provider, by its ARN.
    Federated(&'a str),
    /// An AWS service, such as `build.apprunner.amazonaws.com`.
    Service(&'a str),
}

/// What is asked of policies.
#[derive(Clone, Debug)]
pub(crate) struct Question<'a> {
    /// Who asks.
    pub(crate) subject: Subject<'a>,
    /// `service:Action`.
    pub(crate) action: &'a str,
    /// An ARN, or `*` where the action has none.
    pub(crate) resource: &'a str,
    /// What conditions look at.
    pub(crate) context: &'a Context,
}

/// The condition keys of a request. Keys are compared without regard to case.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// With one key more.
    pub(crate) fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.insert(key.to_ascii_lowercase(), vec![value.into()]);
        self
    }

    /// The values of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(&key.to_ascii_lowercase()).map(Vec::as_slice)
    }

    /// The text with its policy variables (`${aws:username}`, and `${*}`, `${?}`, `${$}`) replaced; `None` when one of
    /// them has no value, so that the text stands for nothing.
    pub(crate) fn substitute(&self, text: &str) -> Option<String> {
        let Some((before, rest)) = text.split_once("${") else { return Some(text.to_owned()) };
        let (name, after) = rest.split_once('}')?;
        let value = match name {
            "*" | "?" | "$" => name,
            name => self.get(name)?.first()?,
        };
        Some(format!("{before}{value}{}", self.substitute(after)?))
    }
}

#[cfg(test)]
mod tests {
    use super::Context;

    #[test]
    fn variables() {
        let context = Context::default().with("aws:username", "ci");
        assert_eq!(context.substitute("a/${aws:UserName}/*").as_deref(), Some("a/ci/*"));
        assert_eq!(context.substitute("${aws:none}"), None);
        assert_eq!(context.substitute("plain").as_deref(), Some("plain"));
    }
}
