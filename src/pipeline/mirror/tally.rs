//! What a mirror came to: counted, and put into words. Pure.

use crate::{
    pipeline::{failure::Failure, narrator::Told},
    stages::copy::{CopyError, CopySummary},
};
use shipgate_core::event::Event;

/// More failures than this are counted, not told again at the end: each has been told when it happened.
const MOST_TOLD: usize = 50;

/// An image that did not come to a destination, or to any.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Left {
    /// The image at the destination; at the source, where that is the matter.
    pub(super) what: String,
    /// Why, in one line.
    pub(super) reason: String,
    /// How to mend it.
    pub(super) hint: Option<String>,
}

impl Left {
    pub(super) fn because(what: &str, failure: &CopyError) -> Self {
        Self { what: what.to_owned(), reason: failure.chain(), hint: failure.hint() }
    }

    pub(super) fn as_event(&self) -> Event {
        Event::CopyFailed { destination: self.what.clone(), reason: self.reason.clone(), hint: self.hint.clone() }
    }
}

/// What became of an image at one destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum At {
    /// It is there.
    There(Moved),
    /// It is not.
    Left(Left),
    /// It was not begun, or not ended: the run was stopped.
    Stopped,
}

/// What was moved for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Moved {
    changed: bool,
    bytes_received: u64,
    bytes_sent: u64,
}

impl From<CopySummary> for Moved {
    fn from(summary: CopySummary) -> Self {
        let CopySummary { bytes_received, bytes_sent, .. } = summary;
        Self { changed: !summary.is_unchanged(), bytes_received, bytes_sent }
    }
}

/// The counts so far.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Tally {
    registries: u64,
    images: u64,
    /// Images that are at every destination.
    everywhere: u64,
    copied: u64,
    present: u64,
    failed: u64,
    bytes_received: u64,
    bytes_sent: u64,
    left: Vec<Left>,
}

impl Tally {
    pub(super) fn new(registries: usize) -> Self {
        Self {
            registries: registries as u64,
            images: 0,
            everywhere: 0,
            copied: 0,
            present: 0,
            failed: 0,
            bytes_received: 0,
            bytes_sent: 0,
            left: Vec::new(),
        }
    }

    /// Counts an image that came to no destination.
    pub(super) fn nowhere(&mut self, left: Left) {
        self.images += 1;
        self.failed += self.registries;
        self.left.push(left);
    }

    /// Counts an image by what became of it at each destination.
    pub(super) fn image(&mut self, at: Vec<At>) {
        self.images += 1;
        let mut read = 0;
        let mut everywhere = true;
        for at in at {
            everywhere &= matches!(at, At::There(_));
            match at {
                At::There(moved) => {
                    if moved.changed {
                        self.copied += 1;
                    } else {
                        self.present += 1;
                    }
                    self.bytes_sent += moved.bytes_sent;
                    // Read once for all destinations, and told by each.
                    read = read.max(moved.bytes_received);
                }
                At::Left(left) => {
                    self.failed += 1;
                    // The source's fault is one, however many destinations go without.
                    if self.left.last() != Some(&left) {
                        self.left.push(left);
                    }
                }
                At::Stopped => {}
            }
        }
        self.bytes_received += read;
        self.everywhere += u64::from(everywhere);
    }

    pub(super) fn as_event(&self, requests: u64, elapsed_ms: u64) -> Event {
        Event::Mirrored {
            images: self.images,
            registries: self.registries,
            copied: self.copied,
            present: self.present,
            failed: self.failed,
            bytes_received: self.bytes_received,
            bytes_sent: self.bytes_sent,
            requests,
            elapsed_ms,
        }
    }

    /// Where things are now, when not all is done.
    pub(super) fn world(&self) -> String {
        let all = count(self.images, "image");
        let is = if self.everywhere == 1 { "is" } else { "are" };
        match self.registries {
            1 => format!("{} of {all} {is} in the registry", self.everywhere),
            2 => format!("{} of {all} {is} in both registries", self.everywhere),
            more => format!("{} of {all} {is} in all {more} registries", self.everywhere),
        }
    }

    /// The end of a mirror that was not stopped.
    #[expect(clippy::result_large_err, reason = "made once in a run")]
    pub(super) fn end(self) -> Result<Told<String>, Failure> {
        if self.failed > 0 {
            let world = self.world();
            return Err(Failure::Mirror(MirrorFailure { failed: self.failed, world, left: self.left }));
        }
        let there = there(self.images, self.registries);
        let (copied, present) = (self.copied, self.present);
        Ok(match (self.images, copied) {
            (0, _) => told_idle("nothing to do: no image was asked for"),
            (_, 0) => told_idle(&format!("nothing to do: {there}")),
            _ => Told::done(there, format!("{copied} copied, {present} there before")),
        })
    }
}

fn told_idle(summary: &str) -> Told<String> {
    Told::skipped(summary.to_owned(), summary)
}

fn there(images: u64, registries: u64) -> String {
    let is = if images == 1 { "is" } else { "are" };
    format!("{} {is} in {}", count(images, "image"), self::registries(registries))
}

pub(super) fn count(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

pub(super) fn registries(number: u64) -> String {
    if number == 1 { "1 registry".to_owned() } else { format!("{number} registries") }
}

/// A mirror that some images did not come through. Everything else has been done.
#[derive(Debug, thiserror::Error)]
#[error("{}", if *failed == 1 { "a copy failed".to_owned() } else { format!("{failed} copies failed") })]
pub struct MirrorFailure {
    failed: u64,
    world: String,
    left: Vec<Left>,
}

impl MirrorFailure {
    /// Where things are now.
    #[must_use]
    pub fn world(&self) -> &str {
        &self.world
    }

    /// Each image that is left out, and why.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let mut told: Vec<String> =
            self.left.iter().take(MOST_TOLD).map(|left| format!("{}: {}", left.what, left.reason)).collect();
        if self.left.len() > MOST_TOLD {
            told.push(format!("and {} more, told above", self.left.len() - MOST_TOLD));
        }
        told
    }

    /// How to mend it: each hint once.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let mut hints: Vec<&str> = Vec::new();
        for hint in self.left.iter().filter_map(|left| left.hint.as_deref()) {
            if !hints.contains(&hint) && hints.len() < MOST_TOLD {
                hints.push(hint);
            }
        }
        (!hints.is_empty()).then(|| hints.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::{At, Left, Moved, Tally};
    use crate::pipeline::failure::Failure;
    use shipgate_core::event::{Event, Outcome};

    fn there(changed: bool, bytes_received: u64, bytes_sent: u64) -> At {
        At::There(Moved { changed, bytes_received, bytes_sent })
    }

    fn left(what: &str) -> Left {
        Left { what: what.to_owned(), reason: "refused".to_owned(), hint: Some("let it".to_owned()) }
    }

    #[test]
    fn nothing_to_do_is_said() {
        let mut tally = Tally::new(3);
        (0..12).for_each(|_| tally.image(vec![there(false, 0, 0); 3]));
        let told = tally.end().unwrap();
        assert_eq!(told.value, "nothing to do: 12 images are in 3 registries");
        assert_eq!(told.outcome, Outcome::Skip);
        assert_eq!(Tally::new(3).end().unwrap().value, "nothing to do: no image was asked for");
        let mut one = Tally::new(1);
        one.image(vec![there(true, 9, 9)]);
        assert_eq!(one.end().unwrap().value, "1 image is in 1 registry");
    }

    #[test]
    fn bytes_are_read_once_for_all_and_sent_to_each() {
        let mut tally = Tally::new(2);
        tally.image(vec![there(true, 10, 10), there(true, 10, 7)]);
        tally.image(vec![there(false, 5, 0), there(true, 5, 5)]);
        let Event::Mirrored { copied, present, failed, bytes_received, bytes_sent, .. } = tally.as_event(0, 0) else {
            panic!("another event")
        };
        assert_eq!((copied, present, failed, bytes_received, bytes_sent), (3, 1, 0, 15, 22));
    }

    #[test]
    fn what_failed_is_counted_at_each_destination_and_told_once() {
        let mut tally = Tally::new(2);
        tally.image(vec![there(true, 1, 1), there(true, 1, 1)]);
        tally.image(vec![At::Left(left("a:v1")), At::Left(left("a:v1"))]);
        tally.image(vec![there(true, 1, 1), At::Left(left("two/b:v1"))]);
        tally.nowhere(left("c:v*"));
        let Err(Failure::Mirror(failure)) = tally.end() else { panic!("it failed") };
        assert_eq!(failure.to_string(), "5 copies failed");
        assert_eq!(failure.world(), "1 of 4 images is in both registries");
        assert_eq!(failure.reasons(), ["a:v1: refused", "two/b:v1: refused", "c:v*: refused"]);
        assert_eq!(failure.hint().as_deref(), Some("let it"));
    }
}
