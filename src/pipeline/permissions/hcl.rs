//! A tree as an expression of Terraform's language. Pure.

use super::node::{Node, Unknown};
use crate::pipeline::hcl::{attributes, quoted};

/// The variable that stands for the identity that the CI job begins with.
pub(super) const JOB: &str = "ci_principal_arn";

/// An expression whose first line is indented already.
pub(super) fn expression(node: &Node, depth: usize) -> String {
    match node {
        Node::Text(text) => quoted(text),
        Node::Template(template) => alone(template).map_or_else(|| format!("\"{template}\""), str::to_owned),
        Node::Number(number) => number.to_string(),
        Node::Unknown(Unknown::JobPrincipal) => format!("var.{JOB}"),
        Node::List(nodes) if nodes.len() == 1 && is_short(&nodes[0]) => format!("[{}]", expression(&nodes[0], depth)),
        Node::List(nodes) => list(nodes, depth),
        Node::Map(members) => {
            let members: Vec<(String, String)> =
                members.iter().map(|(name, node)| (key(name), expression(node, depth + 1))).collect();
            format!("{{\n{}{}}}", attributes(&members, depth + 1), "  ".repeat(depth))
        }
    }
}

/// The expression of a template that is nothing else.
fn alone(template: &str) -> Option<&str> {
    template.strip_prefix("${")?.strip_suffix('}').filter(|inner| !inner.contains(['{', '}']))
}

fn is_short(node: &Node) -> bool {
    !matches!(node, Node::List(_) | Node::Map(_))
}

fn list(nodes: &[Node], depth: usize) -> String {
    let margin = "  ".repeat(depth + 1);
    let lines: Vec<String> = nodes.iter().map(|node| format!("{margin}{},\n", expression(node, depth + 1))).collect();
    format!("[\n{}{}]", lines.concat(), "  ".repeat(depth))
}

/// Names with anything but letters are texts, and may have values put in.
fn key(name: &str) -> String {
    if name.chars().all(|c| c.is_ascii_alphanumeric()) {
        name.to_owned()
    } else if name.starts_with("${") {
        format!("\"{name}\"")
    } else {
        quoted(name)
    }
}
