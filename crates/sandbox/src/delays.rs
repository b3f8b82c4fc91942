//! How late the sandbox shows what has changed, and how often it tidies up. App Runner's own delays are in its options.

use std::time::Duration;

/// The delays of a sandbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delays {
    /// How long a role that is made while the sandbox runs cannot be used.
    pub new_role: Duration,
    /// How long DescribeLogStreams omits a new stream of App Runner, and the time of a new line.
    pub log_streams: Duration,
    /// How often lifecycle policies are evaluated. Images expire at the first evaluation after they match.
    pub lifecycle: Duration,
    /// How long a day of a lifecycle policy is.
    pub day: Duration,
}

const DAY: Duration = Duration::from_hours(24);
/// Evaluating more often would only cost processor time.
const SHORTEST: Duration = Duration::from_millis(200);

impl Delays {
    /// Every answer shows everything.
    pub const NONE: Self =
        Self { new_role: Duration::ZERO, log_streams: Duration::ZERO, lifecycle: SHORTEST, day: DAY };
    /// For operations that take as long as containers do.
    pub const QUICK: Self =
        Self { new_role: Duration::from_millis(500), log_streams: Duration::from_millis(200), ..Self::NONE };

    /// Those of AWS, divided by `time_scale`: roles that are known everywhere after 10 s, streams that are listed after a
    /// minute (DescribeLogStreams promises less than an hour), images that expire within an hour (ECR promises 24).
    #[must_use]
    pub fn real(time_scale: f64) -> Self {
        let scaled = |seconds: u64| Duration::from_secs(seconds).div_f64(time_scale.max(1e-3));
        Self {
            new_role: scaled(10),
            log_streams: scaled(60),
            lifecycle: scaled(60 * 60).max(SHORTEST),
            day: scaled(DAY.as_secs()),
        }
    }

    /// The same time scale without the delays of eventual consistency.
    #[must_use]
    pub fn immediate(self) -> Self {
        Self { new_role: Duration::ZERO, log_streams: Duration::ZERO, ..self }
    }
}
