//! App Runner's health check: its settings, and the rule that turns probes into a judgement.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// How a service is probed. Defaults and ranges: App Runner API reference, `HealthCheckConfiguration`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HealthCheck {
    /// TCP or HTTP.
    pub protocol: Protocol,
    /// The path an HTTP probe asks for; unused by TCP.
    pub path: String,
    /// Seconds from one probe to the next, 1 to 20.
    pub interval_seconds: u32,
    /// Seconds a probe may take, 1 to 20.
    pub timeout_seconds: u32,
    /// Probes in a row that must pass, 1 to 20.
    pub healthy_threshold: u32,
    /// Probes in a row that must fail, 1 to 20.
    pub unhealthy_threshold: u32,
}

/// What a probe speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// The application accepts a connection.
    Tcp,
    /// The application answers 200 to a GET.
    Http,
}

impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Tcp => "TCP",
            Self::Http => "HTTP",
        })
    }
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            protocol: Protocol::Tcp,
            path: "/".to_owned(),
            interval_seconds: 5,
            timeout_seconds: 2,
            healthy_threshold: 1,
            unhealthy_threshold: 5,
        }
    }
}

impl HealthCheck {
    /// From the start of one probe to the start of the next.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_secs(u64::from(self.interval_seconds))
    }

    /// How long one probe may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.timeout_seconds))
    }
}

impl fmt::Display for HealthCheck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            Protocol::Tcp => formatter.write_str("TCP")?,
            Protocol::Http => write!(formatter, "HTTP {}", self.path)?,
        }
        write!(
            formatter,
            ", every {} s, timeout {} s, healthy after {}, unhealthy after {}",
            self.interval_seconds, self.timeout_seconds, self.healthy_threshold, self.unhealthy_threshold
        )
    }
}

/// What the thresholds have decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    /// Enough probes passed in a row.
    Healthy,
    /// Enough probes failed in a row.
    Unhealthy,
}

/// Counts probes against the thresholds. The first threshold that is reached decides, and stays decided.
#[derive(Clone, Debug)]
pub struct Tally {
    healthy_threshold: u32,
    unhealthy_threshold: u32,
    passed_in_a_row: u32,
    failed_in_a_row: u32,
    judgement: Option<Judgement>,
}

impl Tally {
    /// An empty count against the thresholds of a check.
    #[must_use]
    pub fn new(check: &HealthCheck) -> Self {
        Self {
            healthy_threshold: check.healthy_threshold.max(1),
            unhealthy_threshold: check.unhealthy_threshold.max(1),
            passed_in_a_row: 0,
            failed_in_a_row: 0,
            judgement: None,
        }
    }

    /// Counts one probe and gives the judgement if there is one now.
    pub fn count(&mut self, passed: bool) -> Option<Judgement> {
        if self.judgement.is_some() {
            return self.judgement;
        }
        if passed {
            self.passed_in_a_row += 1;
            self.failed_in_a_row = 0;
        } else {
            self.failed_in_a_row += 1;
            self.passed_in_a_row = 0;
        }
        if self.passed_in_a_row >= self.healthy_threshold {
            self.judgement = Some(Judgement::Healthy);
        } else if self.failed_in_a_row >= self.unhealthy_threshold {
            self.judgement = Some(Judgement::Unhealthy);
        }
        self.judgement
    }
}

/// Whether an HTTP status passes. 401 and 404 are known to fail; whether 2xx or 3xx other than 200 pass is
/// undocumented, so only 200 does: a check that is stricter than App Runner lets nothing broken through.
#[must_use]
pub fn status_passes(status: u16) -> bool {
    status == 200
}

#[cfg(test)]
mod tests {
    use super::{HealthCheck, Judgement, Tally, status_passes};

    fn judge(healthy: u32, unhealthy: u32, probes: &str) -> (Option<Judgement>, usize) {
        let check =
            HealthCheck { healthy_threshold: healthy, unhealthy_threshold: unhealthy, ..HealthCheck::default() };
        let mut tally = Tally::new(&check);
        for (index, probe) in probes.chars().enumerate() {
            if let Some(judgement) = tally.count(probe == '+') {
                return (Some(judgement), index + 1);
            }
        }
        (None, probes.len())
    }

    #[test]
    fn thresholds_decide() {
        use Judgement::{Healthy, Unhealthy};
        let table = [
            (1, 5, "+", Some(Healthy), 1),
            (1, 5, "----+", Some(Healthy), 5),
            (1, 5, "-----+", Some(Unhealthy), 5),
            (3, 5, "++-++-++", None, 8),
            (3, 5, "++-+++", Some(Healthy), 6),
            (2, 2, "+-+--", Some(Unhealthy), 5),
            (20, 20, "", None, 0),
        ];
        for (healthy, unhealthy, probes, judgement, after) in table {
            assert_eq!(judge(healthy, unhealthy, probes), (judgement, after), "{healthy}/{unhealthy} {probes}");
        }
    }

    #[test]
    fn a_judgement_stays() {
        let mut tally = Tally::new(&HealthCheck::default());
        assert_eq!(tally.count(true), Some(Judgement::Healthy));
        for _ in 0..30 {
            assert_eq!(tally.count(false), Some(Judgement::Healthy));
        }
    }

    #[test]
    fn only_200_passes() {
        assert!(status_passes(200));
        for status in [0, 100, 201, 204, 301, 302, 401, 404, 500, 503] {
            assert!(!status_passes(status), "{status}");
        }
    }
}
