//! A policy as a tree, its members in the order that people expect: what all languages write in their own way. Pure.

use shipgate_core::permissions::{Principal, Statement};

/// What is not known before somebody puts the policies up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unknown {
    /// The ARN of the identity that the CI job begins with.
    JobPrincipal,
}

/// A part of a document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Node {
    /// A text.
    Text(String),
    /// A number.
    Number(u64),
    /// What stands for something that is not known yet.
    Unknown(Unknown),
    /// A text in which the language puts values of its own.
    Template(String),
    /// A list.
    List(Vec<Node>),
    /// Members.
    Map(Vec<(String, Node)>),
}

impl Node {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }

    pub(super) fn map<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Map(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

/// A policy document.
pub(super) fn policy(statements: &[Statement]) -> Node {
    document(statements.iter().map(statement).collect())
}

fn document(statements: Vec<Node>) -> Node {
    Node::map([("Version", Node::text("2012-10-17")), ("Statement", Node::List(statements))])
}

/// How a language names what is known of the job's OIDC token, inside of texts.
pub(super) struct TokenWords<'a> {
    pub(super) account: &'a str,
    pub(super) provider: &'a str,
    pub(super) audience: &'a str,
    pub(super) subject: &'a str,
}

/// The trust policy in which the job is known by its OIDC token.
pub(super) fn trust_by_token(statements: &[Statement], partition: &str, words: &TokenWords<'_>) -> Node {
    let is_of_job = |statement: &Statement| statement.principal == Some(Principal::Job);
    let statements = statements
        .iter()
        .map(|known| if is_of_job(known) { by_token(known.id, partition, words) } else { statement(known) });
    document(statements.collect())
}

fn by_token(id: &str, partition: &str, words: &TokenWords<'_>) -> Node {
    let TokenWords { account, provider, audience, subject } = words;
    let federated = format!("arn:{partition}:iam::{account}:oidc-provider/{provider}");
    let template = |text: &str| Node::Template(text.to_owned());
    let audience = Node::Map(vec![(format!("{provider}:aud"), template(audience))]);
    let subject = Node::Map(vec![(format!("{provider}:sub"), template(subject))]);
    Node::map([
        ("Sid", Node::text(id)),
        ("Effect", Node::text("Allow")),
        ("Principal", Node::map([("Federated", Node::Template(federated))])),
        ("Action", Node::texts(["sts:AssumeRoleWithWebIdentity"])),
        ("Condition", Node::map([("StringEquals", audience), ("StringLike", subject)])),
    ])
}

fn statement(statement: &Statement) -> Node {
    let mut members = vec![("Sid", Node::text(statement.id)), ("Effect", Node::text("Allow"))];
    members.extend(statement.principal.as_ref().map(|principal| ("Principal", who(principal))));
    members.push(("Action", Node::texts(statement.actions.iter().copied())));
    if !statement.resources.is_empty() {
        members.push(("Resource", Node::texts(statement.resources.iter().cloned())));
    }
    if !statement.conditions.is_empty() {
        let keys = statement.conditions.iter().map(|(key, values)| ((*key).to_owned(), one_or_more(values)));
        members.push(("Condition", Node::map([("StringEquals", Node::Map(keys.collect()))])));
    }
    Node::Map(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn one_or_more(values: &[String]) -> Node {
    match values {
        [one] => Node::text(one),
        more => Node::texts(more.iter().cloned()),
    }
}

fn who(principal: &Principal) -> Node {
    match principal {
        Principal::Job => Node::map([("AWS", Node::Unknown(Unknown::JobPrincipal))]),
        Principal::Role(role) => Node::map([("AWS", Node::text(role.as_str()))]),
        Principal::Account(root) => Node::map([("AWS", Node::text(root))]),
        Principal::Service(service) => Node::map([("Service", Node::text(*service))]),
    }
}
