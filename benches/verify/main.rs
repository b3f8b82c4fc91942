//! `cargo bench --bench verify`: the local check next to what people write instead, `docker run` and a loop of curl, on the
//! same image and engine, in turns; then the time to the verdict on images that are unhealthy, next to the time App Runner's
//! thresholds need. Prints the tables of docs/benchmarks.md. No test looks at these numbers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark may panic, reads the environment itself, and prints"
)]

mod engine;
mod ways;

use std::{
    process::{Command, ExitCode},
    time::Duration,
};

use engine::Image;
use ways::{Took, curl_loop, shipgate};

/// How often each way is measured; the median counts.
const ROUNDS: usize = 9;

/// The default health check: five failures in a row, five seconds apart.
const THRESHOLDS: Duration = Duration::from_secs(25);

/// What an unhealthy image does (`DEMO_FAIL`), and how that is called.
const UNHEALTHY: [(&str, &str); 6] = [
    ("exit:1", "ends at once"),
    ("eat-memory", "exceeds its memory"),
    ("status:404", "answers 404"),
    ("listen-local", "listens on 127.0.0.1 only"),
    ("never-listen", "never listens"),
    ("crash-after:3000", "answers, and ends 3 s later (`--stay 10s`)"),
];

fn main() -> ExitCode {
    for program in ["docker", "curl"] {
        if Command::new(program).arg("--version").output().is_err() {
            eprintln!("{program} is not on the path: on Debian or Ubuntu: sudo apt-get install docker.io curl");
            return ExitCode::FAILURE;
        }
    }
    let healthy = Image::load("healthy", &[]);
    let mut measured = [Vec::new(), Vec::new()];
    // The first round warms up what the machine keeps, and is not counted.
    for round in 0..=ROUNDS {
        for (took, way) in measured.iter_mut().zip([shipgate_healthy, curl_loop]) {
            let one = way(&healthy);
            took.extend((round > 0).then_some(one));
        }
    }
    print_healthy(&measured);
    print_unhealthy();
    ExitCode::SUCCESS
}

fn shipgate_healthy(image: &Image) -> Took {
    shipgate(image, &["--health-path", "/"], 0)
}

fn median(took: &[Took], of: fn(&Took) -> Duration) -> f64 {
    let mut all: Vec<Duration> = took.iter().map(of).collect();
    all.sort();
    all[all.len() / 2].as_secs_f64()
}

fn print_healthy(measured: &[Vec<Took>; 2]) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{cores} cores; medians of {ROUNDS}; the image is in the engine, its server is ready at once.\n");
    println!("| way | to the verdict | ÷ the loop | with the container gone | ÷ the loop |");
    println!("|---|--:|--:|--:|--:|");
    let figures = measured.each_ref().map(|took| (median(took, |one| one.verdict), median(took, |one| one.end)));
    let (verdict, end) = figures[1];
    for (name, (own_verdict, own_end)) in ["`shipgate verify`", "`docker run` and a loop of curl"].iter().zip(figures) {
        println!(
            "| {name} | {own_verdict:.3} s | {:.2} | {own_end:.3} s | {:.2} |",
            own_verdict / verdict,
            own_end / end
        );
    }
}

fn print_unhealthy() {
    println!("\n| the application | to the verdict | to the end | App Runner's thresholds | verdict ÷ thresholds |");
    println!("|---|--:|--:|--:|--:|");
    for (failure, title) in UNHEALTHY {
        let image = Image::load("unhealthy", &[("DEMO_FAIL", failure)]);
        let stay: &[&str] = if failure.starts_with("crash-after") { &["--stay", "10s"] } else { &[] };
        let took = shipgate(&image, &[&["--health-path", "/", "--memory", "0.5", "--cpu", "0.25"], stay].concat(), 6);
        let (verdict, end, needed) = (took.verdict.as_secs_f64(), took.end.as_secs_f64(), THRESHOLDS.as_secs());
        println!("| {title} | {verdict:.1} s | {end:.1} s | {needed} s | {:.2} |", verdict / THRESHOLDS.as_secs_f64());
    }
}
