//! What a mirror came to, as the report holds it.

use serde::Serialize;

use crate::domain::event::Event;

/// What a mirror came to.
#[derive(Serialize)]
pub(super) struct Mirror {
    images: u64,
    registries: u64,
    copied: u64,
    present: u64,
    failed: u64,
    bytes_received: u64,
    bytes_sent: u64,
    requests: u64,
    elapsed_ms: u64,
}

impl Mirror {
    /// As its event tells it; `None` for any other event.
    pub(super) fn of(event: &Event) -> Option<Self> {
        let &Event::Mirrored {
            images,
            registries,
            copied,
            present,
            failed,
            bytes_received,
            bytes_sent,
            requests,
            elapsed_ms,
        } = event
        else {
            return None;
        };
        Some(Self { images, registries, copied, present, failed, bytes_received, bytes_sent, requests, elapsed_ms })
    }
}
