//! The corpus: small images and services, each judged twice, by the local check through the built binary and by the
//! sandbox's App Runner through AWS's own client. The two share no code, and agree in every case.

mod cases;
mod cloud;
mod document;
mod images;
mod local;

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use self::cases::{CASES, Case};
use crate::world::World;

/// How many cases are under way at once: most of a case is waiting.
const SIDE_BY_SIDE: usize = 4;

/// What came of a case, if it is not what it should be.
fn judge(world: &World, case: &Case) -> Vec<String> {
    let image = case.image.pack(case.name);
    world.push_to_workload(case.name, &image);
    let (cloud, (local, said)) = thread::scope(|scope| {
        let local = scope.spawn(|| local::verdict(case));
        (cloud::verdict(world, case), local.join().unwrap())
    });
    let mut wrong = Vec::new();
    if local != case.local {
        wrong.push(format!("{}: the local check says {local:?}, not {:?}\n{said}", case.name, case.local));
    }
    if cloud != case.cloud() {
        wrong.push(format!("{}: App Runner says {cloud}, not {}", case.name, case.cloud()));
    }
    wrong
}

#[test]
fn the_two_verdicts_agree_in_every_case() {
    let world = World::new();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let worker = || {
        while let Some(case) = CASES.get(next.fetch_add(1, Ordering::Relaxed)) {
            let found = judge(&world, case);
            wrong.lock().unwrap().extend(found);
        }
    };
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(worker);
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
