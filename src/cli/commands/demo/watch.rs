//! Asks a URL over and over while something else goes on: the only way to say that it never stopped answering.

use std::{
    convert::Infallible,
    future::Future,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// From one question to the next.
const INTERVAL: Duration = Duration::from_millis(50);

/// What the questions came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Watched {
    /// Answered with 200.
    pub(super) answered: usize,
    /// Anything else.
    pub(super) missed: usize,
}

/// Does `work` and asks `url` the whole time.
pub(super) async fn while_asking<T>(http: &reqwest::Client, url: &str, work: impl Future<Output = T>) -> (T, Watched) {
    let (answered, missed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let asking = async || -> Infallible {
        loop {
            let good = http.get(url).send().await.is_ok_and(|answer| answer.status() == 200);
            let count = if good { &answered } else { &missed };
            count.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(INTERVAL).await;
        }
    };
    let result = tokio::select! {
        result = work => result,
        never = asking() => match never {},
    };
    let watched = Watched { answered: answered.load(Ordering::Relaxed), missed: missed.load(Ordering::Relaxed) };
    (result, watched)
}
