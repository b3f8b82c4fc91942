//! The `Principal` element of policies that hang on resources.

use serde_json::Value;

use shipgate_core::arn::RoleArn;

use super::{
    Subject,
    policy::{InvalidPolicy, texts},
};

/// `Principal` or `NotPrincipal`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Principals {
    entries: Vec<(Kind, String)>,
    negated: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Aws,
    Federated,
    Service,
}

/// How a policy names somebody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Trusted {
    /// Not at all.
    Not,
    /// By the account: the account's own policies must allow it too.
    ByAccount,
    /// By user, role, service or provider.
    ByName,
    /// By the session itself.
    BySession,
}

impl Principals {
    /// Reads the element of a statement; `None` when it has none, as in policies of identities.
    pub(super) fn read(statement: &Value) -> Result<Option<Self>, InvalidPolicy> {
        let (value, negated) = match (statement.get("Principal"), statement.get("NotPrincipal")) {
            (None, None) => return Ok(None),
            (Some(value), None) => (value, false),
            (None, Some(value)) => (value, true),
            (Some(_), Some(_)) => {
                return Err(InvalidPolicy("Principal and NotPrincipal exclude each other".to_owned()));
            }
        };
        if value == "*" {
            return Ok(Some(Self { entries: vec![(Kind::Aws, "*".to_owned())], negated }));
        }
        let members =
            value.as_object().ok_or_else(|| InvalidPolicy("Principal is neither * nor an object".to_owned()))?;
        let mut entries = Vec::new();
        for (kind, names) in members {
            let kind = match kind.as_str() {
                "AWS" => Kind::Aws,
                "Federated" => Kind::Federated,
                "Service" => Kind::Service,
                other => return Err(InvalidPolicy(format!("`{other}` is not a kind of principal"))),
            };
            entries.extend(texts(names)?.into_iter().map(|name| (kind, name)));
        }
        Ok(Some(Self { entries, negated }))
    }

    /// How the subject is named. A denial that names the account is meant for everybody in it.
    pub(super) fn names(&self, subject: Subject<'_>, deny: bool) -> Trusted {
        let named = self.entries.iter().map(|(kind, name)| entry_names(*kind, name, subject)).max();
        let named = named.unwrap_or(Trusted::Not);
        match (self.negated, named) {
            (false, Trusted::ByAccount) if deny => Trusted::ByName,
            (false, named) => named,
            (true, Trusted::Not) => Trusted::ByName,
            (true, Trusted::ByAccount | Trusted::ByName | Trusted::BySession) => Trusted::Not,
        }
    }
}

fn entry_names(kind: Kind, name: &str, subject: Subject<'_>) -> Trusted {
    let by_name = |fits: bool| if fits { Trusted::ByName } else { Trusted::Not };
    match (kind, subject) {
        (Kind::Service, Subject::Service(service)) => by_name(name == service),
        (Kind::Federated, Subject::Federated(provider)) => by_name(name == provider),
        (Kind::Aws, Subject::Principal(principal)) => {
            let account = principal.account.as_str();
            let role = principal.role.as_ref().map(RoleArn::as_str);
            if principal.role.is_some() && name == principal.arn {
                Trusted::BySession
            } else if name == "*" || name == principal.arn || role == Some(name) {
                Trusted::ByName
            } else if name == account || is_root_of(name, account) {
                Trusted::ByAccount
            } else {
                Trusted::Not
            }
        }
        (Kind::Aws | Kind::Federated | Kind::Service, _) => Trusted::Not,
    }
}

/// Whether it is the ARN of an account as a whole, in any partition.
fn is_root_of(name: &str, account: &str) -> bool {
    let fields: Vec<&str> = name.split(':').collect();
    matches!(fields[..], ["arn", partition, "iam", "", named, "root"] if partition.starts_with("aws") && named == account)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Principals, Subject, Trusted};
    use crate::identities::Principal;

    #[test]
    fn how_a_session_is_named() {
        let session = Principal {
            account: "333333333333".parse().unwrap(),
            arn: "arn:aws:sts::333333333333:assumed-role/runner/job".to_owned(),
            user_id: String::new(),
            role: Some("arn:aws:iam::333333333333:role/runner".parse().unwrap()),
            session_policy: None,
            tags: Vec::new(),
        };
        let subject = Subject::Principal(&session);
        for (principal, expected) in [
            (json!("*"), Trusted::ByName),
            (json!({"AWS": "*"}), Trusted::ByName),
            (json!({"AWS": "333333333333"}), Trusted::ByAccount),
            (json!({"AWS": ["x", "arn:aws:iam::333333333333:root"]}), Trusted::ByAccount),
            (json!({"AWS": "arn:aws:iam::333333333333:role/runner"}), Trusted::ByName),
            (json!({"AWS": "arn:aws:sts::333333333333:assumed-role/runner/job"}), Trusted::BySession),
            (json!({"AWS": "arn:aws:sts::333333333333:assumed-role/runner/other"}), Trusted::Not),
            (json!({"AWS": "arn:aws:iam::333333333333:role/*"}), Trusted::Not),
            (json!({"AWS": "arn:aws:iam::111111111111:root"}), Trusted::Not),
            (json!({"Service": "build.apprunner.amazonaws.com"}), Trusted::Not),
        ] {
            let read = Principals::read(&json!({"Principal": principal})).unwrap().unwrap();
            assert_eq!(read.names(subject, false), expected, "{principal}");
        }
        let everyone_else = json!({"NotPrincipal": {"AWS": "arn:aws:iam::333333333333:role/runner"}});
        assert_eq!(Principals::read(&everyone_else).unwrap().unwrap().names(subject, true), Trusted::Not);
        assert_eq!(
            Principals::read(&everyone_else).unwrap().unwrap().names(Subject::Service("s"), true),
            Trusted::ByName
        );
    }
}
