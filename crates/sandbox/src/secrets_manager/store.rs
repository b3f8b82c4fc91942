//! All secrets of all accounts, found by name or ARN and kept with the sandbox's state.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;

pub(crate) use super::secret::Wanted;
use super::{
    missing, refused,
    secret::{CURRENT, Content, Secret},
};
use crate::{
    SandboxError,
    answer::ApiError,
    locking::lock,
    random,
    state::{self, Keeper, life::Life},
};
use shipgate_core::account::{AccountId, Region};

/// How many characters of luck a secret's ARN ends with, after a dash.
const SUFFIX: usize = 6;

/// All secrets, by ARN.
#[derive(Default)]
pub(crate) struct SecretStore {
    all: Mutex<BTreeMap<String, Secret>>,
    keeper: Option<Arc<Keeper>>,
}

/// What App Runner reads of a secret.
pub(crate) struct ReadSecret {
    /// The value, if it is a text.
    pub(crate) text: Option<String>,
    /// The key it is encrypted with, if it is one of the account's own.
    pub(crate) key: Option<String>,
}

fn document(arn: &str) -> String {
    state::document("secrets", arn)
}

impl SecretStore {
    /// No secret yet.
    pub(crate) fn new(keeper: Option<Arc<Keeper>>) -> Self {
        Self { all: Mutex::default(), keeper }
    }

    /// The secrets that were kept.
    pub(crate) fn restore(&self, keeper: &Keeper) -> Result<(), SandboxError> {
        let kept = keeper.read_all::<Secret>("secrets")?;
        lock(&self.all).extend(kept.into_iter().map(|(_, secret)| (secret.arn.clone(), secret)));
        Ok(())
    }

    /// A secret of the seed, unless the seed has brought it in before. `None`: the ARN is none of a secret.
    pub(crate) fn seed(&self, arn: &str, value: &str, life: &mut Life) -> Option<()> {
        let fields: Vec<&str> = arn.split(':').collect();
        let ["arn", _, "secretsmanager", region, account, "secret", resource] = fields[..] else { return None };
        let (region, account) = (region.parse().ok()?, account.parse().ok()?);
        if !life.seeded.insert(arn.to_owned()) {
            return Some(());
        }
        let now = Timestamp::now();
        let mut secret = Secret::new(account, region, arn.to_owned(), without_suffix(resource).to_owned(), now);
        secret.add_version(&version_id(), Content::Text(value.to_owned()), &[CURRENT.to_owned()], now);
        self.keep(&secret);
        lock(&self.all).insert(arn.to_owned(), secret);
        Some(())
    }

    /// Adds a secret under an ARN of its own. If its name is taken, `again` says what the same request answers once more.
    pub(super) fn create(
        &self,
        (account, region): (&AccountId, &Region),
        name: &str,
        again: impl FnOnce(&Secret) -> Option<Result<(), ApiError>>,
        fill: impl FnOnce(&mut Secret),
    ) -> Result<Secret, ApiError> {
        let now = Timestamp::now();
        let mut all = lock(&self.all);
        self.sweep(&mut all, now);
        let taken = all.values().find(|known| known.is_named(account, region, name));
        if taken.is_some_and(|known| known.deletion.is_some()) {
            let message =
                "You can't create this secret because a secret with this name is already scheduled for deletion.";
            return Err(refused(message));
        }
        if let Some(known) = taken {
            let Some(done) = again(known) else {
                let message = format!("The operation failed because the secret {name} already exists.");
                return Err(ApiError::new(400, "ResourceExistsException", message));
            };
            return done.map(|()| known.clone());
        }
        let (partition, suffix) = (region.partition(), random::alphanumeric(SUFFIX));
        let arn = format!("arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-{suffix}");
        let mut secret = Secret::new(account.clone(), region.clone(), arn.clone(), name.to_owned(), now);
        fill(&mut secret);
        self.keep(&secret);
        all.insert(arn, secret.clone());
        Ok(secret)
    }

    /// Reads or changes the secret that an id names: its name, its ARN, or its ARN without the last seven characters.
    pub(super) fn change<T>(
        &self,
        (account, region): (&AccountId, &Region),
        id: &str,
        act: impl FnOnce(&mut Secret) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut all = lock(&self.all);
        self.sweep(&mut all, Timestamp::now());
        let found = all.values_mut().find(|known| known.is_called(account, region, id));
        let secret = found.ok_or_else(|| missing("Secrets Manager can't find the specified secret."))?;
        let result = act(secret)?;
        self.keep(secret);
        Ok(result)
    }

    /// Takes a secret away for good.
    pub(super) fn remove(&self, arn: &str) {
        lock(&self.all).remove(arn);
        self.forget(arn);
    }

    /// Those of an account in a region, oldest first.
    pub(super) fn list(&self, account: &AccountId, region: &Region) -> Vec<Secret> {
        let mut all = lock(&self.all);
        self.sweep(&mut all, Timestamp::now());
        let own = all.values().filter(|known| known.account == *account && known.region == *region);
        let mut own: Vec<Secret> = own.cloned().collect();
        own.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
        own
    }

    /// The ARN of the secret that an id names, for permissions; one as it would be where there is none.
    pub(crate) fn arn_of(&self, account: &AccountId, region: &Region, id: &str) -> String {
        let all = lock(&self.all);
        let found = all.values().find(|known| known.is_called(account, region, id)).map(|known| known.arn.clone());
        let named = || format!("arn:{}:secretsmanager:{region}:{account}:secret:{id}", region.partition());
        found.unwrap_or_else(|| if id.starts_with("arn:") { id.to_owned() } else { named() })
    }

    /// What a version of an account's secret holds, wherever it is.
    pub(crate) fn read(&self, account: &AccountId, arn: &str, wanted: Wanted<'_>) -> Result<ReadSecret, ApiError> {
        let all = lock(&self.all);
        let found = all.values().find(|known| known.is_called(account, &known.region, arn));
        let secret = found.ok_or_else(|| missing("Secrets Manager can't find the specified secret."))?;
        secret.is_readable()?;
        let text = match &secret.version(wanted)?.1.value {
            Content::Text(text) => Some(text.clone()),
            Content::Bytes(_) => None,
        };
        Ok(ReadSecret { text, key: secret.key.clone() })
    }

    /// Takes away those whose time has come.
    fn sweep(&self, all: &mut BTreeMap<String, Secret>, now: Timestamp) {
        all.retain(|arn, secret| {
            let gone = secret.is_gone(now);
            if gone {
                self.forget(arn);
            }
            !gone
        });
    }

    fn keep(&self, secret: &Secret) {
        if let Some(keeper) = &self.keeper {
            keeper.keep(&document(&secret.arn), secret);
        }
    }

    fn forget(&self, arn: &str) {
        if let Some(keeper) = &self.keeper {
            keeper.forget(&document(arn));
        }
    }
}

impl Secret {
    fn is_named(&self, account: &AccountId, region: &Region, name: &str) -> bool {
        self.account == *account && self.region == *region && self.name == name
    }

    fn is_called(&self, account: &AccountId, region: &Region, id: &str) -> bool {
        let by_arn = || self.arn == id || without_suffix(&self.arn) == id;
        let here = self.account == *account && self.region == *region;
        here && if id.starts_with("arn:") { by_arn() } else { self.name == id }
    }

    /// One that is marked for deletion gives nothing away.
    pub(super) fn is_readable(&self) -> Result<(), ApiError> {
        match self.deletion {
            None => Ok(()),
            Some(_) => {
                Err(refused("You can't perform this operation on the secret because it was marked for deletion."))
            }
        }
    }
}

/// A name or an ARN without the luck at its end, if it has any.
fn without_suffix(text: &str) -> &str {
    match text.rsplit_once('-') {
        Some((head, tail)) if tail.len() == SUFFIX && tail.bytes().all(|b| b.is_ascii_alphanumeric()) => head,
        _ => text,
    }
}

/// The id of a version that a client has given none: a UUID.
pub(super) fn version_id() -> String {
    let hex: String = std::iter::repeat_with(|| fastrand::digit(16)).take(32).collect();
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}
