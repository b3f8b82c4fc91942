//! Policy documents: reading them, and what one of them says to a question.

use serde::Deserialize;
use serde_json::Value;

use super::{
    Context, Question,
    condition::Condition,
    principal::{Principals, Trusted},
};
use crate::wildcard;

/// A policy document.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "Value")]
pub struct Policy(Vec<Statement>);

/// Why a text is not a policy.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an IAM policy: {0}")]
pub struct InvalidPolicy(pub(super) String);

impl InvalidPolicy {
    /// For this reason.
    pub(crate) fn new(reason: &str) -> Self {
        Self(reason.to_owned())
    }
}

/// One statement.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Statement {
    deny: bool,
    /// Only in policies of resources.
    principals: Option<Principals>,
    actions: Patterns,
    /// Absent in trust and repository policies: the resource they hang on.
    resources: Option<Patterns>,
    conditions: Vec<Condition>,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Patterns {
    patterns: Vec<String>,
    negated: bool,
}

/// What a policy says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Verdict {
    /// Nothing.
    Silent,
    /// It lets the account of the caller decide.
    Delegates,
    /// Yes.
    Allows,
    /// Yes, and it names the very session.
    AllowsSession,
    /// No, whatever others say.
    Denies,
}

impl Policy {
    /// Reads a document.
    ///
    /// # Errors
    /// [`InvalidPolicy`] says which part is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidPolicy> {
        let document: Value = serde_json::from_str(text).map_err(|error| InvalidPolicy(error.to_string()))?;
        Self::try_from(document)
    }

    /// What it says.
    pub(crate) fn ask(&self, question: &Question<'_>) -> Verdict {
        self.0.iter().map(|statement| statement.ask(question)).max().unwrap_or(Verdict::Silent)
    }
}

impl TryFrom<Value> for Policy {
    type Error = InvalidPolicy;

    fn try_from(document: Value) -> Result<Self, InvalidPolicy> {
        let known = ["Version", "Id", "Statement"];
        refuse_unknown(&document, &known)?;
        if !matches!(document["Version"].as_str(), None | Some("2012-10-17" | "2008-10-17")) {
            return Err(InvalidPolicy("Version must be 2012-10-17 or 2008-10-17".to_owned()));
        }
        let statements = match &document["Statement"] {
            Value::Array(list) => list.iter().map(Statement::read).collect::<Result<Vec<_>, _>>()?,
            one @ Value::Object(_) => vec![Statement::read(one)?],
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Err(InvalidPolicy("Statement is missing".to_owned()));
            }
        };
        Ok(Self(statements))
    }
}

fn refuse_unknown(value: &Value, known: &[&str]) -> Result<(), InvalidPolicy> {
    let members = value.as_object().ok_or_else(|| InvalidPolicy("not an object".to_owned()))?;
    match members.keys().find(|key| !known.contains(&key.as_str())) {
        Some(unknown) => Err(InvalidPolicy(format!("`{unknown}` is not an element of policies"))),
        None => Ok(()),
    }
}

/// One text, or a list of them.
pub(super) fn texts(value: &Value) -> Result<Vec<String>, InvalidPolicy> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(InvalidPolicy(format!("`{value}` is not a text"))),
    };
    match value.as_array() {
        Some(list) => list.iter().map(one).collect(),
        None => Ok(vec![one(value)?]),
    }
}

impl Statement {
    fn read(value: &Value) -> Result<Self, InvalidPolicy> {
        let known = [
            "Sid",
            "Effect",
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
        ];
        refuse_unknown(value, &known)?;
        let deny = match value["Effect"].as_str() {
            Some("Allow") => false,
            Some("Deny") => true,
            _ => return Err(InvalidPolicy("Effect must be Allow or Deny".to_owned())),
        };
        let actions = Patterns::read(value, "Action")?.ok_or_else(|| InvalidPolicy("Action is missing".to_owned()))?;
        Ok(Self {
            deny,
            principals: Principals::read(value)?,
            actions,
            resources: Patterns::read(value, "Resource")?,
            conditions: Condition::read_all(&value["Condition"])?,
        })
    }

    fn ask(&self, question: &Question<'_>) -> Verdict {
        let trusted = match &self.principals {
            None => Trusted::ByName,
            Some(principals) => principals.names(question.subject, self.deny),
        };
        let about = self.actions.fit_action(question.action)
            && self
                .resources
                .as_ref()
                .is_none_or(|patterns| patterns.fit_resource(question.resource, question.context))
            && self.conditions.iter().all(|condition| condition.holds(question.context));
        match trusted {
            _ if !about => Verdict::Silent,
            Trusted::Not => Verdict::Silent,
            Trusted::ByAccount | Trusted::ByName | Trusted::BySession if self.deny => Verdict::Denies,
            Trusted::ByAccount => Verdict::Delegates,
            Trusted::ByName => Verdict::Allows,
            Trusted::BySession => Verdict::AllowsSession,
        }
    }
}

impl Patterns {
    fn read(statement: &Value, name: &str) -> Result<Option<Self>, InvalidPolicy> {
        let negated_name = format!("Not{name}");
        match (statement.get(name), statement.get(&negated_name)) {
            (Some(_), Some(_)) => Err(InvalidPolicy(format!("{name} and {negated_name} exclude each other"))),
            (Some(value), None) => Ok(Some(Self { patterns: texts(value)?, negated: false })),
            (None, Some(value)) => Ok(Some(Self { patterns: texts(value)?, negated: true })),
            (None, None) => Ok(None),
        }
    }

    /// Actions are compared without regard to case.
    fn fit_action(&self, action: &str) -> bool {
        let action = action.to_ascii_lowercase();
        self.negated != self.patterns.iter().any(|pattern| wildcard::matches(&pattern.to_ascii_lowercase(), &action))
    }

    fn fit_resource(&self, resource: &str, context: &Context) -> bool {
        let fits =
            |pattern: &String| context.substitute(pattern).is_some_and(|pattern| wildcard::matches(&pattern, resource));
        self.negated != self.patterns.iter().any(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::{Context, Policy, Question, Verdict};
    use crate::iam::Subject;

    fn ask(policy: &str, action: &str, resource: &str) -> Verdict {
        let context = Context::default().with("aws:username", "ci");
        let subject = Subject::Service("test.amazonaws.com");
        Policy::parse(policy).unwrap().ask(&Question { subject, action, resource, context: &context })
    }

    #[test]
    fn actions_and_resources() {
        let repository = "arn:aws:ecr:eu-west-1:111111111111:repository/shop/api";
        for (statement, action, resource, expected) in [
            (r#""Action":"*","Resource":"*""#, "ecr:PutImage", repository, Verdict::Allows),
            (r#""Action":"ecr:put*","Resource":"*""#, "ecr:PutImage", repository, Verdict::Allows),
            (r#""Action":"ecr:Get*","Resource":"*""#, "ecr:PutImage", repository, Verdict::Silent),
            (r#""NotAction":"ecr:Get*","Resource":"*""#, "ecr:PutImage", repository, Verdict::Allows),
            (r#""NotAction":["ecr:PutImage","sts:*"],"Resource":"*""#, "ecr:PutImage", repository, Verdict::Silent),
            (
                r#""Action":"*","Resource":"arn:aws:ecr:*:111111111111:repository/shop/*""#,
                "ecr:PutImage",
                repository,
                Verdict::Allows,
            ),
            (
                r#""Action":"*","Resource":"arn:aws:ecr:*:222222222222:repository/shop/*""#,
                "ecr:PutImage",
                repository,
                Verdict::Silent,
            ),
            (
                r#""Action":"*","NotResource":"arn:aws:ecr:*:*:repository/shop/*""#,
                "ecr:PutImage",
                repository,
                Verdict::Silent,
            ),
            (
                r#""Action":"*","Resource":"arn:aws:iam::1:user/${aws:username}""#,
                "iam:Get",
                "arn:aws:iam::1:user/ci",
                Verdict::Allows,
            ),
            (
                r#""Action":"*","Resource":"arn:aws:iam::1:user/${aws:none}""#,
                "iam:Get",
                "arn:aws:iam::1:user/",
                Verdict::Silent,
            ),
        ] {
            let policy = format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow",{statement}}}}}"#);
            assert_eq!(ask(&policy, action, resource), expected, "{statement}");
        }
    }

    #[test]
    fn a_denial_wins_wherever_it_stands() {
        let policy = r#"{"Statement":[{"Effect":"Deny","Action":"ecr:PutImage","Resource":"*"},
                                      {"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        assert_eq!(ask(policy, "ecr:PutImage", "r"), Verdict::Denies);
        assert_eq!(ask(policy, "ecr:GetImage", "r"), Verdict::Allows);
    }

    #[test]
    fn what_is_no_policy() {
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"Statement":[{"Effect":"Perhaps","Action":"*"}]}"#,
            r#"{"Statement":[{"Effect":"Allow"}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"*","NotAction":"*"}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"*","Resourse":"*"}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"*","Condition":{"StringIs":{"a":"b"}}}]}"#,
            r#"{"Version":"2020","Statement":[]}"#,
        ] {
            assert!(Policy::parse(bad).is_err(), "{bad}");
        }
    }
}
