//! The health check of the sandbox's App Runner, made from the documented facts alone (TCP or HTTP; interval,
//! timeout, healthy and unhealthy threshold; over HTTP only status 200 is healthy; no grace period).

use std::{net::SocketAddr, time::Duration};

use tokio::net::TcpStream;

use super::config::HealthRule;

/// How many probes in a row went one way.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Streak {
    healthy: u32,
    unhealthy: u32,
}

/// What the probes so far say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Finding {
    Healthy,
    Unhealthy,
    /// Neither threshold is reached; the counts go on from here.
    Undecided(Streak),
}

/// Counts one more probe.
pub(super) fn judge(rule: &HealthRule, so_far: Streak, passed: bool) -> Finding {
    let streak = if passed {
        Streak { healthy: so_far.healthy + 1, unhealthy: 0 }
    } else {
        Streak { healthy: 0, unhealthy: so_far.unhealthy + 1 }
    };
    if streak.healthy >= rule.healthy_threshold {
        Finding::Healthy
    } else if streak.unhealthy >= rule.unhealthy_threshold {
        Finding::Unhealthy
    } else {
        Finding::Undecided(streak)
    }
}

/// Probes an instance once.
pub(super) async fn probe(client: &reqwest::Client, rule: &HealthRule, address: SocketAddr) -> bool {
    let timeout = Duration::from_secs(u64::from(rule.timeout_seconds));
    let attempt = async {
        match &rule.http_path {
            None => TcpStream::connect(address).await.is_ok(),
            Some(path) => {
                let slash = if path.starts_with('/') { "" } else { "/" };
                let answer = client.get(format!("http://{address}{slash}{path}")).send().await;
                answer.is_ok_and(|answer| answer.status() == reqwest::StatusCode::OK)
            }
        }
    };
    tokio::time::timeout(timeout, attempt).await.unwrap_or(false)
}

/// However fast time is made to go, programs do not start faster: probes are not closer together than this.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(200);

/// The time between probes.
fn interval(rule: &HealthRule, time_scale: f64) -> Duration {
    let configured = Duration::from_secs(u64::from(rule.interval_seconds));
    configured.div_f64(time_scale.max(1e-3)).max(SHORTEST_INTERVAL.min(configured))
}

/// An instance that neither threshold decides on is given up: App Runner's deployments end (a failing health phase takes
/// up to 19 minutes), and one that flaps has not been healthy by then.
const MOST_PROBES: usize = 60;

/// Probes an instance until the rule's thresholds decide. `time_scale` divides the interval between probes.
pub(super) async fn wait_for_finding(
    client: &reqwest::Client,
    rule: &HealthRule,
    address: SocketAddr,
    time_scale: f64,
) -> bool {
    let interval = interval(rule, time_scale);
    let mut streak = Streak::default();
    for _ in 0..MOST_PROBES {
        match judge(rule, streak, probe(client, rule, address).await) {
            Finding::Healthy => return true,
            Finding::Unhealthy => return false,
            Finding::Undecided(next) => streak = next,
        }
        tokio::time::sleep(interval).await;
    }
    false
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Finding, Streak, interval, judge};
    use crate::apprunner::config::HealthRule;

    /// Plays probes (`+` passed, `-` not) and gives how many it took to decide, and what.
    fn play(healthy: u32, unhealthy: u32, probes: &str) -> (usize, Option<bool>) {
        let rule = HealthRule { healthy_threshold: healthy, unhealthy_threshold: unhealthy, ..HealthRule::default() };
        let mut streak = Streak::default();
        for (index, probe) in probes.chars().enumerate() {
            match judge(&rule, streak, probe == '+') {
                Finding::Healthy => return (index + 1, Some(true)),
                Finding::Unhealthy => return (index + 1, Some(false)),
                Finding::Undecided(next) => streak = next,
            }
        }
        (probes.len(), None)
    }

    #[test]
    fn intervals_are_scaled_within_reason() {
        let rule = HealthRule { interval_seconds: 5, ..HealthRule::default() };
        for (time_scale, millis) in [(1.0, 5000), (10.0, 500), (1000.0, 200), (0.5, 10_000), (0.0, 5_000_000)] {
            assert_eq!(interval(&rule, time_scale), Duration::from_millis(millis), "{time_scale}");
        }
    }

    #[test]
    fn thresholds_count_probes_in_a_row() {
        assert_eq!(play(1, 5, "+"), (1, Some(true)));
        assert_eq!(play(1, 5, "----+"), (5, Some(true)));
        assert_eq!(play(1, 5, "-----+"), (5, Some(false)));
        assert_eq!(play(3, 2, "++-++-++"), (8, None));
        assert_eq!(play(3, 2, "++-+++"), (6, Some(true)));
        assert_eq!(play(20, 1, "+++-"), (4, Some(false)));
    }
}
