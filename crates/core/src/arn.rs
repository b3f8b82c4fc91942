//! The two kinds of ARN this program is given or gives: roles and App Runner services.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::account::{AccountId, Region};

/// Why a text is not the ARN that was asked for.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct InvalidArn {
    text: String,
    expected: &'static str,
}

/// The six fields of an ARN; the last keeps its own colons.
struct Fields<'a> {
    partition: &'a str,
    service: &'a str,
    region: &'a str,
    account: &'a str,
    resource: &'a str,
}

fn split(text: &str) -> Option<Fields<'_>> {
    let mut parts = text.splitn(6, ':');
    if parts.next()? != "arn" {
        return None;
    }
    let fields = Fields {
        partition: parts.next()?,
        service: parts.next()?,
        region: parts.next()?,
        account: parts.next()?,
        resource: parts.next()?,
    };
    fields.partition.starts_with("aws").then_some(fields)
}

/// An IAM role: `arn:PARTITION:iam::ACCOUNT:role/[PATH/]NAME`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleArn {
    text: String,
    account: AccountId,
}

impl RoleArn {
    /// The account the role lives in: the one that an identity must answer for after assuming it.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// The partition it is in: `aws`, `aws-cn`, `aws-us-gov`.
    #[must_use]
    pub fn partition(&self) -> &str {
        self.text.split(':').nth(1).unwrap_or_default()
    }

    /// The role's name, without its path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for RoleArn {
    type Err = InvalidArn;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidArn {
            text: text.to_owned(),
            expected: "the ARN of an IAM role (arn:aws:iam::123456789012:role/name)",
        };
        let fields = split(text).ok_or_else(invalid)?;
        let account = fields.account.parse().map_err(|_| invalid())?;
        let name = fields.resource.strip_prefix("role/").ok_or_else(invalid)?;
        // The alphabet of role names and paths: IAM API reference, CreateRole.
        let allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@-_/".contains(c);
        let well_formed = fields.service == "iam"
            && fields.region.is_empty()
            && !name.is_empty()
            && !name.ends_with('/')
            && name.chars().all(allowed);
        if well_formed { Ok(Self { text: text.to_owned(), account }) } else { Err(invalid()) }
    }
}

/// An App Runner service: `arn:PARTITION:apprunner:REGION:ACCOUNT:service/NAME/ID`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceArn {
    text: String,
    region: Region,
    account: AccountId,
    name: String,
    id: String,
}

impl ServiceArn {
    /// The account that owns the service.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// The region the service runs in.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The service's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The service id: unknown before creation, part of its log groups' names.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The log group of App Runner's own words on this service: `/aws/apprunner/NAME/ID/service`.
    #[must_use]
    pub fn service_log_group(&self) -> String {
        format!("/aws/apprunner/{}/{}/service", self.name, self.id)
    }

    /// The log group of the container's output: `/aws/apprunner/NAME/ID/application`. It does not exist if no
    /// container ever started.
    #[must_use]
    pub fn application_log_group(&self) -> String {
        format!("/aws/apprunner/{}/{}/application", self.name, self.id)
    }
}

impl FromStr for ServiceArn {
    type Err = InvalidArn;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidArn {
            text: text.to_owned(),
            expected: "the ARN of an App Runner service (arn:aws:apprunner:region:account:service/name/id)",
        };
        let fields = split(text).ok_or_else(invalid)?;
        let mut resource = fields.resource.split('/');
        let (kind, name, id) = (resource.next(), resource.next(), resource.next());
        match (kind, name, id, resource.next()) {
            (Some("service"), Some(name), Some(id), None)
                if fields.service == "apprunner" && !name.is_empty() && !id.is_empty() =>
            {
                Ok(Self {
                    text: text.to_owned(),
                    region: fields.region.parse().map_err(|_| invalid())?,
                    account: fields.account.parse().map_err(|_| invalid())?,
                    name: name.to_owned(),
                    id: id.to_owned(),
                })
            }
            _ => Err(invalid()),
        }
    }
}

macro_rules! text_conversions {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = InvalidArn;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(arn: $name) -> Self {
                arn.text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.text)
            }
        }
    };
}

text_conversions!(RoleArn);
text_conversions!(ServiceArn);

#[cfg(test)]
mod tests {
    use super::{RoleArn, ServiceArn};

    #[test]
    fn role_arns() {
        let role: RoleArn = "arn:aws:iam::111111111111:role/ci/shipgate-pull".parse().unwrap();
        assert_eq!(role.account().as_str(), "111111111111");
        assert_eq!(role.name(), "shipgate-pull");
        assert!("arn:aws-cn:iam::111111111111:role/r".parse::<RoleArn>().is_ok());
        for bad in [
            "",
            "shipgate-pull",
            "arn:aws:iam::1111:role/r",
            "arn:aws:iam::111111111111:user/r",
            "arn:aws:iam:eu-west-1:111111111111:role/r",
            "arn:aws:sts::111111111111:role/r",
            "arn:aws:iam::111111111111:role/",
            "arn:aws:iam::111111111111:role/a b",
            "arn:gcp:iam::111111111111:role/r",
        ] {
            assert!(bad.parse::<RoleArn>().is_err(), "{bad}");
        }
    }

    #[test]
    fn service_arns_name_their_log_groups() {
        let arn: ServiceArn =
            "arn:aws:apprunner:ap-northeast-1:222222222222:service/shop-api/0123abcd".parse().unwrap();
        assert_eq!(arn.service_log_group(), "/aws/apprunner/shop-api/0123abcd/service");
        assert_eq!(arn.application_log_group(), "/aws/apprunner/shop-api/0123abcd/application");
        assert!("arn:aws:apprunner:ap-northeast-1:222222222222:service/shop-api".parse::<ServiceArn>().is_err());
    }
}
