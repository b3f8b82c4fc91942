//! Many runs at once against an App Runner and a registry that are made up: every call takes its time, operations are listed late and
//! the status is stale, and runs are killed. The clock is paused, so hundreds of rounds take seconds. A failure names its seed.

mod cloud;
mod run;

use std::time::Duration;

use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use self::{
    cloud::Cloud,
    run::{Ended, run},
};
use shipgate_core::digest::Digest;

/// One round: its runs, and how the cloud behaves.
#[derive(Clone, Copy, Debug)]
struct Round {
    seed: u64,
    runs: usize,
    /// How many images the runs deploy among them.
    images: usize,
    /// How long a call takes, more or less.
    latency_ms: u64,
    /// Within how many milliseconds the runs begin.
    spread_ms: u64,
    /// Whether there is a service before.
    exists: bool,
    /// Whether the operation fails.
    fails: bool,
    /// How many of the runs are killed.
    killed: usize,
    /// Whether operations take a few seconds, less than it may take to list them.
    is_short: bool,
    /// How many orders lose their answer, before (`false`) or after they were taken.
    lost: [usize; 2],
}

impl Round {
    const fn new(runs: usize, images: usize) -> Self {
        Self {
            seed: 0,
            runs,
            images,
            latency_ms: 50,
            spread_ms: 300,
            exists: true,
            fails: false,
            killed: 0,
            is_short: false,
            lost: [0, 0],
        }
    }
}

fn image(number: usize) -> Digest {
    Digest::of(format!("image {number}").as_bytes())
}

/// Plays a round: how each run ended, by its image. `None`: it was killed.
async fn play(round: Round) -> (Cloud, Vec<(Digest, Option<Ended>)>) {
    let cloud = Cloud::new(round);
    let mut random = fastrand::Rng::with_seed(round.seed);
    let mut set = JoinSet::new();
    for number in 0..round.runs {
        let (cloud, digest) = (cloud.clone(), image(number % round.images));
        let start = Duration::from_millis(random.u64(0..=round.spread_ms));
        let dies = (number < round.killed).then(|| Duration::from_millis(random.u64(0..30 * round.latency_ms + 2_000)));
        set.spawn(async move {
            sleep(start).await;
            let limit = dies.unwrap_or(Duration::from_hours(1));
            let ended = timeout(limit, run(&cloud, &digest)).await.ok();
            (digest, ended)
        });
    }
    let ended = set.join_all().await;
    (cloud, ended)
}

/// Whatever became of the runs: tag, record and what serves are of one image.
fn assert_sound(round: Round, cloud: &Cloud) {
    let now = cloud.now();
    let log = || cloud.log();
    assert_eq!(now.serving, now.tag, "{round:?}: tag and serving: {}", log());
    assert_eq!(now.serving, now.recorded, "{round:?}: record and serving: {}", log());
}

fn rounds(base: Round, count: u64) -> impl Iterator<Item = Round> {
    let seed = fastrand::u64(..1 << 32);
    let latencies = [0, 20, 200, 600, 1500];
    (0..count).map(move |number| Round {
        seed: seed + number,
        latency_ms: latencies[usize::try_from(number).unwrap() % latencies.len()],
        exists: base.exists && number % 4 != 3,
        ..base
    })
}

#[tokio::test(start_paused = true)]
async fn identical_runs_deploy_once_and_all_succeed() {
    for (runs, count) in [(2, 100), (3, 100), (16, 15), (40, 8)] {
        for round in rounds(Round::new(runs, 1), count) {
            let (cloud, ended) = play(round).await;
            for (_, one) in ended {
                assert_eq!(one, Some(Ended::Deployed), "{round:?}: {}", cloud.log());
            }
            assert_eq!(cloud.now().taken, 1, "{round:?}: {}", cloud.log());
            assert_sound(round, &cloud);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn different_images_have_one_winner() {
    for (runs, images, count) in [(2, 2, 100), (3, 3, 100), (5, 2, 50), (16, 16, 15), (16, 4, 15), (40, 40, 8)] {
        for round in rounds(Round::new(runs, images), count) {
            let (cloud, ended) = play(round).await;
            let winner = cloud.now().serving.expect("something serves");
            for (digest, one) in ended {
                let expected = if digest == winner { Ended::Deployed } else { Ended::Overtaken(winner.clone()) };
                assert_eq!(one, Some(expected), "{round:?}: {}", cloud.log());
            }
            assert_eq!(cloud.now().taken, 1, "{round:?}: {}", cloud.log());
            assert_sound(round, &cloud);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn identical_runs_share_a_failure() {
    for round in rounds(Round { fails: true, ..Round::new(5, 1) }, 40) {
        let (cloud, ended) = play(round).await;
        for (_, one) in ended {
            assert_eq!(one, Some(Ended::Failed), "{round:?}: {}", cloud.log());
        }
        assert_eq!(cloud.now().taken, 1, "{round:?}: {}", cloud.log());
    }
}

#[tokio::test(start_paused = true)]
async fn lost_orders_are_given_again_and_taken_once() {
    for lost in [[1, 0], [0, 1], [2, 1]] {
        for round in rounds(Round { lost, ..Round::new(3, 1) }, 40) {
            let (cloud, ended) = play(round).await;
            for (_, one) in ended {
                assert_eq!(one, Some(Ended::Deployed), "{round:?}: {}", cloud.log());
            }
            assert_eq!(cloud.now().taken, 1, "{round:?}: {}", cloud.log());
            assert_sound(round, &cloud);
        }
    }
}

/// A run that dies right after its order, of an operation that ends before it is listed: the next one orders nothing.
#[tokio::test(start_paused = true)]
async fn unlisted_operation_of_killed_run_is_found() {
    for round in rounds(Round { killed: 1, is_short: true, ..Round::new(1, 1) }, 60) {
        let (cloud, _) = play(Round { exists: true, ..round }).await;
        assert_eq!(run(&cloud, &image(0)).await, Ended::Deployed, "{round:?}: {}", cloud.log());
        assert_eq!(cloud.now().taken, 1, "{round:?}: {}", cloud.log());
    }
}

/// Killed runs block nobody for long: whoever comes next deploys, and what the killed ones ordered is followed.
#[tokio::test(start_paused = true)]
async fn killed_runs_are_followed_or_taken_over() {
    for (runs, images, killed) in [(1, 1, 1), (2, 2, 1), (2, 2, 2), (6, 3, 3), (4, 1, 3)] {
        for round in rounds(Round { killed, ..Round::new(runs, images) }, 40) {
            let (cloud, ended) = play(round).await;
            for (digest, one) in ended.into_iter().filter_map(|(digest, one)| Some((digest, one?))) {
                let serving = cloud.now().serving;
                let is_sound = match &one {
                    Ended::Deployed => true,
                    Ended::Overtaken(winner) => serving.as_ref() != Some(&digest) && *winner != digest,
                    Ended::Failed | Ended::TagMoved => false,
                };
                assert!(is_sound, "{round:?}: {one:?}: {}", cloud.log());
            }
            // Two more, one after the other: the first image again, then another one.
            sleep(Duration::from_secs(2)).await;
            for wanted in [image(0), image(99)] {
                let before = cloud.now().seconds;
                let ended = run(&cloud, &wanted).await;
                assert_eq!(ended, Ended::Deployed, "{round:?}: {}", cloud.log());
                assert!(cloud.now().seconds - before < 400, "{round:?}: it was blocked: {}", cloud.log());
                assert_eq!(cloud.now().serving.as_ref(), Some(&wanted), "{round:?}: {}", cloud.log());
                assert_sound(round, &cloud);
                sleep(Duration::from_secs(2)).await;
            }
        }
    }
}
