//! A tree as YAML: one member or element a line, texts quoted as JSON has them, long ones as blocks. Pure.

use super::{
    json::quoted,
    node::{Node, Unknown},
};

/// The parameter that stands for the identity that the CI job begins with.
pub(super) const JOB: &str = "CiPrincipalArn";

/// The lines of a mapping, at the left margin.
pub(super) fn written(members: &[(String, Node)]) -> String {
    let mut text = String::new();
    write_members(members, 0, &mut text);
    text
}

fn write_members(members: &[(String, Node)], depth: usize, text: &mut String) {
    for (name, node) in members {
        text.push_str(&"  ".repeat(depth));
        text.push_str(&key(name));
        text.push(':');
        write(node, depth + 1, text);
    }
}

/// Writes what follows a colon or a dash, up to the end of its last line.
fn write(node: &Node, depth: usize, text: &mut String) {
    match node {
        Node::Text(value) | Node::Template(value) if value.contains('\n') => {
            text.push_str(" |\n");
            for line in value.lines() {
                text.extend([format!("{}{line}\n", "  ".repeat(depth))]);
            }
        }
        Node::Text(value) | Node::Template(value) => text.extend([format!(" {}\n", quoted(value))]),
        Node::Number(number) => text.extend([format!(" {number}\n")]),
        Node::Unknown(Unknown::JobPrincipal) => text.extend([format!(" !Ref {JOB}\n")]),
        Node::List(nodes) => {
            text.push('\n');
            for node in nodes {
                write_element(node, depth, text);
            }
        }
        Node::Map(members) => {
            text.push('\n');
            write_members(members, depth, text);
        }
    }
}

/// The first member of a mapping stands behind the dash.
fn write_element(node: &Node, depth: usize, text: &mut String) {
    let margin = "  ".repeat(depth);
    match node {
        Node::Map(members) => {
            let mut inner = String::new();
            write_members(members, depth + 1, &mut inner);
            let behind = inner.trim_start_matches(' ');
            text.extend([format!("{margin}- {behind}")]);
        }
        Node::Text(_) | Node::Template(_) | Node::Number(_) | Node::Unknown(_) | Node::List(_) => {
            text.extend([format!("{margin}-")]);
            write(node, depth + 1, text);
        }
    }
}

/// Names of members need no quotes where they are words; `Fn::If` is one.
fn key(name: &str) -> String {
    let is_word = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == ':');
    if is_word && !name.ends_with(':') { name.to_owned() } else { quoted(name) }
}
