//! Log groups as Terraform's language, in the form that `terraform fmt` leaves as it is. Pure.

use crate::pipeline::hcl::{block, quoted};
use shipgate_core::arn::ServiceArn;

/// A log group of the service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Group {
    /// `service` or `application`.
    pub(super) kind: &'static str,
    pub(super) name: String,
    /// One that does not exist cannot be imported.
    pub(super) exists: bool,
    /// Days its lines are to be kept; for ever, when absent.
    pub(super) retention_days: Option<u32>,
}

/// The file.
pub(super) fn file(service: &ServiceArn, groups: &[Group]) -> String {
    let mut text = head(service);
    for group in groups {
        text.push('\n');
        text.push_str(&declared(service, group));
    }
    text
}

fn head(service: &ServiceArn) -> String {
    format!(
        "# The log groups of the App Runner service {name} (account {account}, {region}).\n\
         # Written by shipgate export terraform, for Terraform 1.5 or later.\n\
         #\n\
         # Their names contain the service's id, {id}, which App Runner\n\
         # chooses when it creates the service and then creates the groups itself, so they\n\
         # cannot be declared beforehand: they are imported.\n\
         #\n\
         # A service that is created anew has another id and other groups. Run the command\n\
         # again then, and take the old ones out of the state first (they stay behind, with\n\
         # their lines, until somebody deletes them: shipgate logs --orphans):\n{removals}",
        name = service.name(),
        account = service.account(),
        region = service.region(),
        id = service.id(),
        removals = ["service", "application"]
            .map(|kind| format!("#   terraform state rm aws_cloudwatch_log_group.{}\n", label(service.name(), kind)))
            .concat(),
    )
}

fn declared(service: &ServiceArn, group: &Group) -> String {
    let (label, name) = (label(service.name(), group.kind), quoted(&group.name));
    let mut text = String::new();
    if !group.exists {
        text.push_str("# Not there yet: Terraform creates it, and App Runner writes to it.\n");
    }
    let mut attributes = vec![("name", name.clone())];
    attributes.extend(group.retention_days.map(|days| ("retention_in_days", days.to_string())));
    text.push_str(&block(&format!("resource \"aws_cloudwatch_log_group\" \"{label}\""), &attributes));
    if group.exists {
        let attributes = [("to", format!("aws_cloudwatch_log_group.{label}")), ("id", name)];
        text.push('\n');
        text.push_str(&block("import", &attributes));
    }
    text
}

/// A resource's name. Services' names are letters, digits, `-` and `_`, as names in Terraform are, which do not begin with a
/// digit: so no two services get one name.
fn label(service: &str, kind: &str) -> String {
    let sane: String = service.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    let prefix = if sane.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') { "" } else { "_" };
    format!("{prefix}{sane}_{kind}")
}

#[cfg(test)]
mod tests {
    use super::{Group, file, label};
    use shipgate_core::arn::ServiceArn;

    fn service() -> ServiceArn {
        "arn:aws:apprunner:ap-northeast-1:222222222222:service/shop-api/0123456789abcdef0123456789abcdef"
            .parse()
            .unwrap()
    }

    fn groups(exists: bool, retention_days: Option<u32>) -> [Group; 2] {
        [
            Group { kind: "service", name: service().service_log_group(), exists: true, retention_days },
            Group { kind: "application", name: service().application_log_group(), exists, retention_days },
        ]
    }

    #[test]
    fn groups_are_declared_and_those_that_exist_imported() {
        let both = file(&service(), &groups(true, Some(30)));
        let shown = include_str!("../../../docs/commands.md").split("```terraform\n").nth(1).unwrap();
        assert!(both.contains(shown.split("```").next().unwrap()), "docs/commands.md shows another");
        insta::assert_snapshot!("both", both);
        insta::assert_snapshot!("one", file(&service(), &groups(false, None)));
    }

    #[test]
    fn names_are_terraforms_own() {
        for (name, expected) in [
            ("shop-api", "shop-api_service"),
            ("shop_api", "shop_api_service"),
            ("0shop", "_0shop_service"),
            ("shop.api", "shop_api_service"),
        ] {
            assert_eq!(label(name, "service"), expected);
        }
    }
}
