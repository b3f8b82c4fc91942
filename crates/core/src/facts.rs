//! What an event says that is public: it is in logs and addresses anyway, and masking parts of it would break them.

use super::event::Event;

impl Event {
    /// Names, addresses and digests that may be shown, whatever variables hold the same text.
    #[must_use]
    pub fn public_facts(&self) -> Vec<&str> {
        if let Self::RunStarted { verb, image, target, .. } = self {
            [Some(verb), Some(image), target.as_ref()].into_iter().flatten().map(String::as_str).collect()
        } else if let Self::IdentityAssumed { account, arn, .. } = self {
            vec![account.as_str(), arn]
        } else if let Self::ImageResolved { reference, digest, .. } = self {
            vec![reference, digest.as_str()]
        } else if let Self::CopyPlanned { destination, .. } = self {
            vec![destination]
        } else if let Self::CopyFinished { tag: Some(tag), digest, .. } = self {
            vec![tag, digest.as_str()]
        } else if let Self::Promoted { repository, tag, digest, .. } = self {
            vec![repository, tag, digest.as_str()]
        } else if let Self::Released { service_arn, .. } = self {
            vec![service_arn]
        } else if let Self::SmokeTested { url, .. } = self {
            vec![url]
        } else if let Self::RunFinished { service_url: Some(url), .. } = self {
            vec![url]
        } else {
            Vec::new()
        }
    }
}
