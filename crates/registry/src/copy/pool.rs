//! What copies that run side by side share: memory, and word of the blobs that are on their way, so that images with common
//! layers do not each send them.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, Semaphore};

use super::{lane::Lane, progress::Sending, transfer::BUDGET_BYTES};
use shipgate_core::{digest::Digest, event::BlobArrival, manifest::Descriptor};

/// Shared by all copies that are given clones of it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CopyPool {
    /// What the blobs under way may hold in memory.
    pub(super) memory: Arc<Semaphore>,
    under_way: Arc<UnderWay>,
}

impl Default for CopyPool {
    fn default() -> Self {
        Self { memory: Arc::new(Semaphore::new(BUDGET_BYTES)), under_way: Arc::default() }
    }
}

/// A blob at a destination: host, repository, digest.
type Key = (String, String, Digest);

#[derive(Default, Debug)]
struct UnderWay(Mutex<State>);

#[derive(Default, Debug)]
struct State {
    /// Blobs that somebody is bringing to a place right now.
    ways: HashMap<Key, Arc<AsyncMutex<()>>>,
    /// Those that have come to it, by hash: there may be many. Only a reason to look once more.
    arrived: HashSet<u64>,
}

/// A blob's way to a destination, which nobody else goes until this is dropped.
pub(super) struct Claim {
    lane: Arc<Lane>,
    way: Way,
}

struct Way {
    key: Key,
    all: Arc<UnderWay>,
    guard: Option<OwnedMutexGuard<()>>,
}

impl CopyPool {
    /// Claims the blob's way to each of these destinations, waiting for whoever is on it. Gives the destinations that lack
    /// it still; one that cannot say takes no part any more.
    pub(super) async fn claim(&self, mut lanes: Vec<Arc<Lane>>, blob: &Descriptor) -> (Vec<Arc<Lane>>, Vec<Claim>) {
        let key = |lane: &Lane| {
            let place = &lane.place;
            (place.registry.host().to_owned(), place.repository.clone(), blob.digest.clone())
        };
        // In one order for everybody: two that wait for each other would do so for ever.
        lanes.sort_by_key(|lane| key(lane));
        let (mut lacking, mut claims): (Vec<_>, Vec<Claim>) = Default::default();
        for lane in lanes {
            let key = key(&lane);
            // Two of the destinations may be one place.
            if claims.iter().all(|claim| claim.way.key != key) {
                let way = self.claim_one(key.clone()).await;
                claims.push(Claim { lane: Arc::clone(&lane), way });
            }
            // It was looked for before, and may have come since.
            if !self.under_way.has_arrived(&key) || still_lacks(&lane, blob).await {
                lacking.push(lane);
            }
        }
        (lacking, claims)
    }

    async fn claim_one(&self, key: Key) -> Way {
        let lock = Arc::clone(self.under_way.locked().ways.entry(key.clone()).or_default());
        // Made before the wait: dropped while it waits, it clears up all the same.
        let mut way = Way { key, all: Arc::clone(&self.under_way), guard: None };
        way.guard = Some(lock.lock_owned().await);
        way
    }
}

impl Claim {
    /// The blob has been brought to wherever it could be.
    pub(super) fn settle(claims: Vec<Self>) {
        for Self { lane, way } in claims {
            if lane.is_open() {
                way.all.locked().arrived.insert(hash(&way.key));
            }
        }
    }
}

fn hash(key: &Key) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// Whether it has not come after all: what is remembered of it is a hash.
async fn still_lacks(lane: &Arc<Lane>, blob: &Descriptor) -> bool {
    match lane.place.registry.has_blob(&lane.place.repository, &blob.digest).await {
        Ok(true) => {
            let sending = Sending::new(Arc::clone(lane));
            lane.tally.blob_arrived(blob, &sending, BlobArrival::Found);
            false
        }
        Ok(false) => true,
        Err(error) => {
            lane.fail(error);
            false
        }
    }
}

impl UnderWay {
    fn locked(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_arrived(&self, key: &Key) -> bool {
        self.locked().arrived.contains(&hash(key))
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.guard = None;
        let ways = &mut self.all.locked().ways;
        // Whoever waits holds it too; the last one takes it away.
        if ways.get(&self.key).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            ways.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{CopyPool, Key};
    use shipgate_core::digest::Digest;

    fn key(repository: &str) -> Key {
        ("host.test".to_owned(), repository.to_owned(), Digest::of(b"blob"))
    }

    #[tokio::test(start_paused = true)]
    async fn one_at_a_time_goes_a_way_and_nothing_is_left_behind() {
        let pool = CopyPool::default();
        let first = pool.claim_one(key("a")).await;
        let elsewhere = pool.claim_one(key("b")).await;
        let second = pool.claim_one(key("a"));
        tokio::pin!(second);
        assert!(tokio::time::timeout(Duration::from_secs(1), &mut second).await.is_err());
        drop(first);
        drop((second.await, elsewhere));
        assert!(pool.under_way.locked().ways.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_gives_up_waiting_is_forgotten() {
        let pool = CopyPool::default();
        let first = pool.claim_one(key("a")).await;
        assert!(tokio::time::timeout(Duration::from_secs(1), pool.claim_one(key("a"))).await.is_err());
        drop(first);
        assert!(pool.under_way.locked().ways.is_empty());
        drop(pool.claim_one(key("a")).await);
    }
}
