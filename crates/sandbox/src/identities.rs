//! Access keys, long-lived and temporary, the principals behind them, roles, and what they may do.

use std::{collections::HashMap, sync::Arc, sync::Mutex};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    SandboxError,
    iam::{Context, Denial, Policies, Policy, Question, Subject, decide, policy::InvalidPolicy},
    locking::lock,
    random,
    seed::{Role, Seed, User},
    state::{self, Keeper},
    sts::{session_tags::SessionTag, trust},
};
use shipgate_core::{
    account::{AccountId, Region},
    arn::RoleArn,
};

/// Who a key speaks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Principal {
    /// The account.
    pub(crate) account: AccountId,
    /// `arn:aws:iam::A:user/N` or `arn:aws:sts::A:assumed-role/R/SESSION`.
    pub(crate) arn: String,
    /// The `UserId` of GetCallerIdentity.
    pub(crate) user_id: String,
    /// The role behind a session.
    pub(crate) role: Option<RoleArn>,
    /// What the session was narrowed to when the role was assumed.
    pub(crate) session_policy: Option<Arc<Policy>>,
    /// The tags of the session.
    pub(crate) tags: Vec<SessionTag>,
}

/// A pair of keys and whom they speak for. No `Debug`: it holds secrets.
#[derive(Clone)]
pub(crate) struct Key {
    /// What requests are signed with.
    pub(crate) secret: String,
    /// What must come along with the key, when it is temporary.
    pub(crate) session_token: Option<String>,
    /// Until when, when it is temporary.
    pub(crate) expires: Option<Timestamp>,
    /// Whom it speaks for.
    pub(crate) principal: Principal,
}

/// Temporary credentials, as handed out.
pub(crate) struct Session {
    /// `ASIA…`.
    pub(crate) access_key_id: String,
    /// The rest.
    pub(crate) key: Key,
}

/// A role with its trust policy.
pub(crate) struct KnownRole {
    /// As the seed or the control interface made it.
    pub(crate) role: Role,
    /// Who may assume it.
    pub(crate) trust: Policy,
    /// From when on anybody can use it.
    usable: Timestamp,
}

/// What a call needs to be allowed.
pub(crate) struct Need<'a> {
    /// `service:Action`.
    pub(crate) action: &'a str,
    /// An ARN, or `*`.
    pub(crate) resource: &'a str,
    /// The account of the resource.
    pub(crate) resource_account: &'a AccountId,
    /// The policy that hangs on the resource.
    pub(crate) resource_policy: Option<&'a Policy>,
    /// Whether that policy must allow it in any case, as trust policies must.
    pub(crate) resource_must_allow: bool,
    /// Keys beyond those of every request.
    pub(crate) context: Context,
}

/// All keys and roles there are.
pub(crate) struct Identities {
    keys: Mutex<HashMap<String, Key>>,
    users: HashMap<String, Option<Vec<Policy>>>,
    roles: Mutex<HashMap<String, Arc<KnownRole>>>,
    keeper: Option<Arc<Keeper>>,
}

/// The document of a role that was made while the sandbox ran, as it was written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    role: Value,
    usable: Timestamp,
}

impl Identities {
    /// The users and roles of the seed.
    pub(crate) fn new(seed: &Seed, keeper: Option<Arc<Keeper>>) -> Result<Self, InvalidPolicy> {
        let keys = seed.users.iter().map(|user| {
            let principal = Principal {
                account: user.account.clone(),
                arn: user.arn(&seed.region),
                user_id: random::iam_id("AIDA"),
                role: None,
                session_policy: None,
                tags: Vec::new(),
            };
            let id = user.access_key_id.clone().unwrap_or_else(|| random::iam_id("AKIA"));
            let secret = user.secret_access_key.clone().unwrap_or_else(|| random::alphanumeric(40));
            (id, Key { secret, session_token: None, expires: None, principal })
        });
        let users = seed.users.iter().map(|user| (user.arn(&seed.region), user.policies.clone()));
        let identities =
            Self { keys: Mutex::new(keys.collect()), users: users.collect(), roles: Mutex::default(), keeper };
        for role in &seed.roles {
            identities.put_role(role.clone(), Timestamp::MIN)?;
        }
        Ok(identities)
    }

    /// The roles that were kept: each takes the place of the seed's.
    pub(crate) fn restore(&self, keeper: &Keeper) -> Result<(), SandboxError> {
        for (_, kept) in keeper.read_all::<Kept>("roles")? {
            let role =
                serde_json::from_value::<Role>(kept.role).map_err(|error| InvalidPolicy::new(&error.to_string()));
            role.and_then(|role| self.put_role(role, kept.usable)).map_err(SandboxError::Trust)?;
        }
        Ok(())
    }

    /// Makes a role, or changes it, as a document of the control interface has it.
    pub(crate) fn write_role(&self, role: Value, usable: Timestamp) -> Result<(), String> {
        let read = serde_json::from_value::<Role>(role.clone()).map_err(|error| error.to_string())?;
        let name = state::document("roles", read.arn.as_str());
        self.put_role(read, usable).map_err(|error| error.to_string())?;
        if let Some(keeper) = &self.keeper {
            keeper.keep(&name, &Kept { role, usable });
        }
        Ok(())
    }

    /// Makes a role, or changes it, usable from this moment on.
    fn put_role(&self, role: Role, usable: Timestamp) -> Result<(), InvalidPolicy> {
        let trust = trust::policy(&role)?;
        lock(&self.roles).insert(role.arn.to_string(), Arc::new(KnownRole { role, trust, usable }));
        Ok(())
    }

    /// The ARNs of all users, in order.
    pub(crate) fn users(&self) -> Vec<String> {
        let mut all: Vec<String> = self.users.keys().cloned().collect();
        all.sort();
        all
    }

    /// All roles, usable yet or not, by ARN.
    pub(crate) fn roles(&self) -> Vec<Arc<KnownRole>> {
        let mut all: Vec<_> = lock(&self.roles).values().cloned().collect();
        all.sort_by(|a, b| a.role.arn.as_str().cmp(b.role.arn.as_str()));
        all
    }

    /// The key of this id.
    pub(crate) fn key(&self, access_key_id: &str) -> Option<Key> {
        lock(&self.keys).get(access_key_id).cloned()
    }

    /// The role of this ARN, once it can be used.
    pub(crate) fn role(&self, arn: &str, now: Timestamp) -> Option<Arc<KnownRole>> {
        lock(&self.roles).get(arn).filter(|known| known.usable <= now).cloned()
    }

    /// Makes temporary keys for a session of the role.
    pub(crate) fn open_session(
        &self,
        role: &Role,
        session_name: &str,
        session_policy: Option<Policy>,
        tags: Vec<SessionTag>,
        expires: Timestamp,
    ) -> Session {
        let account = role.arn.account();
        let principal = Principal {
            account: account.clone(),
            arn: format!("arn:{}:sts::{account}:assumed-role/{}/{session_name}", role.arn.partition(), role.arn.name()),
            user_id: format!("{}:{session_name}", random::iam_id("AROA")),
            role: Some(role.arn.clone()),
            session_policy: session_policy.map(Arc::new),
            tags,
        };
        let key = Key {
            secret: random::alphanumeric(40),
            session_token: Some(format!("sandbox{}", random::alphanumeric(340))),
            expires: Some(expires),
            principal,
        };
        let session = Session { access_key_id: random::iam_id("ASIA"), key };
        lock(&self.keys).insert(session.access_key_id.clone(), session.key.clone());
        session
    }

    /// Lets every temporary key expire now.
    pub(crate) fn expire_sessions(&self, now: Timestamp) {
        for key in lock(&self.keys).values_mut().filter(|key| key.session_token.is_some()) {
            key.expires = Some(now);
        }
    }

    /// Whether the principal may do this.
    pub(crate) fn authorize(&self, principal: &Principal, need: &Need<'_>) -> Result<(), Denial> {
        let role = principal.role.as_ref().map(|arn| lock(&self.roles).get(arn.as_str()).cloned());
        let nothing: &[Policy] = &[];
        let identity = match &role {
            Some(Some(known)) => known.role.policies.as_deref(),
            Some(None) => Some(nothing),
            None => self.users.get(&principal.arn).map_or(Some(nothing), Option::as_deref),
        };
        let cross_account = principal.account != *need.resource_account;
        let policies = Policies {
            identity,
            session: principal.session_policy.as_deref(),
            resource: need.resource_policy,
            resource_must_allow: need.resource_must_allow || cross_account,
            cross_account,
        };
        let context = with_principal(need.context.clone(), principal);
        let subject = Subject::Principal(principal);
        decide(policies, &Question { subject, action: need.action, resource: need.resource, context: &context })
    }
}

impl User {
    /// Its ARN, in the partition of the sandbox's main region.
    pub(super) fn arn(&self, region: &Region) -> String {
        format!("arn:{}:iam::{}:user/{}", region.partition(), self.account, self.name)
    }
}

/// The condition keys about the caller (IAM User Guide, "AWS global condition context keys").
fn with_principal(context: Context, principal: &Principal) -> Context {
    let arn = principal.role.as_ref().map_or(principal.arn.as_str(), |role| role.as_str());
    let context = context
        .with("aws:PrincipalArn", arn)
        .with("aws:PrincipalAccount", principal.account.as_str())
        .with("aws:PrincipalType", if principal.role.is_some() { "AssumedRole" } else { "User" })
        .with("aws:PrincipalIsAWSService", "false")
        .with("aws:userid", principal.user_id.as_str());
    let of_tag =
        |context: Context, tag: &SessionTag| context.with(&format!("aws:PrincipalTag/{}", tag.key), tag.value.as_str());
    let context = principal.tags.iter().fold(context, of_tag);
    match (&principal.role, principal.arn.rsplit_once(":user/")) {
        (None, Some((_, name))) => context.with("aws:username", name),
        _ => context,
    }
}

/// The condition keys of every request.
pub(crate) fn context_of_request(region: &str, now: Timestamp) -> Context {
    Context::default()
        .with("aws:RequestedRegion", region)
        .with("aws:CurrentTime", now.to_string())
        .with("aws:EpochTime", now.as_second().to_string())
        .with("aws:SecureTransport", "false")
        .with("aws:SourceIp", "127.0.0.1")
        .with("aws:ViaAWSService", "false")
}
