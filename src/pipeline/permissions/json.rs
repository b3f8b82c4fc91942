//! All policies as one JSON document: a list, each with its name, its kind and what it hangs on. Pure.

use super::node::{Node, Unknown, policy};
use shipgate_core::permissions::{IdentityPolicy, Part, Permissions, RepositoryPolicy, TrustPolicy};

/// What stands for the identity that the CI job begins with.
pub(super) const JOB: &str = "CI_PRINCIPAL_ARN";

/// The document, its lines ended.
pub(super) fn document(permissions: &Permissions) -> String {
    let identities = permissions.identities.iter().map(identity);
    let trusts = permissions.trusts.iter().map(trust);
    let repositories = permissions.repositories.iter().map(repository);
    let policies = identities.chain(trusts).chain(repositories).collect();
    written(&Node::map([("policies", Node::List(policies))])) + "\n"
}

fn identity(known: &IdentityPolicy) -> Node {
    // There may be several of these alone.
    let of = known.role.as_ref().filter(|_| known.part == Part::Hop);
    let name = of.map_or_else(|| known.part.to_string(), |role| format!("{}:{}", known.part, role.name()));
    let mut members = vec![("name", Node::text(name)), ("kind", Node::text("identity"))];
    members.extend(known.role.as_ref().map(|role| ("role", Node::text(role.as_str()))));
    members.push(("document", policy(&known.statements)));
    Node::Map(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn trust(known: &TrustPolicy) -> Node {
    Node::map([
        ("name", Node::text(format!("trust:{}", known.role.name()))),
        ("kind", Node::text("trust")),
        ("role", Node::text(known.role.as_str())),
        ("document", policy(&known.statements)),
    ])
}

fn repository(known: &RepositoryPolicy) -> Node {
    Node::map([
        ("name", Node::text("repository-policy")),
        ("kind", Node::text("repository")),
        ("repository", Node::text(known.repository.arn())),
        ("document", policy(&known.statements)),
    ])
}

/// A part of a document by itself.
pub(super) fn written(node: &Node) -> String {
    let mut text = String::new();
    write(node, 0, &mut text);
    text
}

/// Writes a node whose first line is indented already.
fn write(node: &Node, depth: usize, text: &mut String) {
    match node {
        Node::Text(value) => text.push_str(&quoted(value)),
        Node::Number(number) => text.push_str(&number.to_string()),
        Node::Unknown(Unknown::JobPrincipal) => text.push_str(&quoted(JOB)),
        Node::Template(template) => text.push_str(&quoted(template)),
        Node::List(nodes) => {
            let nodes = nodes.iter().map(|node| (String::new(), node));
            write_all(nodes, ['[', ']'], depth, text);
        }
        Node::Map(members) => {
            let members = members.iter().map(|(name, node)| (format!("{}: ", quoted(name)), node));
            write_all(members, ['{', '}'], depth, text);
        }
    }
}

fn write_all<'n>(
    nodes: impl Iterator<Item = (String, &'n Node)>,
    [open, close]: [char; 2],
    depth: usize,
    text: &mut String,
) {
    text.push(open);
    let mut first = true;
    for (name, node) in nodes {
        text.push_str(if first { "\n" } else { ",\n" });
        text.push_str(&"  ".repeat(depth + 1));
        text.push_str(&name);
        write(node, depth + 1, text);
        first = false;
    }
    if !first {
        text.push('\n');
        text.push_str(&"  ".repeat(depth));
    }
    text.push(close);
}

/// A string of JSON, which is one of YAML too.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
