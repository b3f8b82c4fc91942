//! All parameters of all accounts, kept with the sandbox's state.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    SandboxError,
    locking::lock,
    state::{self, Keeper, life::Life},
};
use shipgate_core::account::{AccountId, Region};

/// Whose a parameter is, where, and its name.
pub(super) type Id = (AccountId, Region, String);

/// All parameters.
#[derive(Default)]
pub(crate) struct ParameterStore {
    /// By the name that they are found by.
    all: Mutex<BTreeMap<Id, Parameter>>,
    keeper: Option<Arc<Keeper>>,
}

/// A parameter, as it is kept; version 1 is its first value. No `Debug`: it holds values.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameter {
    id: Id,
    pub(super) kind: Kind,
    /// The key of a `SecureString`; AWS's own when absent.
    pub(crate) key: Option<String>,
    pub(super) data_type: String,
    pub(super) versions: Vec<Value>,
}

/// One value of a parameter.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) at: Timestamp,
}

/// `ParameterType`.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    String,
    StringList,
    SecureString,
}

/// What App Runner reads of a parameter.
pub(crate) struct ReadParameter {
    /// The value, decrypted.
    pub(crate) text: String,
    /// The key it is encrypted with, if it is one of the account's own.
    pub(crate) key: Option<String>,
}

/// What is asked for by name or ARN, with or without `:VERSION`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Asked {
    /// Its name.
    pub(super) name: String,
    /// Its ARN, if that is what it was asked for by.
    arn: Option<String>,
    /// The version.
    pub(super) version: Option<usize>,
    /// `:VERSION`, as it was written.
    pub(super) selector: Option<String>,
}

impl Asked {
    /// Reads what a client has sent. An ARN's name has no slash before it, a path has one.
    pub(super) fn read(text: &str) -> Self {
        let (head, rest) = match text.split_once(":parameter/") {
            Some((head, rest)) if head.starts_with("arn:") => (Some(head), rest),
            _ => (None, text),
        };
        let (name, selector) = rest.split_once(':').map_or((rest, None), |(name, tail)| (name, Some(tail)));
        let arn = head.map(|head| format!("{head}:parameter/{name}"));
        let name = if arn.is_some() && name.contains('/') { format!("/{name}") } else { name.to_owned() };
        Self {
            name,
            arn,
            version: selector.and_then(|version| version.parse().ok()),
            selector: selector.map(|version| format!(":{version}")),
        }
    }
}

impl Asked {
    /// The newest version of this name.
    pub(super) fn newest(name: &str) -> Self {
        Self { name: name.to_owned(), arn: None, version: None, selector: None }
    }

    /// Whether it is this one that is asked for: an ARN names the account and the region too.
    pub(super) fn names(&self, parameter: &Parameter) -> bool {
        self.arn.as_ref().is_none_or(|arn| *arn == parameter.arn())
    }
}

impl Parameter {
    /// A parameter without a value yet.
    pub(super) fn new(id: Id, kind: Kind, key: Option<String>, data_type: String) -> Self {
        Self { id, kind, key, data_type, versions: Vec::new() }
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.id.2
    }

    /// Its ARN: a name that begins with a slash has only that one there.
    pub(super) fn arn(&self) -> String {
        arn(&self.id.0, &self.id.1, self.name())
    }

    /// A version, or the newest, and its number.
    pub(super) fn version(&self, number: Option<usize>) -> Option<(usize, &Value)> {
        let number = number.unwrap_or(self.versions.len());
        Some((number, self.versions.get(number.checked_sub(1)?)?))
    }
}

/// The name that a parameter is found by: `/name` and `name` are one parameter, deeper paths need the slash (moto's test
/// of that is verified against AWS).
pub(super) fn key(name: &str) -> &str {
    name.strip_prefix('/').filter(|rest| !rest.contains('/')).unwrap_or(name)
}

/// The ARN of a parameter of this name.
pub(crate) fn arn(account: &AccountId, region: &Region, name: &str) -> String {
    format!("arn:{}:ssm:{region}:{account}:parameter/{}", region.partition(), name.trim_start_matches('/'))
}

fn document((account, region, name): &Id) -> String {
    state::document("parameters", &format!("{account} {region} {name}"))
}

impl ParameterStore {
    /// No parameter yet.
    pub(crate) fn new(keeper: Option<Arc<Keeper>>) -> Self {
        Self { all: Mutex::default(), keeper }
    }

    /// The parameters that were kept.
    pub(crate) fn restore(&self, keeper: &Keeper) -> Result<(), SandboxError> {
        let kept = keeper.read_all::<Parameter>("parameters")?;
        let found_by = |parameter: &Parameter| {
            let (account, region, name) = &parameter.id;
            (account.clone(), region.clone(), key(name).to_owned())
        };
        lock(&self.all).extend(kept.into_iter().map(|(_, parameter)| (found_by(&parameter), parameter)));
        Ok(())
    }

    /// A parameter of the seed, a `SecureString`, unless the seed has brought it in before. `None`: the ARN is none of a
    /// parameter.
    pub(crate) fn seed(&self, text: &str, value: &str, life: &mut Life) -> Option<()> {
        let fields: Vec<&str> = text.split(':').collect();
        let ["arn", _, "ssm", region, account, resource] = fields[..] else { return None };
        let (region, account) = (region.parse().ok()?, account.parse().ok()?);
        resource.strip_prefix("parameter/").filter(|name| !name.is_empty())?;
        if life.seeded.insert(text.to_owned()) {
            let own: Id = (account, region, Asked::read(text).name);
            let id = (own.0.clone(), own.1.clone(), key(&own.2).to_owned());
            let mut parameter = Parameter::new(own, Kind::SecureString, None, "text".to_owned());
            parameter.versions.push(Value { text: value.to_owned(), at: Timestamp::now() });
            self.change(&id, |place| *place = Some(parameter));
        }
        Some(())
    }

    /// Looks at a parameter, if it is there.
    pub(super) fn look<T>(&self, id: &Id, look: impl FnOnce(Option<&Parameter>) -> T) -> T {
        look(lock(&self.all).get(id))
    }

    /// Makes, changes or takes away a parameter.
    pub(super) fn change<T>(&self, id: &Id, act: impl FnOnce(&mut Option<Parameter>) -> T) -> T {
        let mut all = lock(&self.all);
        let mut place = all.remove(id);
        let result = act(&mut place);
        match (place, &self.keeper) {
            (Some(parameter), keeper) => {
                if let Some(keeper) = keeper {
                    keeper.keep(&document(id), &parameter);
                }
                all.insert(id.clone(), parameter);
            }
            (None, Some(keeper)) => keeper.forget(&document(id)),
            (None, None) => {}
        }
        result
    }

    /// Those of an account in a region, by name.
    pub(super) fn list(&self, account: &AccountId, region: &Region) -> Vec<Parameter> {
        let all = lock(&self.all);
        let own = all.iter().filter(|((of, at, _), _)| of == account && at == region);
        own.map(|(_, parameter)| parameter.clone()).collect()
    }

    /// What a parameter holds, by its name or ARN.
    pub(crate) fn read(&self, account: &AccountId, region: &Region, text: &str) -> Option<ReadParameter> {
        let asked = Asked::read(text);
        let read = |parameter: &Parameter| {
            let (_, value) = parameter.version(asked.version)?;
            let key = parameter.key.clone().filter(|_| parameter.kind == Kind::SecureString);
            Some(ReadParameter { text: value.text.clone(), key })
        };
        let id = (account.clone(), region.clone(), key(&asked.name).to_owned());
        self.look(&id, |parameter| parameter.filter(|known| asked.names(known)).and_then(read))
    }
}

#[cfg(test)]
mod tests {
    use super::Asked;

    #[test]
    fn a_parameter_is_asked_for_by_name_or_arn_and_version() {
        let arn = "arn:aws:ssm:eu-west-1:222222222222:parameter/";
        let table = [
            ("db".to_owned(), "db", None),
            ("/shop/db".to_owned(), "/shop/db", None),
            ("/shop/db:3".to_owned(), "/shop/db", Some(3)),
            (format!("{arn}db"), "db", None),
            (format!("{arn}shop/db:3"), "/shop/db", Some(3)),
        ];
        for (text, name, version) in table {
            let asked = Asked::read(&text);
            assert_eq!((asked.name.as_str(), asked.version), (name, version), "{text}");
        }
        assert_eq!(Asked::read("db:live").selector.as_deref(), Some(":live"));
    }
}
