//! docs/failures.md: what users meet, as shell lines with what they print. The text is made here from real runs, so that it cannot
//! drift: a test holds it against the file, and writes the file when `INSTA_UPDATE=always` is set.

mod page;
mod scenes;

use std::{path::PathBuf, thread};

use self::page::Scene;

/// The worlds do not share anything, so they are gone through side by side.
const WORLDS: [fn() -> Vec<Scene>; 5] =
    [scenes::before_anything, scenes::in_the_cloud, scenes::from_nothing, scenes::of_the_service, scenes::around_it];

#[test]
fn the_page_of_failures_is_what_runs_print() {
    let scenes: Vec<Scene> = thread::scope(|scope| {
        let told: Vec<_> = WORLDS.iter().map(|world| scope.spawn(world)).collect();
        told.into_iter().flat_map(|world| world.join().unwrap()).collect()
    });
    let page = page::of(&scenes);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/failures.md");
    if std::env::var("INSTA_UPDATE").is_ok_and(|wanted| wanted == "always") {
        std::fs::write(&path, &page).unwrap();
    }
    assert!(page.lines().count() < 400, "a page that nobody reads: {} lines", page.lines().count());
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differing = written.lines().zip(page.lines()).find(|(written, made)| written != made);
    assert!(
        written == page,
        "docs/failures.md is not what runs print (first: {differing:#?}); INSTA_UPDATE=always writes it:\n{page}"
    );
}
