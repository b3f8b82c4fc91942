//! Access tokens: read from a token service's answer, and when they have to be renewed. Pure.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use reqwest::header::HeaderValue;
use serde_json::Value;
use tokio::time::Instant;

use shipgate_core::{json, secret::Secret};

/// How long a token is good when its service does not say so (distribution's token specification, `expires_in`).
const DEFAULT_LIFETIME: Duration = Duration::from_mins(1);

/// A token is renewed after a day at the latest, whatever its service says.
const LONGEST_LIFETIME: Duration = Duration::from_hours(24);

/// What a token is for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Access {
    pub(super) repository: String,
    pub(super) writes: bool,
}

impl Access {
    /// In the words of the token specification.
    pub(super) fn scope(&self) -> String {
        let actions = if self.writes { "pull,push" } else { "pull" };
        format!("repository:{}:{actions}", self.repository)
    }

    /// The scopes to request after a challenge: ours, with the actions that the challenge has more for this repository.
    /// A challenge may name fewer actions than are needed, or another repository.
    pub(super) fn scopes(&self, challenge: Option<&str>) -> Vec<String> {
        let mut scope = self.scope();
        let prefix = format!("repository:{}:", self.repository);
        for actions in challenge.unwrap_or_default().split_whitespace().filter_map(|scope| scope.strip_prefix(&prefix))
        {
            let own = scope.rsplit(':').next().unwrap_or_default().to_owned();
            let more =
                actions.split(',').filter(|action| !action.is_empty() && !own.split(',').any(|own| own == *action));
            more.for_each(|action| {
                scope.push(',');
                scope.push_str(action);
            });
        }
        vec![scope]
    }

    /// The same, and all that the challenge names besides: for registries that know the repository by another name.
    pub(super) fn scopes_and_those_of(&self, challenge: Option<&str>) -> Vec<String> {
        let mut scopes = self.scopes(challenge);
        let prefix = format!("repository:{}:", self.repository);
        for scope in challenge.unwrap_or_default().split_whitespace().filter(|scope| !scope.starts_with(&prefix)) {
            if scopes.iter().all(|known| known != scope) {
                scopes.push(scope.to_owned());
            }
        }
        scopes
    }
}

/// A token that is held.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) header: HeaderValue,
    /// What it was requested for.
    pub(super) scopes: Vec<String>,
    /// When it was requested: its life began then at the earliest.
    issued: Instant,
    lifetime: Duration,
}

impl Token {
    /// A token, from a service's answer to a request made at this moment.
    ///
    /// # Errors
    /// What is wrong with the answer, as the end of a sentence about the registry.
    pub(super) fn read(body: &[u8], scopes: Vec<String>, issued: Instant) -> Result<Self, &'static str> {
        let answer = json::parse(body).map_err(|_| "its token service answers no JSON")?;
        let filled = |name: &str| answer.get(name)?.as_str().map(str::trim).filter(|token| !token.is_empty());
        let token = filled("token").or_else(|| filled("access_token")).ok_or("its token service gave no token")?;
        let token = Secret::new(token);
        let header = HeaderValue::try_from(format!("Bearer {}", token.reveal()));
        let mut header = header.map_err(|_| "its token holds characters that no header may")?;
        header.set_sensitive(true);
        Ok(Self { header, scopes, issued, lifetime: lifetime(answer.get("expires_in")) })
    }

    /// Whether it can be shown without the risk that it ends before the registry has looked at it. Before a body, which
    /// may take long and cannot simply be sent again, half of its life must be left.
    fn is_good_at(&self, now: Instant, before_body: bool) -> bool {
        let share = if before_body { 5 } else { 8 };
        now.saturating_duration_since(self.issued) < self.lifetime * share / 10
    }
}

/// `expires_in`, in seconds, however it is written. What is not a positive number is as good as nothing.
fn lifetime(expires_in: Option<&Value>) -> Duration {
    let seconds = match expires_in {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    let Some(seconds) = seconds.filter(|seconds: &f64| *seconds > 0.0) else { return DEFAULT_LIFETIME };
    Duration::try_from_secs_f64(seconds).map_or(LONGEST_LIFETIME, |lifetime| lifetime.min(LONGEST_LIFETIME))
}

/// The tokens of one registry.
#[derive(Default)]
pub(super) struct Tokens {
    held: Mutex<HashMap<Access, Token>>,
    /// Held while a token is fetched, so that sixteen uploads that begin together fetch one.
    pub(super) fetching: tokio::sync::Mutex<()>,
    /// A token was refused before a body: it may have been good for the request before it alone. From then on each body
    /// has a token of its own.
    own_before_body: AtomicBool,
}

impl Tokens {
    fn held(&self) -> MutexGuard<'_, HashMap<Access, Token>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token that is good for this access now.
    pub(super) fn good(&self, access: &Access, before_body: bool) -> Option<Token> {
        self.held().get(access).filter(|token| token.is_good_at(Instant::now(), before_body)).cloned()
    }

    /// The scopes of the last token for this access.
    pub(super) fn scopes(&self, access: &Access) -> Option<Vec<String>> {
        self.held().get(access).map(|token| token.scopes.clone())
    }

    pub(super) fn keep(&self, access: &Access, token: Token) {
        self.held().insert(access.clone(), token);
    }

    /// This token is to be renewed before the next request.
    pub(super) fn expire(&self, access: &Access, header: &HeaderValue) {
        if let Some(token) = self.held().get_mut(access).filter(|token| token.header == *header) {
            token.lifetime = Duration::ZERO;
        }
    }

    pub(super) fn give_bodies_their_own(&self) {
        self.own_before_body.store(true, Relaxed);
    }

    pub(super) fn has_own_before_body(&self) -> bool {
        self.own_before_body.load(Relaxed)
    }

    pub(super) fn forget(&self) {
        self.held().clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;
    use tokio::time::Instant;

    use super::{Access, DEFAULT_LIFETIME, LONGEST_LIFETIME, Token, Tokens, lifetime};

    fn access(writes: bool) -> Access {
        Access { repository: "shop/api".to_owned(), writes }
    }

    fn read(body: &str) -> Result<Token, &'static str> {
        Token::read(body.as_bytes(), Vec::new(), Instant::now())
    }

    #[test]
    fn lifetimes_however_they_are_written() {
        let seconds = Duration::from_secs;
        let table = [
            ("300", seconds(300)),
            ("\"300\"", seconds(300)),
            ("300.5", Duration::from_millis(300_500)),
            ("1", seconds(1)),
            ("1e-9", Duration::from_nanos(1)),
            ("0", DEFAULT_LIFETIME),
            ("-1", DEFAULT_LIFETIME),
            ("-1e308", DEFAULT_LIFETIME),
            ("null", DEFAULT_LIFETIME),
            ("true", DEFAULT_LIFETIME),
            ("\"soon\"", DEFAULT_LIFETIME),
            ("\"NaN\"", DEFAULT_LIFETIME),
            ("\"inf\"", LONGEST_LIFETIME),
            ("[300]", DEFAULT_LIFETIME),
            ("18446744073709551615", LONGEST_LIFETIME),
            ("99999999999999999999999999", LONGEST_LIFETIME),
            ("1e308", LONGEST_LIFETIME),
        ];
        for (written, expected) in table {
            let value: Value = serde_json::from_str(written).unwrap();
            assert_eq!(lifetime(Some(&value)), expected, "{written}");
        }
        assert_eq!(lifetime(None), DEFAULT_LIFETIME);
    }

    #[test]
    fn tokens_under_either_name() {
        for body in [
            r#"{"token":"t"}"#,
            r#"{"access_token":"t"}"#,
            r#"{"token":"","access_token":"t"}"#,
            r#"{"token":null,"access_token":"t","expires_in":18446744073709551615}"#,
            r#"{"token":"t","access_token":"","issued_at":"never","scope":""}"#,
            r#"{"token":7,"access_token":"t","issued_at":1}"#,
            "\u{FEFF}{\"token\":\"t\"}",
            r#"{"token":"old","token":"t","expires_in":1e400}"#,
            r#"{"token":"t","expires_in":null,"account":"\ud83d"}"#,
        ] {
            assert_eq!(read(body).unwrap().header, "Bearer t", "{body}");
        }
        for body in
            ["", "{}", "[]", "<html>", r#"{"token":""}"#, r#"{"token":"a\nb"}"#, r#"{"token":" "}"#, r#"{"Token":"t"}"#]
        {
            assert!(read(body).is_err(), "{body}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_are_renewed_before_they_end_and_sooner_before_a_body() {
        let tokens = Tokens::default();
        tokens.keep(&access(true), read(r#"{"token":"t","expires_in":100}"#).unwrap());
        let good = |before_body| tokens.good(&access(true), before_body).is_some();
        assert!(good(false) && good(true) && tokens.good(&access(false), false).is_none());
        tokio::time::advance(Duration::from_mins(1)).await;
        assert!(good(false) && !good(true));
        tokio::time::advance(Duration::from_secs(21)).await;
        assert!(!good(false) && tokens.scopes(&access(true)).is_some());
        tokens.keep(&access(true), read(r#"{"token":"new","expires_in":1e300}"#).unwrap());
        tokens.expire(&access(true), &read(r#"{"token":"t"}"#).unwrap().header);
        assert!(good(true), "another token was refused");
        tokens.expire(&access(true), &read(r#"{"token":"new"}"#).unwrap().header);
        assert!(!good(false));
    }

    #[test]
    fn scopes_are_ours_and_what_the_challenge_adds() {
        let table = [
            (false, None, "repository:shop/api:pull", ""),
            (true, Some("repository:shop/api:pull"), "repository:shop/api:pull,push", ""),
            (false, Some("repository:shop/api:pull,push,delete"), "repository:shop/api:pull,push,delete", ""),
            (false, Some("repository:user/image:pull"), "repository:shop/api:pull", "repository:user/image:pull"),
            (
                true,
                Some("repository:a:pull  repository:shop/api:*"),
                "repository:shop/api:pull,push,*",
                "repository:a:pull",
            ),
            (false, Some("registry:catalog:*"), "repository:shop/api:pull", "registry:catalog:*"),
            (false, Some("nonsense"), "repository:shop/api:pull", "nonsense"),
        ];
        for (writes, challenge, own, more) in table {
            let access = access(writes);
            assert_eq!(access.scopes(challenge), [own], "{challenge:?}");
            let all: Vec<&str> = [own, more].into_iter().filter(|scope| !scope.is_empty()).collect();
            assert_eq!(access.scopes_and_those_of(challenge), all, "{challenge:?}");
        }
    }
}
