//! Whether it is the container that answers at an address that the user vouches for (`--reach HOST`, `--reach own-address`).
//! Whatever runs at that address answers; a verdict about another program would be worse than none.

use super::{
    VerifyError,
    probe::{Seen, probe},
    reach::{Prober, Reach},
    trial::Trial,
};
use shipgate_core::{
    health::{HealthCheck, Protocol},
    reach::ReachChoice,
};

/// What a probe says about the program at an address. Two probes of one application at one time agree in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Presence {
    Passes,
    Answers,
    Silent,
}

impl Presence {
    fn of(seen: &Seen) -> Self {
        match seen {
            _ if seen.passes() => Self::Passes,
            Seen::Accepted | Seen::Status(_) | Seen::NotHttp { .. } | Seen::TimedOut { connected: true, .. } => {
                Self::Answers
            }
            Seen::Refused | Seen::NoRoute | Seen::TimedOut { connected: false, .. } => Self::Silent,
        }
    }
}

/// Why what was seen at an address is not the container's, given what was seen from inside its network namespace right before.
/// `None` where both agree. Without a look from inside, only an answer counts: a refusal may be any machine's.
fn contradiction(there: &Seen, inside: Option<&Seen>) -> Option<String> {
    match (Presence::of(there), inside) {
        (Presence::Silent, None) => Some(format!("{there} there, and it cannot be seen whether the container listens")),
        (Presence::Passes | Presence::Answers, None) => None,
        (presence, Some(inside)) if presence == Presence::of(inside) => None,
        (_, Some(inside)) => Some(format!("{there} there, and at the container's own address: {inside}")),
    }
}

impl Reach<'_> {
    /// Whether nothing answers yet at a host that the user named: the container has not been started.
    ///
    /// # Errors
    /// [`VerifyError::NotTheContainer`] if something does.
    pub(super) async fn expect_silence(&self, port: u16, check: &HealthCheck) -> Result<(), VerifyError> {
        let ReachChoice::Host(host) = self.choice else { return Ok(()) };
        // A host without an address is reported by the way there, once the container runs.
        let Ok(targets) = tokio::net::lookup_host((host.as_str(), port)).await else { return Ok(()) };
        let Some(target) = targets.into_iter().next() else { return Ok(()) };
        let connect = HealthCheck { protocol: Protocol::Tcp, ..check.clone() };
        if probe(target, &connect, check.timeout()).await == Seen::Accepted {
            let reason = "something answers there before the container is started".to_owned();
            return Err(VerifyError::NotTheContainer { address: target.to_string(), reason });
        }
        Ok(())
    }
}

impl Trial<'_> {
    /// Whether it is the container that a verdict rests on, where nothing but the user's word says so.
    ///
    /// # Errors
    /// [`VerifyError::NotTheContainer`] if it is not, or if that cannot be known.
    pub(super) async fn corroborate(
        &self,
        container: &str,
        reach: &Reach<'_>,
        prober: &mut Prober,
    ) -> Result<(), VerifyError> {
        if !prober.rests_on_word() {
            return Ok(());
        }
        let (check, port) = (&self.settings.health_check, self.settings.port);
        let inside = match reach.beside(container, port).await {
            Some(mut beside) => beside.probe(check, check.timeout()).await.ok(),
            None => None,
        };
        let there = prober.probe(check, check.timeout()).await?;
        // One that has ended by now is judged by its end.
        if !self.engine.container(container).await?.running {
            return Ok(());
        }
        let reason = contradiction(&there, inside.as_ref());
        reason.map_or(Ok(()), |reason| Err(VerifyError::NotTheContainer { address: prober.address(), reason }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Seen, contradiction};

    #[test]
    fn another_programs_answer_contradicts_the_container() {
        let (refused, well, missing) = (Seen::Refused, Seen::answered(200), Seen::answered(404));
        let silent = Seen::TimedOut { connected: false, limit: Duration::from_secs(1) };
        let table = [
            (&well, Some(&well), false),
            (&well, Some(&refused), true),
            (&well, Some(&missing), true),
            (&missing, Some(&well), true),
            (&missing, Some(&refused), true),
            (&missing, Some(&Seen::answered(500)), false),
            (&Seen::Accepted, Some(&Seen::Accepted), false),
            (&Seen::Accepted, Some(&refused), true),
            (&refused, Some(&well), true),
            (&refused, Some(&refused), false),
            (&silent, Some(&refused), false),
            (&refused, None, true),
            (&well, None, false),
            (&missing, None, false),
        ];
        for (there, inside, is_another) in table {
            assert_eq!(contradiction(there, inside).is_some(), is_another, "{there} {inside:?}");
        }
        let reason = contradiction(&missing, Some(&refused)).unwrap();
        assert_eq!(reason, "answered 404 there, and at the container's own address: connection refused");
    }
}
