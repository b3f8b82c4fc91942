//! The secrets of a service (`RuntimeEnvironmentSecrets`): where App Runner finds their values, and what a container here
//! is given in their place.

use std::collections::BTreeMap;

use super::{account::Region, secret::Secret};

/// Where the value of a secret variable is, as a service's configuration says it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecretSource {
    text: String,
    place: SecretPlace,
}

/// What a source names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SecretPlace {
    /// A secret of Secrets Manager, or a part of one.
    SecretsManager {
        /// Its ARN, without what follows to say which part of it.
        arn: String,
        /// Its region.
        region: Region,
        /// The member of the JSON object that it holds; all of it when absent.
        json_key: Option<String>,
        /// Which version.
        version: SecretVersion,
    },
    /// A parameter of the SSM Parameter Store.
    Parameter {
        /// Its ARN, or its name in the service's own account and region.
        name: String,
        /// The ARN's region.
        region: Option<Region>,
    },
    /// Nothing that this program knows.
    Unknown,
}

/// A version of a secret; the current one when nothing is said.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SecretVersion {
    /// Its staging label, such as `AWSPREVIOUS`.
    pub stage: Option<String>,
    /// Its id.
    pub id: Option<String>,
}

impl SecretSource {
    /// Reads what a service's configuration says: `arn:…:secretsmanager:REGION:ACCOUNT:secret:NAME[:JSON-KEY:STAGE:ID]` (as
    /// ECS has it too: Amazon ECS developer guide, "Pass Secrets Manager secrets through environment variables"),
    /// `arn:…:ssm:REGION:ACCOUNT:parameter/NAME`, or a parameter's bare name.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let place = place(text).unwrap_or(SecretPlace::Unknown);
        Self { text: text.to_owned(), place }
    }

    /// What it names.
    #[must_use]
    pub fn place(&self) -> &SecretPlace {
        &self.place
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn place(text: &str) -> Option<SecretPlace> {
    if !text.starts_with("arn:") {
        let is_name = text.chars().all(|c| c.is_ascii_alphanumeric() || "/.-_".contains(c));
        return (is_name && !text.is_empty()).then(|| SecretPlace::Parameter { name: text.to_owned(), region: None });
    }
    let fields: Vec<&str> = text.split(':').collect();
    let region = fields.get(3)?.parse().ok()?;
    let said = |at: usize| fields.get(at).filter(|field| !field.is_empty()).map(|field| (*field).to_owned());
    match (*fields.get(2)?, *fields.get(5)?) {
        ("secretsmanager", "secret") if (7..=10).contains(&fields.len()) => Some(SecretPlace::SecretsManager {
            arn: fields[..7].join(":"),
            region,
            json_key: said(7),
            version: SecretVersion { stage: said(8), id: said(9) },
        }),
        ("ssm", resource) if fields.len() == 6 && resource.starts_with("parameter/") => {
            Some(SecretPlace::Parameter { name: text.to_owned(), region: Some(region) })
        }
        _ => None,
    }
}

/// What a container here is given for the service's secrets.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub enum SecretsWay {
    /// Nothing.
    #[default]
    Skip,
    /// Stand-ins that say what they stand for.
    Stub,
    /// The values, fetched from where the service has them.
    Fetch,
    /// Values of the user's.
    File(BTreeMap<String, Secret>),
}

impl SecretsWay {
    /// Whether a container is given values that nobody may see. Whoever may use the engine can read a container's environment for
    /// as long as it exists. It is removed on every orderly way out of a run, and is not to be kept on purpose; that of a run
    /// that was killed exists until the next run sweeps it.
    #[must_use]
    pub fn holds_real_values(&self) -> bool {
        match self {
            Self::Skip | Self::Stub => false,
            Self::Fetch | Self::File(_) => true,
        }
    }
}

/// What stands in for a secret. It is not confidential: an application that shows it shows what it was about to use.
#[must_use]
pub fn stand_in(name: &str) -> Secret {
    Secret::unregistered(format!("shipgate-stub-{name}"))
}

/// Whether a variable's value is what stands in for a secret.
#[must_use]
pub fn is_stand_in(name: &str, value: &Secret) -> bool {
    *value == stand_in(name)
}

#[cfg(test)]
mod tests {
    use super::{SecretPlace, SecretSource, SecretVersion, SecretsWay, is_stand_in, stand_in};

    const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:222222222222:secret:shop/db-AbCdEf";

    #[test]
    fn a_secret_may_name_a_member_and_a_version_of_itself() {
        let said = |text: &str| Some(text.to_owned());
        let table = [
            ("", None, None, None),
            (":password::", said("password"), None, None),
            (":password", said("password"), None, None),
            ("::AWSPREVIOUS:", None, said("AWSPREVIOUS"), None),
            (":a:AWSPENDING:0123", said("a"), said("AWSPENDING"), said("0123")),
        ];
        for (suffix, key, stage, id) in table {
            let source = SecretSource::read(&format!("{SECRET}{suffix}"));
            let expected = SecretPlace::SecretsManager {
                arn: SECRET.to_owned(),
                region: "eu-west-1".parse().unwrap(),
                json_key: key,
                version: SecretVersion { stage, id },
            };
            assert_eq!(*source.place(), expected, "{suffix}");
            assert_eq!(source.as_str(), format!("{SECRET}{suffix}"));
        }
    }

    #[test]
    fn a_parameter_is_named_by_its_arn_or_its_name() {
        let arn = "arn:aws-cn:ssm:cn-north-1:222222222222:parameter/shop/db";
        for (text, region) in [(arn, Some("cn-north-1")), ("/shop/db", None), ("shop-db.url_1", None)] {
            let region = region.map(|region| region.parse().unwrap());
            let expected = SecretPlace::Parameter { name: text.to_owned(), region };
            assert_eq!(*SecretSource::read(text).place(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_not_known() {
        let more = format!("{SECRET}:a:b:c:d");
        for text in [
            "",
            "a b",
            "arn:aws:s3:::bucket",
            "arn:aws:secretsmanager:eu-west-1:1:secret",
            "arn:aws:ssm:x",
            more.as_str(),
        ] {
            assert_eq!(*SecretSource::read(text).place(), SecretPlace::Unknown, "{text}");
        }
    }

    #[test]
    fn a_stand_in_says_what_it_stands_for() {
        assert_eq!(stand_in("DATABASE_URL").reveal(), "shipgate-stub-DATABASE_URL");
        assert!(is_stand_in("A", &stand_in("A")) && !is_stand_in("B", &stand_in("A")));
        let file = SecretsWay::File([("A".to_owned(), stand_in("A"))].into());
        let real = [SecretsWay::Skip, SecretsWay::Stub, SecretsWay::Fetch, file].map(|way| way.holds_real_values());
        assert_eq!(real, [false, false, true, true]);
    }
}
