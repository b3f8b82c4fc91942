//! Weighing the policies of all sides, and the words for a refusal.

use super::{Policy, Question, Subject, policy::Verdict};

/// The policies that have a say in a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policies<'a> {
    /// The identity's own. `None` is an identity that may do everything, `Some(&[])` one that may do nothing.
    pub(crate) identity: Option<&'a [Policy]>,
    /// What the session was narrowed to when the role was assumed.
    pub(crate) session: Option<&'a Policy>,
    /// The policy that hangs on the resource: repository policy, trust policy.
    pub(crate) resource: Option<&'a Policy>,
    /// Whether the resource's side must say yes: always for trust policies, and when it is in another account.
    pub(crate) resource_must_allow: bool,
    /// Whether the resource is in another account than the identity.
    pub(crate) cross_account: bool,
}

/// Why a call is denied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Denial {
    /// A policy of this side says no.
    Explicit(Side),
    /// No policy of this side says yes.
    Implicit(Side),
}

/// A side that has a say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    /// The caller's policies.
    Identity,
    /// The session's policy.
    Session,
    /// The resource's policy.
    Resource,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity-based",
            Self::Session => "session",
            Self::Resource => "resource-based",
        }
    }

    fn article(self) -> &'static str {
        match self {
            Self::Identity => "an",
            Self::Session | Self::Resource => "a",
        }
    }
}

impl Denial {
    /// The message as AWS words it since 2021 (IAM User Guide, "Troubleshoot access denied error messages").
    pub(crate) fn message(self, caller: &str, action: &str, resource: &str) -> String {
        let start = format!("User: {caller} is not authorized to perform: {action} on resource: {resource}");
        match self {
            Self::Explicit(side) => {
                format!("{start} with an explicit deny in {} {} policy", side.article(), side.name())
            }
            Self::Implicit(side) => format!("{start} because no {} policy allows the {action} action", side.name()),
        }
    }
}

/// Whether the call is allowed.
pub(crate) fn decide(policies: Policies<'_>, question: &Question<'_>) -> Result<(), Denial> {
    let identity = match policies.identity {
        None => Verdict::Allows,
        Some(all) => all.iter().map(|policy| policy.ask(question)).max().unwrap_or(Verdict::Silent),
    };
    let session = policies.session.map_or(Verdict::Allows, |policy| policy.ask(question));
    let resource = policies.resource.map_or(Verdict::Silent, |policy| policy.ask(question));
    for (verdict, side) in [(identity, Side::Identity), (session, Side::Session), (resource, Side::Resource)] {
        if verdict == Verdict::Denies {
            return Err(Denial::Explicit(side));
        }
    }
    weigh(policies, [identity, session, resource], matches!(question.subject, Subject::Principal(_)))
}

/// Weighs verdicts of which none denies.
fn weigh(policies: Policies<'_>, verdicts: [Verdict; 3], has_identity: bool) -> Result<(), Denial> {
    let [identity, session, resource] = verdicts;
    let resource_says_yes = resource >= Verdict::Delegates;
    if policies.resource_must_allow && !resource_says_yes {
        return Err(Denial::Implicit(Side::Resource));
    }
    // Services and federated identities have no policies of their own.
    if !has_identity || (!policies.cross_account && resource == Verdict::AllowsSession) {
        return Ok(());
    }
    if session != Verdict::Allows {
        return Err(Denial::Implicit(Side::Session));
    }
    let named = !policies.cross_account && resource == Verdict::Allows;
    if identity == Verdict::Allows || named { Ok(()) } else { Err(Denial::Implicit(Side::Identity)) }
}

#[cfg(test)]
mod tests {
    use super::{
        Denial, Policies, Policy, Question,
        Side::{Identity, Resource, Session},
        Subject, decide,
    };
    use crate::{iam::Context, identities::Principal};

    const ALLOW: &str = r#"{"Statement":{"Effect":"Allow","Action":"ecr:PutImage","Resource":"*"}}"#;
    const DENY: &str = r#"{"Statement":{"Effect":"Deny","Action":"ecr:*","Resource":"*"}}"#;
    const OTHER: &str = r#"{"Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}"#;
    const NAMED: &str =
        r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::333333333333:user/ci"},"Action":"*"}}"#;
    const ACCOUNT: &str = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"333333333333"},"Action":"*"}}"#;
    const DENY_ALL: &str = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*"}}"#;

    #[test]
    fn the_table() {
        let ok = Ok(());
        let no = |side| Err(Denial::Implicit(side));
        let never = |side| Err(Denial::Explicit(side));
        // identity, session, resource, cross-account, expected
        for (identity, session, resource, cross_account, expected) in [
            (None, None, None, false, ok),
            (Some(ALLOW), None, None, false, ok),
            (Some(OTHER), None, None, false, no(Identity)),
            (Some(OTHER), None, Some(NAMED), false, ok),
            (Some(OTHER), None, Some(ACCOUNT), false, no(Identity)),
            (Some(ALLOW), None, Some(ACCOUNT), false, ok),
            (Some(DENY), None, Some(NAMED), false, never(Identity)),
            (Some(ALLOW), Some(OTHER), None, false, no(Session)),
            (Some(ALLOW), Some(ALLOW), None, false, ok),
            (Some(OTHER), Some(ALLOW), None, false, no(Identity)),
            (Some(ALLOW), Some(DENY), None, false, never(Session)),
            (Some(ALLOW), None, Some(DENY_ALL), false, never(Resource)),
            (None, None, None, true, no(Resource)),
            (Some(ALLOW), None, Some(NAMED), true, ok),
            (Some(ALLOW), None, Some(ACCOUNT), true, ok),
            (Some(OTHER), None, Some(NAMED), true, no(Identity)),
            (Some(OTHER), None, Some(ACCOUNT), true, no(Identity)),
            (Some(ALLOW), Some(OTHER), Some(NAMED), true, no(Session)),
        ] {
            let user = Principal {
                account: "333333333333".parse().unwrap(),
                arn: "arn:aws:iam::333333333333:user/ci".to_owned(),
                user_id: String::new(),
                role: None,
                session_policy: None,
                tags: Vec::new(),
            };
            let parse = |text: &str| Policy::parse(text).unwrap();
            let (own, session_policy, on_resource) =
                (identity.map(|text| [parse(text)]), session.map(parse), resource.map(parse));
            let policies = Policies {
                identity: own.as_ref().map(|own| &own[..]),
                session: session_policy.as_ref(),
                resource: on_resource.as_ref(),
                resource_must_allow: cross_account,
                cross_account,
            };
            let context = Context::default();
            let question = Question {
                subject: Subject::Principal(&user),
                action: "ecr:PutImage",
                resource: "arn:aws:ecr:eu-west-1:111111111111:repository/a",
                context: &context,
            };
            assert_eq!(decide(policies, &question), expected, "{identity:?} {session:?} {resource:?} {cross_account}");
        }
    }
}
