//! Renews a registry's credentials when they expire in mid-copy: once for all the requests that fail together, and not
//! again and again for one that is refused whoever asks.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::{
    authorization::{Authorization, Presented},
    client::Registry,
    error::{Answer, RegistryError},
};
use shipgate_core::secret::Secret;

/// Gets credentials anew, or says why it cannot.
pub type Renewal = Arc<dyn Fn() -> BoxFuture<'static, Result<Authorization, String>> + Send + Sync>;

/// Credentials that are refused so soon after they were renewed are not refused for their age.
const PAUSE: Duration = Duration::from_secs(30);

/// How long a renewal may take: it may walk a chain of roles.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The credentials of one registry, and when they were last renewed.
pub(super) struct CredentialStore {
    held: Mutex<Held>,
    /// Held while they are renewed, so that sixteen requests that are refused together renew them once.
    renewing: tokio::sync::Mutex<Option<(Instant, Outcome)>>,
}

struct Held {
    presented: Presented,
    /// How often they have been renewed: tells who was refused with those of before.
    age: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Outcome {
    /// They are others than those that were refused.
    Renewed,
    /// They are not, or they are and were refused just so.
    InVain,
    /// For this reason.
    Failed(String),
}

impl CredentialStore {
    pub(super) fn new(presented: Presented) -> Self {
        Self { held: Mutex::new(Held { presented, age: 0 }), renewing: tokio::sync::Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn presented(&self) -> Presented {
        self.held().presented.clone()
    }

    /// The user's name and password, if that is what they are.
    pub(super) fn login(&self) -> Option<(String, Secret)> {
        let Presented::Header(header) = self.presented() else { return None };
        let decoded = STANDARD.decode(header.to_str().ok()?.strip_prefix("Basic ")?.trim()).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        text.split_once(':').map(|(username, password)| (username.to_owned(), Secret::new(password)))
    }

    pub(super) fn age(&self) -> u64 {
        self.held().age
    }

    /// Takes new ones into use; says whether they are new.
    fn replace(&self, presented: Presented) -> bool {
        let mut held = self.held();
        if held.presented == presented {
            return false;
        }
        *held = Held { presented, age: held.age + 1 };
        true
    }
}

impl Registry {
    /// After a refusal that new credentials may mend: gets them, unless somebody else just has. `refused_age` is that of
    /// the credentials when the request was sent.
    ///
    /// # Errors
    /// The refusal, when there is no point in sending the request again; another one when it cannot be sent again, so that
    /// whoever has its body makes it anew.
    pub(super) async fn renew_after(
        &self,
        refusal: RegistryError,
        is_head: bool,
        can_be_sent_again: bool,
        refused_age: u64,
    ) -> Result<(), RegistryError> {
        let (renewal, action, answer) = match (self.renewal(), refusal) {
            (Some(renewal), RegistryError::Denied { action, answer }) if may_be_expiry(&answer, is_head) => {
                (renewal, action, answer)
            }
            (_, refusal) => return Err(refusal),
        };
        match self.renew(renewal, refused_age).await {
            Outcome::Renewed if can_be_sent_again => Ok(()),
            Outcome::Renewed => Err(RegistryError::CredentialsExpired { action, answer }),
            Outcome::InVain => Err(RegistryError::Denied { action, answer }),
            Outcome::Failed(reason) => Err(RegistryError::NotRenewed { action, answer, reason }),
        }
    }

    async fn renew(&self, renewal: &Renewal, refused_age: u64) -> Outcome {
        let store = self.credential_store();
        let mut last = store.renewing.lock().await;
        if store.age() != refused_age {
            return Outcome::Renewed;
        }
        match &*last {
            Some((at, Outcome::Failed(reason))) if at.elapsed() < PAUSE => return Outcome::Failed(reason.clone()),
            Some((at, Outcome::Renewed | Outcome::InVain)) if at.elapsed() < PAUSE => return Outcome::InVain,
            Some(_) | None => {}
        }
        let outcome = self.replace_credentials(renewal).await;
        *last = Some((Instant::now(), outcome.clone()));
        outcome
    }

    async fn replace_credentials(&self, renewal: &Renewal) -> Outcome {
        let renewed = match tokio::time::timeout(TIMEOUT, renewal()).await {
            Ok(Ok(authorization)) => authorization.present(),
            Ok(Err(reason)) => return Outcome::Failed(reason),
            Err(_) => return Outcome::Failed(format!("nothing came of it for {} s", TIMEOUT.as_secs())),
        };
        let Ok(presented) = renewed else {
            return Outcome::Failed("the new ones hold characters that no header may".to_owned());
        };
        // Tokens that the old credentials were exchanged for may have ended with them.
        self.tokens().forget();
        if self.credential_store().replace(presented) { Outcome::Renewed } else { Outcome::InVain }
    }
}

/// Whether the registry itself may have refused because the credentials have expired. ECR says so with 403, and to a HEAD
/// without a word.
fn may_be_expiry(answer: &Answer, is_head: bool) -> bool {
    let message = answer.message.to_ascii_lowercase();
    let says_expired = message.contains("token") && message.contains("expired");
    answer.redirected_to.is_none() && (answer.status == 401 || answer.status == 403 && (is_head || says_expired))
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    };

    use super::{Answer, Authorization, Outcome, PAUSE, Registry, Renewal, may_be_expiry};
    use shipgate_core::secret::Secret;

    #[test]
    fn refusals_that_may_come_of_age() {
        let expired = "Your authorization token has expired. Reauthenticate and try again.";
        let table = [
            (401, "", None, false, true),
            (403, expired, None, false, true),
            (403, "User is not authorized to perform ecr:PutImage", None, false, false),
            (403, "", None, false, false),
            (403, "", None, true, true),
            (401, "", None, true, true),
            (404, "", None, true, false),
            (400, expired, None, false, false),
            (403, "Request has expired: token", Some("s3.example.com".to_owned()), false, false),
            (403, "", Some("s3.example.com".to_owned()), true, false),
        ];
        for (status, message, redirected_to, is_head, expected) in table {
            let (code, retry_after, received_bytes) = (None, None, None);
            let message = message.to_owned();
            let token_service = None;
            let answer = Answer { status, code, message, redirected_to, token_service, retry_after, received_bytes };
            assert_eq!(may_be_expiry(&answer, is_head), expected, "{answer}");
        }
    }

    /// Gives `1`, `2`, … after the stumbling block at the beginning.
    fn counting(failures: u64) -> (Renewal, Arc<AtomicU64>) {
        let asked = Arc::new(AtomicU64::new(0));
        let count = asked.clone();
        let renewal: Renewal = Arc::new(move || {
            let number = count.fetch_add(1, Relaxed) + 1;
            Box::pin(async move {
                if number <= failures { Err("no role".to_owned()) } else { Ok(basic(&number.to_string())) }
            })
        });
        (renewal, asked)
    }

    fn basic(text: &str) -> Authorization {
        Authorization::Basic(Secret::new(text))
    }

    #[tokio::test(start_paused = true)]
    async fn they_are_renewed_once_for_all_and_not_again_soon() {
        let registry = Registry::new("r", "http://127.0.0.1:1", basic("0")).unwrap();
        let (renewal, asked) = counting(0);
        assert_eq!(registry.renew(&renewal, 0).await, Outcome::Renewed);
        assert_eq!(registry.renew(&renewal, 0).await, Outcome::Renewed, "somebody who was late");
        assert_eq!(registry.renew(&renewal, 1).await, Outcome::InVain, "the new ones do not help");
        assert_eq!(asked.load(Relaxed), 1);
        tokio::time::advance(PAUSE).await;
        assert_eq!(registry.renew(&renewal, 1).await, Outcome::Renewed);
        assert_eq!((asked.load(Relaxed), registry.credential_store().age()), (2, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_fails_is_not_made_again_soon_either() {
        let registry = Registry::new("r", "http://127.0.0.1:1", basic("0")).unwrap();
        let (renewal, asked) = counting(1);
        for _ in 0..3 {
            assert_eq!(registry.renew(&renewal, 0).await, Outcome::Failed("no role".to_owned()));
        }
        assert_eq!((asked.load(Relaxed), registry.credential_store().age()), (1, 0));
        tokio::time::advance(PAUSE).await;
        assert_eq!(registry.renew(&renewal, 0).await, Outcome::Renewed);
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_credentials_are_no_new_ones_and_silence_is_a_failure() {
        let registry = Registry::new("r", "http://127.0.0.1:1", basic("1")).unwrap();
        assert_eq!(registry.renew(&counting(0).0, 0).await, Outcome::InVain);
        let registry = Registry::new("r", "http://127.0.0.1:1", basic("1")).unwrap();
        let silent: Renewal = Arc::new(|| Box::pin(std::future::pending()));
        let Outcome::Failed(reason) = registry.renew(&silent, 0).await else { panic!() };
        assert!(reason.contains("60 s"), "{reason}");
        let broken: Renewal = Arc::new(|| Box::pin(async { Ok(basic("a\nb")) }));
        tokio::time::advance(PAUSE).await;
        let Outcome::Failed(reason) = registry.renew(&broken, 0).await else { panic!() };
        assert!(reason.contains("no header"), "{reason}");
    }
}
