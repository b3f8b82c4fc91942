//! Access keys, long-lived and temporary, and the principals behind them.

use std::{collections::HashMap, iter, sync::Mutex};

use jiff::Timestamp;

use super::{
    locking::lock,
    seed::{Role, Seed},
};
use crate::domain::{account::AccountId, arn::RoleArn};

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

/// All keys and roles there are.
pub(crate) struct Identities {
    keys: Mutex<HashMap<String, Key>>,
    roles: Vec<Role>,
}

impl Identities {
    /// The users and roles of the seed.
    pub(crate) fn new(seed: &Seed) -> Self {
        let keys = seed.users.iter().map(|user| {
            let principal = Principal {
                account: user.account.clone(),
                arn: format!("arn:aws:iam::{}:user/{}", user.account, user.name),
                user_id: unique_id("AIDA"),
                role: None,
            };
            let secret = user.secret_access_key.clone();
            (user.access_key_id.clone(), Key { secret, session_token: None, expires: None, principal })
        });
        Self { keys: Mutex::new(keys.collect()), roles: seed.roles.clone() }
    }

    /// The key of this id.
    pub(crate) fn key(&self, access_key_id: &str) -> Option<Key> {
        lock(&self.keys).get(access_key_id).cloned()
    }

    /// The role of this ARN.
    pub(crate) fn role(&self, arn: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.arn.as_str() == arn)
    }

    /// Makes temporary keys for a session of the role.
    pub(crate) fn open_session(&self, role: &Role, session_name: &str, expires: Timestamp) -> Session {
        let account = role.arn.account();
        let principal = Principal {
            account: account.clone(),
            arn: format!("arn:aws:sts::{account}:assumed-role/{}/{session_name}", role.arn.name()),
            user_id: format!("{}:{session_name}", unique_id("AROA")),
            role: Some(role.arn.clone()),
        };
        let key = Key {
            secret: opaque(40),
            session_token: Some(format!("sandbox{}", opaque(340))),
            expires: Some(expires),
            principal,
        };
        let session = Session { access_key_id: unique_id("ASIA"), key };
        lock(&self.keys).insert(session.access_key_id.clone(), session.key.clone());
        session
    }

    /// Lets every temporary key expire now.
    pub(crate) fn expire_sessions(&self, now: Timestamp) {
        for key in lock(&self.keys).values_mut().filter(|key| key.session_token.is_some()) {
            key.expires = Some(now);
        }
    }
}

/// An id as IAM makes them: four letters for the kind and sixteen capitals and digits.
fn unique_id(kind: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let tail = iter::repeat_with(|| char::from(fastrand::choice(ALPHABET).copied().unwrap_or(b'A')));
    kind.chars().chain(tail.take(16)).collect()
}

/// Letters and digits without a meaning.
pub(crate) fn opaque(length: usize) -> String {
    iter::repeat_with(fastrand::alphanumeric).take(length).collect()
}
