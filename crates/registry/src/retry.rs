//! When an attempt is made again, and after how long. The decision is pure; the loop only waits.

use std::time::Duration;

use super::{
    client::Registry,
    error::{Action, RegistryError},
};
use shipgate_core::event::{Emitter, Event, milliseconds};

/// How patient a client is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Attempts in all, the first included.
    pub(super) attempts: u32,
    /// The same where a registry limits the rate: many runs at once need their turn (ECR takes 10 manifests a second in a repository).
    pub(super) throttled_attempts: u32,
    /// What the random delay is below after the first failure; doubled with each.
    pub(super) first_delay: Duration,
    /// What a random delay never exceeds.
    pub(super) longest_delay: Duration,
    /// The longest wait that a registry may ask for; asked for more, the attempt is given up.
    pub(super) longest_asked: Duration,
    /// How long a connection may move nothing.
    pub(super) stall: Duration,
    /// How long the body of a manifest, a list or a token may take in all.
    pub(super) document: Duration,
    /// How long a registry may take over the end of an upload: it verifies and stores the blob before it answers.
    pub(super) commit: Duration,
    /// The smallest part of an upload in parts; blobs of no more than two are uploaded whole.
    pub(super) part_bytes: u64,
}

/// Five seconds at the rate that ECR takes an upload: so much may a broken connection cost. Each part costs a round trip, in
/// which nothing is sent. (ECR wants at least 5 MiB.)
const PART_BYTES: u64 = 128 * 1024 * 1024;

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: 5,
            throttled_attempts: 9,
            first_delay: Duration::from_millis(400),
            longest_delay: Duration::from_secs(10),
            longest_asked: Duration::from_mins(2),
            stall: Duration::from_secs(30),
            document: Duration::from_mins(2),
            commit: Duration::from_mins(5),
            part_bytes: PART_BYTES,
        }
    }
}

/// Decides what follows a failed attempt: how long to wait before the next, or `None` to give up. `failed` counts the
/// attempts made, of `attempts` in all; `luck` is uniform in 0..1 ("full jitter": clients that failed together do not come back together).
pub(super) fn delay_before_next(
    patience: &Patience,
    (failed, attempts): (u32, u32),
    asked: Option<Duration>,
    luck: f64,
) -> Option<Duration> {
    if failed >= attempts || asked.is_some_and(|asked| asked > patience.longest_asked) {
        return None;
    }
    let ceiling =
        patience.first_delay.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(patience.longest_delay);
    let jitter = ceiling.mul_f64(luck);
    // What was asked for is a minimum; the jitter comes on top, for the same reason as ever.
    Some(asked.map_or(jitter, |asked| asked.saturating_add(jitter)))
}

/// Reads a `Retry-After` header: seconds, or a date (RFC 9110, section 10.2.3).
pub(super) fn parse_retry_after(value: &str, now: jiff::Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a very long time all the same.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// Waits before the next attempt and says so, or hands the failure back when patience has ended. Whether the failure is
/// of a kind that another attempt may mend is for the caller to know.
pub(super) async fn pause(
    registry: &Registry,
    what: &Action,
    failed: u32,
    failure: RegistryError,
) -> Result<(), RegistryError> {
    let patience = registry.patience();
    let attempts = if failure.is_throttled() { patience.throttled_attempts } else { patience.attempts };
    let Some(delay) = delay_before_next(patience, (failed, attempts), failure.retry_after(), fastrand::f64()) else {
        return Err(failure.with_refused_wait(registry.patience().longest_asked));
    };
    announce(registry.events(), what, &failure, failed + 1, delay);
    tokio::time::sleep(delay).await;
    Ok(())
}

fn announce(events: &Emitter, what: &Action, failure: &RegistryError, attempt: u32, delay: Duration) {
    let cause = match std::error::Error::source(failure) {
        Some(source) => format!("{failure}: {}", innermost(source)),
        None => failure.to_string(),
    };
    events.emit(Event::Retrying { what: what.to_string(), cause, attempt, delay_ms: milliseconds(delay) });
}

/// The innermost cause of a connection's failure is the one that says something: `connection refused`.
fn innermost(mut error: &(dyn std::error::Error + 'static)) -> String {
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// Makes attempts until one succeeds, fails for good, or patience ends. A 404-like answer that says content is not yet
/// visible counts as transient only for those who write manifests: nobody else lets such an answer get here.
pub(super) async fn persist<T, F>(
    registry: &Registry,
    what: &Action,
    attempt: impl Fn() -> F,
) -> Result<T, RegistryError>
where
    F: Future<Output = Result<T, RegistryError>>,
{
    let mut failed = 0;
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(failure) => {
                if !failure.is_transient() && !failure.is_content_not_yet_visible() {
                    return Err(failure);
                }
                failed += 1;
                pause(registry, what, failed, failure).await?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Patience, delay_before_next, parse_retry_after, pause};
    use crate::{Answer, Authorization, Registry, RegistryError};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn delays_grow_are_capped_and_end() {
        let patience = Patience {
            attempts: 4,
            first_delay: SECOND,
            longest_delay: 3 * SECOND,
            longest_asked: 60 * SECOND,
            ..Patience::default()
        };
        let table = [
            (1, None, 1.0, Some(SECOND)),
            (1, None, 0.0, Some(Duration::ZERO)),
            (2, None, 0.5, Some(SECOND)),
            (3, None, 1.0, Some(3 * SECOND)),
            (4, None, 0.0, None),
            (1, Some(20 * SECOND), 0.0, Some(20 * SECOND)),
            (1, Some(20 * SECOND), 1.0, Some(21 * SECOND)),
            (1, Some(61 * SECOND), 0.0, None),
            (4, Some(SECOND), 0.0, None),
            (1, Some(Duration::MAX), 1.0, None),
            (u32::MAX, None, 1.0, None),
        ];
        for (failed, asked, luck, expected) in table {
            let delay = delay_before_next(&patience, (failed, patience.attempts), asked, luck);
            assert_eq!(delay, expected, "{failed} {asked:?} {luck}");
        }
    }

    #[test]
    fn retry_after_in_both_forms() {
        let now = "2015-10-21T07:27:30Z".parse().unwrap();
        let table = [
            ("0", Some(Duration::ZERO)),
            (" 120 ", Some(120 * SECOND)),
            ("18446744073709551615", Some(Duration::from_secs(u64::MAX))),
            ("99999999999999999999999", Some(Duration::from_secs(u64::MAX))),
            ("", None),
            ("+5", None),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(30 * SECOND)),
            ("Wed, 21 Oct 2015 07:27:00 GMT", Some(Duration::ZERO)),
            ("soon", None),
            ("-1", None),
        ];
        for (value, expected) in table {
            assert_eq!(parse_retry_after(value, now), expected, "{value}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_registry_asks_for_is_waited_out() {
        let registry = Registry::new("r", "http://127.0.0.1:1", Authorization::Anonymous).unwrap();
        let action = registry.action("read manifest", "v1", "shop/api");
        let refused = |seconds| RegistryError::Refused {
            action: Box::new(action.clone()),
            answer: Box::new(Answer {
                status: 429,
                code: None,
                message: String::new(),
                redirected_to: None,
                token_service: None,
                retry_after: Some(seconds * SECOND),
                received_bytes: None,
            }),
        };
        let began = tokio::time::Instant::now();
        pause(&registry, &action, 1, refused(90)).await.unwrap();
        assert!((90..=91).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        pause(&registry, &action, 8, refused(1)).await.unwrap();
        assert!(
            pause(&registry, &action, 9, refused(1)).await.is_err(),
            "nine attempts in all where the rate is limited"
        );
        let began = tokio::time::Instant::now();
        let given_up = pause(&registry, &action, 1, refused(1000)).await.unwrap_err().to_string();
        assert!(given_up.ends_with("429: it asks to wait 1000 s, and shipgate waits 120 s at most"), "{given_up}");
        assert_eq!(began.elapsed(), Duration::ZERO);
        let twice = refused(1000).with_refused_wait(120 * SECOND).with_refused_wait(120 * SECOND).to_string();
        assert_eq!(twice, given_up);
    }
}
