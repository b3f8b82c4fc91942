//! The configuration of a service as it is, as YAML with comments that teach. Pure. Nothing of the service's environment is in
//! it but the names of its secrets.

use std::str::FromStr as _;

use super::InitRequest;
use crate::config::initial::image_like;
use shipgate_core::{
    image::{EcrHost, ImageReference},
    service::LiveService,
};

/// What the file is made of.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) request: &'a InitRequest,
    pub(super) live: &'a LiveService,
    /// Days the service's own log group keeps its lines, if it does not keep them for ever.
    pub(super) retention_days: Option<u32>,
}

/// The file.
pub(super) fn text(facts: &Facts<'_>) -> String {
    [head(facts), image(facts), registry_role(facts), target(facts)].concat()
}

fn head(facts: &Facts<'_>) -> String {
    format!(
        "# What shipgate deploys, and where. Written by shipgate init from the service\n\
         # {}\n\
         # It changes nothing by itself: `shipgate plan` tells what `shipgate deploy` would do.\n\
         # Every key there is: docs/configuration.md; for editors: shipgate schema.\n\n",
        facts.live.arn
    )
}

/// The repository's own tag may not be known yet: a job names its version.
fn image(facts: &Facts<'_>) -> String {
    let Some(image) = &facts.request.image else {
        return "# FILL IN: where the image is built, in the registry account: HOST/REPOSITORY:${VERSION}\n\
                # App Runner does not tell. Until then the environment variable IMAGE must name it.\n\
                image: ${IMAGE}\n\n"
            .to_owned();
    };
    let has_version = image_like(image).is_some_and(|image| image.tag().is_some() || image.digest().is_some());
    let version = if has_version { "" } else { ":${VERSION}" };
    format!(
        "# The image, in the registry account. ${{NAME}} is an environment variable, which must be set:\n\
         # VERSION=v1 shipgate deploy\n\
         image: {}\n\n",
        scalar(&format!("{image}{version}"))
    )
}

fn registry_role(facts: &Facts<'_>) -> String {
    let about = "# The role that pulls it; without one, the identity in the environment does.\n";
    match &facts.request.registry_role {
        Some(role) => {
            format!("{about}{}\n", self::role("", "registry_role", role, facts.request.registry_external_id.as_deref()))
        }
        None => format!("{about}# registry_role: arn:aws:iam::ACCOUNT:role/NAME\n\n"),
    }
}

/// A role, alone or with its external id; lines ended.
fn role(indent: &str, key: &str, role: &str, external_id: Option<&str>) -> String {
    match external_id {
        None => format!("{indent}{key}: {}\n", scalar(role)),
        Some(id) => format!("{indent}{key}:\n{indent}  arn: {}\n{indent}  external_id: {}\n", scalar(role), scalar(id)),
    }
}

fn target(facts: &Facts<'_>) -> String {
    let (request, live) = (facts.request, facts.live);
    [
        format!("targets:\n  {}:\n", scalar(&request.target)),
        "    # The role that deploys; without one, the identity in the environment does.\n".to_owned(),
        match &request.role {
            Some(arn) => role("    ", "role", arn, request.external_id.as_deref()),
            None => format!("    # role: arn:aws:iam::{}:role/NAME\n", live.arn.account()),
        },
        format!("    service: {}\n", scalar(live.arn.name())),
        if has_region(facts) { String::new() } else { format!("    region: {}\n", live.arn.region()) },
        deploys_from(live),
        secrets(live.settings.secrets.keys()),
        facts.retention_days.map_or_else(String::new, retention),
    ]
    .concat()
}

fn retention(days: u32) -> String {
    format!(
        "    # What its log groups are set to now, and again by every deployment.\n    \
         logs: {{ retention_days: {days} }}\n"
    )
}

/// Whether the image's host names the service's region, which is the default then.
fn has_region(facts: &Facts<'_>) -> bool {
    let image = facts.request.image.as_deref().and_then(image_like);
    let region = image.and_then(|image| Some(image.ecr()?.region));
    region.is_some_and(|region| region == *facts.live.arn.region())
}

/// Repository and tag are the live service's unless the file says otherwise; so what it says is a comment.
fn deploys_from(live: &LiveService) -> String {
    let Some(identifier) = &live.image_identifier else {
        return "    # It is built from source code: shipgate deploys images only.\n".to_owned();
    };
    let own = EcrHost::host_of(live.arn.account(), live.arn.region());
    let image = ImageReference::from_str(identifier).ok();
    if image.as_ref().is_none_or(|image| image.host() != own) {
        return format!(
            "    # It deploys from {identifier},\n    \
             # which is not a registry of its own account and region. The first deployment points it at\n    \
             # the copy in {own}.\n"
        );
    }
    let moved = match image.as_ref().map(|image| (image.digest().is_some(), image.tag().unwrap_or("latest"))) {
        Some((false, tag)) => format!("shipgate moves its tag {tag} (repository, tag: not needed here)"),
        Some((true, _)) | None => "pinned: every deployment points it at another digest".to_owned(),
    };
    format!("    # It deploys from {identifier}:\n    # {moved}.\n")
}

/// Their values are not known here, and need not be: stand-ins are enough.
fn secrets<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let lines: Vec<String> = names.map(|name| format!("    #     {}: a stand-in\n", scalar(name))).collect();
    if lines.is_empty() {
        return String::new();
    }
    let lines = lines.concat();
    format!(
        "    # The service's secrets are not known to the local check. Where the application does not start\n    \
         # without them, give it stand-ins:\n    \
         # verify:\n    \
         #   environment:\n{lines}"
    )
}

/// A text as YAML: plain where that reads back as the same text, quoted otherwise.
fn scalar(text: &str) -> String {
    let plain_char = |c: char| c.is_ascii_alphanumeric() || "-_./:@+=,${}".contains(c);
    let word = text.to_ascii_lowercase();
    let is_word = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&word.as_str());
    // What begins with a digit may be a number, and has no slash then.
    let begins = |c: char| c.is_ascii_alphabetic() || c == '$' || (c.is_ascii_digit() && text.contains('/'));
    let plain = text.starts_with(begins) && !text.ends_with(':') && !is_word && text.chars().all(plain_char);
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Facts, InitRequest, LiveService, scalar, text};
    use shipgate_core::service::{RunSettings, ServiceStatus};

    const IMAGE: &str = "111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api";

    fn request() -> InitRequest {
        InitRequest {
            service: "arn:aws:apprunner:ap-northeast-1:222222222222:service/shop-api/0123".parse().unwrap(),
            image: Some(IMAGE.to_owned()),
            registry_role: Some("arn:aws:iam::111111111111:role/shipgate-pull".to_owned()),
            registry_external_id: None,
            role: Some("arn:aws:iam::222222222222:role/shipgate-deploy".to_owned()),
            external_id: Some("open: sesame".to_owned()),
            target: "prod".to_owned(),
            write: None,
            force: false,
        }
    }

    fn live(identifier: &str) -> LiveService {
        LiveService {
            arn: request().service,
            status: ServiceStatus::Running,
            url: String::new(),
            image_identifier: Some(identifier.to_owned()),
            auto_deployments: false,
            settings: RunSettings {
                secrets: BTreeMap::from([(
                    "DATABASE_URL".to_owned(),
                    shipgate_core::service_secret::SecretSource::read(
                        "arn:aws:ssm:ap-northeast-1:222222222222:parameter/shop/db",
                    ),
                )]),
                ..RunSettings::default()
            },
        }
    }

    const LIVE: &str = "222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:shop-api";

    #[test]
    fn a_configuration_with_all_that_is_known() {
        let (request, live) = (request(), live(LIVE));
        insta::assert_snapshot!("all", text(&Facts { request: &request, live: &live, retention_days: Some(30) }));
    }

    #[test]
    fn a_configuration_with_what_is_left_to_fill_in() {
        let request = InitRequest { image: None, registry_role: None, role: None, external_id: None, ..request() };
        let live = live(LIVE);
        insta::assert_snapshot!("least", text(&Facts { request: &request, live: &live, retention_days: None }));
    }

    #[test]
    fn what_the_service_deploys_from_is_told() {
        let request = request();
        for (identifier, told) in [
            (LIVE, "moves its tag shop-api"),
            ("222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api", "moves its tag latest"),
            (&format!("{}@sha256:{}", LIVE.trim_end_matches(":shop-api"), "0".repeat(64)), "pinned"),
            (&format!("{IMAGE}:v1"), "is not a registry of its own account"),
        ] {
            let live = live(identifier);
            let text = text(&Facts { request: &request, live: &live, retention_days: None });
            assert!(text.contains(told), "{told}: {text}");
        }
    }

    #[test]
    fn texts_read_back_as_texts() {
        for (text, expected) in [
            ("shop-api", "shop-api"),
            ("0123", "\"0123\""),
            ("111.dkr/api:${V}", "111.dkr/api:${V}"),
            ("null", "\"null\""),
            ("a: b", "\"a: b\""),
            ("a #b", "\"a #b\""),
            ("", "\"\""),
            ("arn:aws:iam::111111111111:role/a", "arn:aws:iam::111111111111:role/a"),
            ("${IMAGE}", "${IMAGE}"),
        ] {
            assert_eq!(scalar(text), expected);
        }
    }
}
