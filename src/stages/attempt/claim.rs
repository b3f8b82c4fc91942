//! The claim: the record's tag for the next operation names the image of the run that may order it.
//!
//! The tag is a register that the last writer wins, so it is claimed by Fischer's algorithm (Lamport, "A Fast Mutual Exclusion
//! Algorithm", 1987, section 2): a run that finds it free writes its image, waits for longer than a write takes, and reads it again.
//! Whoever found it free at the same time has written by then; the image that is still there has won. Runs of one image share a claim.

use std::time::Duration;

use tokio::time::Instant;

use super::{Attempt, AttemptError, INTERVAL, News, Outcome, SETTLE};
use crate::{stages::tags::TagStore, target::DeployTarget};
use shipgate_core::{digest::Digest, event::Event, service::ServiceStatus};

/// What is waited after a write, besides three times what the read and the write took.
const MARGIN: Duration = Duration::from_millis(250);
/// After this long without an operation the run that holds a claim is taken for dead, if reading a tag takes no time.
const LIFETIME: Duration = Duration::from_secs(30);
/// What the claim of a dead run is waited for besides, once it is taken over: it may have been slow, and is visible by then.
const TAKEOVER: Duration = Duration::from_secs(10);

/// How claiming ended.
#[derive(Clone, Debug)]
pub enum Claim {
    /// This run holds the claim.
    Held,
    /// The record cannot be read or written, which is a warning: the attempt goes on without a claim.
    Without,
    /// This has come of the next operation already.
    Ended(Outcome),
}

/// Another image's claim.
struct Rival {
    digest: Digest,
    /// Since when it stands as it does.
    since: Instant,
}

impl<T: DeployTarget, S: TagStore> Attempt<'_, T, S> {
    /// Claims the next operation of the service.
    ///
    /// # Errors
    /// [`AttemptError`] when the run was stopped, or the service cannot be seen.
    pub async fn claim(&self) -> Result<Claim, AttemptError> {
        let record = self.record();
        let mut rival: Option<Rival> = None;
        let mut is_refused = false;
        let mut is_own = self.has_claimed;
        let mut shared: Option<Instant> = None;
        loop {
            let asked = Instant::now();
            let found = match self.tags.digest_of(&record).await {
                Ok(found) => found,
                Err(error) => {
                    self.warn_of_record(&error);
                    return Ok(Claim::Without);
                }
            };
            let read_took = asked.elapsed();
            let is_neutral = found.is_some() && found.as_ref() == self.neutral && rival.is_none();
            let Some(theirs) = found.clone().filter(|found| found != self.digest && !is_neutral) else {
                let is_claimed = found.as_ref() == Some(self.digest);
                // A service is created once: its name is taken. Any other order of that run may have been carried out, and not be listed.
                if is_claimed && !is_own && self.arn.is_some() {
                    let since = *shared.get_or_insert_with(|| self.meet_own_image());
                    match self.news().await.map_err(AttemptError::Unseen)? {
                        News::Came(outcome) => return Ok(Claim::Ended(outcome)),
                        News::None(Some(ServiceStatus::OperationInProgress)) if since.elapsed() > SETTLE => {
                            return Ok(Claim::Ended(Outcome::Again));
                        }
                        News::None(_) | News::Unclear => {}
                    }
                    if since.elapsed() <= SETTLE {
                        self.pause(INTERVAL).await?;
                        continue;
                    }
                }
                // Where another run of this image has claimed, only the read was measured.
                let (is_written, times) = if is_claimed { (true, 6) } else { (self.write(&record).await, 3) };
                is_own |= is_written && !is_claimed;
                self.pause(times * asked.elapsed() + MARGIN).await?;
                if self.stands(&record).await {
                    return Ok(Claim::Held);
                }
                // A record that cannot be written twice cannot be kept.
                if !is_written && std::mem::replace(&mut is_refused, true) {
                    return Ok(Claim::Without);
                }
                rival = found.filter(|_| is_neutral).map(|digest| Rival { digest, since: Instant::now() });
                continue;
            };
            let watched = match rival {
                Some(known) if known.digest == theirs => known,
                Some(_) | None => self.meet(theirs),
            };
            match self.news().await.map_err(AttemptError::Unseen)? {
                News::Came(outcome) => return Ok(Claim::Ended(outcome)),
                News::None(Some(ServiceStatus::OperationInProgress)) if watched.since.elapsed() > SETTLE => {
                    return Ok(Claim::Ended(Outcome::Again));
                }
                News::None(_) | News::Unclear => {}
            }
            if watched.since.elapsed() > LIFETIME + 10 * read_took {
                return self.take_over(&record, &watched.digest, asked).await;
            }
            rival = Some(watched);
            self.pause(INTERVAL).await?;
        }
    }

    async fn stands(&self, record: &str) -> bool {
        matches!(self.tags.digest_of(record).await, Ok(Some(found)) if found == *self.digest)
    }

    async fn write(&self, record: &str) -> bool {
        let written = self.tags.point(record, self.digest).await;
        if let Err(error) = &written {
            self.warn_of_record(error);
        }
        written.is_ok()
    }

    fn meet_own_image(&self) -> Instant {
        let message =
            "another run is about to deploy this image, or has just done so: waiting for its operation".to_owned();
        self.events.emit(Event::Notice { message });
        Instant::now()
    }

    fn meet(&self, digest: Digest) -> Rival {
        let message = format!("another run is about to deploy {}: waiting for its operation", digest.short());
        self.events.emit(Event::Notice { message });
        Rival { digest, since: Instant::now() }
    }

    /// The run that holds the claim has ordered nothing for so long that it is taken for dead. Should it be slow instead, it reads
    /// the claim once more before it orders, and what it has ordered by then is seen before anything is changed here.
    async fn take_over(&self, record: &str, dead: &Digest, asked: Instant) -> Result<Claim, AttemptError> {
        let message = format!("no operation for {} was ordered: its run is taken for ended", dead.short());
        self.events.emit(Event::Warning { message });
        let is_written = self.write(record).await;
        self.pause(3 * asked.elapsed() + MARGIN + TAKEOVER).await?;
        match self.news().await.map_err(AttemptError::Unseen)? {
            News::Came(outcome) => Ok(Claim::Ended(outcome)),
            // An operation came after all, and the record of it was overwritten.
            News::Unclear => {
                let _corrected = self.tags.point(record, dead).await;
                Ok(Claim::Ended(Outcome::Again))
            }
            News::None(_) if self.stands(record).await => Ok(Claim::Held),
            // The claim is met again: its run is not dead, or a third one has taken it.
            News::None(_) if is_written => Ok(Claim::Ended(Outcome::Again)),
            News::None(_) => Ok(Claim::Without),
        }
    }
}
