//! The single values of a configuration: what each may be, and its schema. Ranges cite the API page they are from.

use std::time::Duration;

use schemars::{Schema, json_schema};

use super::{deployment::ServiceName, read::Scalar, sizes};
use shipgate_core::{
    account::{AccountId, Region},
    arn::RoleArn,
    health::Protocol,
    image::{self, ImageReference},
    pull_through::Via,
    reach::ReachChoice,
    secret::Secret,
    smoke::OnFailure,
};

impl Scalar for ImageReference {
    const EXPECTED: &'static str = "an image reference";
    const SHOWN: bool = true;

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[^/]+/[^ ]+$" })
    }

    fn complaint(text: &str) -> String {
        text.parse::<Self>().map_or_else(|error| error.to_string(), |_| String::new())
    }
}

impl Scalar for RoleArn {
    const EXPECTED: &'static str = "the ARN of an IAM role (arn:aws:iam::123456789012:role/name)";
    const SHOWN: bool = true;

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$" })
    }
}

impl Scalar for Region {
    const EXPECTED: &'static str = "an AWS region (such as ap-northeast-1)";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[a-z]+(-[a-z]+)+-[0-9]+$" })
    }
}

impl Scalar for ServiceName {
    const EXPECTED: &'static str =
        "an App Runner service name (4 to 40 letters, digits, - and _, beginning with a letter or digit)";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{3,39}$" })
    }
}

impl Scalar for Protocol {
    const EXPECTED: &'static str = "a health check's protocol (tcp or http)";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "tcp" | "TCP" => Some(Self::Tcp),
            "http" | "HTTP" => Some(Self::Http),
            _ => None,
        }
    }

    fn schema() -> Schema {
        json_schema!({ "enum": ["tcp", "http", "TCP", "HTTP"] })
    }
}

impl Scalar for Via {
    const EXPECTED: &'static str = "a way to the destination (copy or pull-through)";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn schema() -> Schema {
        json_schema!({ "enum": ["copy", "pull-through"] })
    }
}

impl Scalar for ReachChoice {
    const EXPECTED: &'static str = "a way to reach a container (auto, own-address, same-network, sidecar, or a host)";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "examples": ["auto", "own-address", "same-network", "sidecar"] })
    }
}

impl Scalar for OnFailure {
    const EXPECTED: &'static str = "what a failed smoke test leads to (report or return)";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "report" => Some(Self::Report),
            "return" => Some(Self::Return),
            _ => None,
        }
    }

    fn schema() -> Schema {
        json_schema!({ "enum": ["report", "return"] })
    }
}

/// Declares values that only configurations have, each a type of its own around what it holds, and gives every scalar
/// its schema.
macro_rules! values {
    ($($(#[$about:meta])* $name:ident($inner:ty) is $expected:literal, $parse:expr, $schema:tt)*) => {$(
        $(#[$about])*
        pub(in crate::config) struct $name(pub(in crate::config) $inner);

        impl Scalar for $name {
            const EXPECTED: &'static str = $expected;

            fn parse(text: &str) -> Option<Self> {
                let parse: fn(&str) -> Option<$inner> = $parse;
                parse(text).map(Self)
            }

            fn schema() -> Schema {
                json_schema!($schema)
            }
        }
        in_schema!($name);
    )*};
}

macro_rules! in_schema {
    ($($name:ident),*) => {$(
        impl $crate::config::read::InSchema for $name {
            const DEFINITION: Option<&'static str> = None;

            fn in_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $crate::config::read::scalar_schema::<Self>()
            }
        }
    )*};
}

pub(super) use {in_schema, values};

in_schema!(ImageReference, RoleArn, Region, ServiceName, Protocol, Via, ReachChoice, OnFailure);

values! {
    /// Yes or no.
    Switch(bool) is "true or false", |text| text.parse().ok(), { "type": "boolean" }

    /// A repository's path.
    Repository(String) is "a repository's path without its host (lower-case words joined by . _ - /)",
        |text| image::is_repository(text).then(|| text.to_owned()),
        { "type": "string", "pattern": "^[a-z0-9][a-z0-9._/-]*$" }

    /// A tag.
    Tag(String) is "a tag (at most 128 of letters, digits, . _ - and not beginning with . or -)",
        |text| image::is_tag(text).then(|| text.to_owned()),
        { "type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$" }

    // STS API reference, AssumeRole: RoleSessionName.
    /// The name of a role's session.
    SessionName(String) is "a session name (2 to 64 letters, digits and _=,.@-)",
        |text| ((2..=64).contains(&text.len()) && made_of(text, "_=,.@-+")).then(|| text.to_owned()),
        { "type": "string", "pattern": "^[A-Za-z0-9_+=,.@-]{2,64}$" }

    // STS API reference, AssumeRole: ExternalId.
    /// The external id that a role's trust policy asks for.
    ExternalId(String) is "an external id (2 to 1224 letters, digits and _+=,.@:/-)",
        |text| ((2..=1224).contains(&text.len()) && made_of(text, "_=,.@-+:/")).then(|| text.to_owned()),
        { "type": "string", "pattern": "^[A-Za-z0-9_+=,.@:/-]{2,1224}$" }

    // STS API reference, AssumeRole: DurationSeconds.
    /// How long a role's session lasts.
    SessionDuration(Duration) is "a session's duration (15m to 12h)",
        |text| duration(text).filter(|length| (900..=43_200).contains(&length.as_secs())),
        { "type": "string", "pattern": "^([0-9]+[hms])+$", "examples": ["15m", "1h", "1h30m"] }

    /// How long the gate waits.
    GateTimeout(Duration) is "a timeout (such as 35m or 1h30m, at most 24h)",
        |text| duration(text).filter(|length| (1..=86_400).contains(&length.as_secs())),
        { "type": "string", "pattern": "^([0-9]+[hms])+$", "examples": ["35m", "1h30m"] }

    /// How long a healthy application is watched on.
    Stay(Duration) is "a time (such as 10s or 2m, at most 1h)",
        |text| duration(text).filter(|length| length.as_secs() <= 3600),
        { "type": "string", "pattern": "^([0-9]+[hms])+$", "examples": ["10s", "2m"] }

    /// A status of an HTTP answer.
    HttpStatus(u16) is "a status of an HTTP answer (200 to 599)",
        |text| text.parse().ok().filter(|status| (200..600).contains(status)),
        { "type": "integer", "minimum": 200, "maximum": 599 }

    /// A port.
    Port(u16) is "a port (1 to 65535)",
        |text| text.parse().ok().filter(|port| *port > 0),
        { "type": "integer", "minimum": 1, "maximum": 65535 }

    // App Runner API reference, HealthCheckConfiguration: each of its numbers.
    /// Seconds, or probes in a row, of a health check.
    UpToTwenty(u32) is "a whole number from 1 to 20",
        |text| text.parse().ok().filter(|number| (1..=20).contains(number)),
        { "type": "integer", "minimum": 1, "maximum": 20 }

    /// A path that an HTTP health check asks for.
    HealthPath(String) is "a path (it begins with /)",
        |text| (text.starts_with('/') && !text.contains(char::is_whitespace)).then(|| text.to_owned()),
        { "type": "string", "pattern": r"^/\S*$" }

    // App Runner API reference, ImageConfiguration: StartCommand has no line breaks.
    /// A start command.
    StartCommand(String) is "a start command (one line, not empty)",
        |text| (!text.trim().is_empty() && !text.contains(['\n', '\r'])).then(|| text.to_owned()),
        { "type": "string", "minLength": 1 }

    /// CPU in App Runner's units: 1024 is one vCPU.
    Cpu(u32) is "a CPU size of App Runner (0.25, 0.5, 1, 2 or 4 vCPU, or 256 to 4096 units)",
        sizes::cpu_units,
        { "enum": [0.25, 0.5, 1, 2, 4, 256, 512, 1024, 2048, 4096, ".25", ".5"] }

    /// Memory in MiB.
    Memory(u32) is "a memory size of App Runner (0.5, 1, 2, 3, 4, 6, 8, 10 or 12 GB, or the same in MiB)",
        sizes::memory_mib,
        { "enum": [0.5, 1, 2, 3, 4, 6, 8, 10, 12, 512, 1024, 2048, 3072, 4096, 6144, 8192, 10240, 12288, ".5"] }

    // CloudWatch Logs API reference, PutRetentionPolicy: retentionInDays.
    /// Days that log lines are kept.
    RetentionDays(u32) is "a retention of CloudWatch Logs in days (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653)",
        |text| text.parse().ok().filter(|days| RETENTION_DAYS.contains(days)),
        { "enum": RETENTION_DAYS }

    /// The value of an environment variable: any text.
    EnvironmentValue(Secret) is "a text",
        |text| Some(Secret::variable("", text)),
        { "type": ["string", "number", "boolean"] }
}

const RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// Where a secret's value is: a secret of Secrets Manager, or a parameter of the SSM Parameter Store.
pub(super) struct SecretArn(pub(super) String);

impl Scalar for SecretArn {
    const EXPECTED: &'static str = "the ARN of a Secrets Manager secret or an SSM parameter";

    fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [arn, partition, service, region, account, resource] = parts[..] else { return None };
        let resource = match service {
            "secretsmanager" => resource.strip_prefix("secret:"),
            "ssm" => resource.strip_prefix("parameter/"),
            _ => None,
        };
        let well_formed = arn == "arn"
            && partition.starts_with("aws")
            && region.parse::<Region>().is_ok()
            && account.parse::<AccountId>().is_ok()
            && resource.is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace));
        well_formed.then(|| Self(text.to_owned()))
    }

    /// Says nothing of the text: what was written in place of the ARN may be the secret itself.
    fn complaint(_: &str) -> String {
        format!("this is not {}", Self::EXPECTED)
    }

    fn schema() -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^arn:aws[a-z-]*:(secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:|ssm:[a-z0-9-]+:[0-9]{12}:parameter/)\S+$",
        })
    }
}
in_schema!(SecretArn);

fn made_of(text: &str, others: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// `90s`, `35m`, `12h`, and sums of them such as `1h30m`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (mut seconds, mut rest) = (0_u64, text);
    while !rest.is_empty() {
        let at = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..at].parse().ok()?;
        let unit = match rest.as_bytes()[at] {
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[at + 1..];
    }
    (!text.is_empty()).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ExternalId, GateTimeout, Port, RetentionDays, SecretArn, SessionDuration, StartCommand, duration};
    use crate::config::read::Scalar;

    #[test]
    fn durations() {
        let table = [
            ("35m", Some(2100)),
            ("90s", Some(90)),
            ("1h30m", Some(5400)),
            ("0s", Some(0)),
            ("", None),
            ("35", None),
            ("m", None),
            ("35 m", None),
            ("-1m", None),
            ("1d", None),
            ("1é", None),
            ("99999999999999999999h", None),
            ("18446744073709551615h", None),
        ];
        for (text, seconds) in table {
            assert_eq!(duration(text), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn ranges_have_both_ends() {
        let session = |text| SessionDuration::parse(text).is_some();
        assert_eq!(["15m", "12h", "14m59s", "12h1s"].map(session), [true, true, false, false]);
        let gate = |text| GateTimeout::parse(text).is_some();
        assert_eq!(["1s", "24h", "0s", "24h1s"].map(gate), [true, true, false, false]);
        let port = |text| Port::parse(text).is_some();
        assert_eq!(["1", "65535", "0", "65536", "http"].map(port), [true, true, false, false, false]);
        assert!(RetentionDays::parse("14").is_some() && RetentionDays::parse("15").is_none());
        assert!(ExternalId::parse("a:b/c").is_some() && ExternalId::parse("a").is_none());
        assert!(StartCommand::parse("./run --all").is_some() && StartCommand::parse("a\nb").is_none());
    }

    #[test]
    fn secrets_are_named_by_arn() {
        for good in [
            "arn:aws:secretsmanager:eu-west-1:222222222222:secret:shop/db-AbCdEf",
            "arn:aws:secretsmanager:eu-west-1:222222222222:secret:shop/db-AbCdEf:password::",
            "arn:aws:ssm:eu-west-1:222222222222:parameter/shop/db",
        ] {
            assert!(SecretArn::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "hunter2",
            "arn:aws:s3:eu-west-1:222222222222:secret:x",
            "arn:aws:ssm:eu-west-1:222222222222:secret:x",
            "arn:aws:secretsmanager:eu-west-1:2222:secret:x",
            "arn:aws:secretsmanager:eu-west-1:222222222222:secret:",
        ] {
            assert!(SecretArn::parse(bad).is_none(), "{bad}");
        }
    }
}
