//! The smoke test: the service's own URL is asked, as its users ask it, once App Runner has said that the deployment
//! succeeded. It can only add to the verdict; it deploys nothing.

use std::time::Duration;

use reqwest::{Client, redirect};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use shipgate_core::{
    event::{Emitter, Event, milliseconds},
    smoke::{Answer, Next, SmokeTest, next},
};

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How a smoke test ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SmokeEnd {
    /// Enough answers in a row passed.
    Passed {
        /// After how long.
        after: Duration,
    },
    /// They did not, in time.
    Failed {
        /// What the last request came to.
        last: Answer,
    },
    /// The run was cancelled: nothing is known.
    Cancelled,
}

/// Asks `address` (with a scheme, without a path) until the test's rule decides. Redirects are answers like any other.
///
/// # Errors
/// What keeps this machine from asking anybody, in words.
pub async fn smoke_test(
    address: &str,
    test: &SmokeTest,
    events: &Emitter,
    cancel: &CancellationToken,
) -> Result<SmokeEnd, String> {
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(REQUEST_TIMEOUT)
        .user_agent(concat!("shipgate/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| innermost(&error))?;
    let url = format!("{}{}", address.trim_end_matches('/'), test.path);
    let (begun, mut in_a_row) = (Instant::now(), 0);
    loop {
        let answer = tokio::select! {
            () = cancel.cancelled() => return Ok(SmokeEnd::Cancelled),
            answer = ask(&client, &url) => answer,
        };
        let passed = answer == Answer::Status(test.status);
        in_a_row = if passed { in_a_row + 1 } else { 0 };
        let elapsed = begun.elapsed();
        events.emit(Event::SmokeTested {
            url: url.clone(),
            passed,
            detail: answer.to_string(),
            at_ms: milliseconds(elapsed),
        });
        match next(test, in_a_row, elapsed) {
            Next::Passed => return Ok(SmokeEnd::Passed { after: elapsed }),
            Next::Failed => return Ok(SmokeEnd::Failed { last: answer }),
            Next::AskIn(pause) => tokio::select! {
                () = cancel.cancelled() => return Ok(SmokeEnd::Cancelled),
                () = tokio::time::sleep(pause) => {}
            },
        }
    }
}

async fn ask(client: &Client, url: &str) -> Answer {
    match client.get(url).send().await {
        Ok(answer) => Answer::Status(answer.status().as_u16()),
        Err(error) if error.is_timeout() => Answer::None(format!("none within {} s", REQUEST_TIMEOUT.as_secs())),
        Err(error) => Answer::None(innermost(&error)),
    }
}

/// The innermost cause: what is around it repeats the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use axum::{Router, http::StatusCode, routing::get};
    use tokio_util::sync::CancellationToken;

    use super::{Answer, SmokeEnd, smoke_test};
    use shipgate_core::{
        event::{Emitter, Event},
        smoke::{OnFailure, SmokeTest},
    };

    fn test(times: u32, within: Duration) -> SmokeTest {
        SmokeTest { path: "/health".to_owned(), status: 200, times, within, on_failure: OnFailure::Report }
    }

    /// A server that gives these statuses in turn, the last one for ever; its address.
    async fn server(statuses: &'static [u16]) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(0));
        let answer = move || {
            let mut asked = asked.lock().unwrap();
            let status = statuses[(*asked).min(statuses.len() - 1)];
            *asked += 1;
            std::future::ready((StatusCode::from_u16(status).unwrap(), [("location", "/health")]))
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/health", get(answer))).await });
        address
    }

    async fn tested(statuses: &'static [u16], test: &SmokeTest) -> (SmokeEnd, Vec<bool>) {
        let address = server(statuses).await;
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        let events = Emitter::new(move |event| {
            if let Event::SmokeTested { passed, .. } = event {
                heard.lock().unwrap().push(passed);
            }
        });
        let end = smoke_test(&address, test, &events, &CancellationToken::new()).await.unwrap();
        let told = told.lock().unwrap().clone();
        (end, told)
    }

    #[tokio::test]
    async fn passes_in_a_row_are_needed() {
        let (end, told) = tested(&[503, 200, 200], &test(2, Duration::from_mins(5))).await;
        assert!(matches!(end, SmokeEnd::Passed { .. }), "{end:?}");
        assert_eq!(told, [false, true, true]);
    }

    #[tokio::test]
    async fn another_status_than_the_expected_fails_also_a_redirect() {
        for status in [&[500_u16][..], &[404], &[301], &[204]] {
            let (end, told) = tested(status, &test(1, Duration::ZERO)).await;
            assert_eq!(end, SmokeEnd::Failed { last: Answer::Status(status[0]) });
            assert_eq!(told, [false]);
        }
    }

    #[tokio::test]
    async fn nobody_there_is_no_answer_and_a_cancellation_no_failure() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (events, cancel) = (Emitter::new(|_| ()), CancellationToken::new());
        let address = format!("http://{closed}");
        let end = smoke_test(&address, &test(1, Duration::ZERO), &events, &cancel).await.unwrap();
        assert!(
            matches!(&end, SmokeEnd::Failed { last: Answer::None(reason) } if reason.contains("refused")),
            "{end:?}"
        );
        cancel.cancel();
        let end = smoke_test(&address, &test(1, Duration::from_mins(5)), &events, &cancel).await.unwrap();
        assert_eq!(end, SmokeEnd::Cancelled);
    }
}
