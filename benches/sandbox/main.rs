//! `cargo bench --bench sandbox`: skopeo pushes one image to Debian's docker-registry and to the sandbox's registry, and pulls
//! it again, in turns, on this machine. Prints the table of docs/benchmarks.md. No test looks at these numbers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark may panic, reads the environment itself, and prints"
)]

mod image;
mod registries;

use std::{
    path::Path,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use registries::{Kind, Running};

/// How often each registry is measured; the median counts.
const ROUNDS: usize = 7;

/// What one registry took in one round.
#[derive(Clone, Copy)]
struct Took {
    push: Duration,
    pull: Duration,
}

fn main() -> ExitCode {
    for (program, package) in [("skopeo", "skopeo"), ("docker-registry", "docker-registry")] {
        if Command::new(program).arg("--version").output().is_err() {
            eprintln!("{program} is not on the path: on Debian or Ubuntu: sudo apt-get install {package}");
            return ExitCode::FAILURE;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let bytes = image::write(&folder.path().join("image"));
    let mut all = Kind::ALL.map(|kind| (kind, Vec::new()));
    // The first round warms up what the machine keeps, and is not counted.
    for round in 0..=ROUNDS {
        for (kind, took) in &mut all {
            let one = measure(*kind, folder.path());
            took.extend((round > 0).then_some(one));
        }
    }
    print_table(&all, bytes);
    ExitCode::SUCCESS
}

/// A new registry on an empty folder, so that nothing is there already.
fn measure(kind: Kind, folder: &Path) -> Took {
    let registry = Running::start(kind, folder);
    let image = format!("docker://{}/bench:v1", registry.host);
    let push = timed(&registry, &["--dest-tls-verify=false", "oci:image", &image], folder);
    let pull = timed(&registry, &["--src-tls-verify=false", &image, "dir:pulled"], folder);
    image::compare(&folder.join("image"), &folder.join("pulled"));
    std::fs::remove_dir_all(folder.join("pulled")).unwrap();
    Took { push, pull }
}

/// How long one `skopeo copy` takes. What others have written before is on the disk by then.
fn timed(registry: &Running, arguments: &[&str], folder: &Path) -> Duration {
    Command::new("sync").status().unwrap();
    let mut command = Command::new("skopeo");
    command.args(["--insecure-policy", "copy", "--quiet", "--preserve-digests", "--authfile"]);
    command.arg(registry.logins()).args(arguments).current_dir(folder);
    let begun = Instant::now();
    let ran = command.output().unwrap();
    let took = begun.elapsed();
    assert!(ran.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&ran.stderr));
    took
}

fn median(mut all: Vec<Duration>) -> f64 {
    all.sort();
    all[all.len() / 2].as_secs_f64()
}

fn print_table(all: &[(Kind, Vec<Took>)], bytes: u64) {
    #[expect(clippy::cast_precision_loss, reason = "a size of some hundred MiB")]
    let mebibytes = bytes as f64 / 1024.0 / 1024.0;
    let speed = |took: &[Took], of: fn(&Took) -> Duration| mebibytes / median(took.iter().map(of).collect());
    let speeds = |took: &[Took]| (speed(took, |one| one.push), speed(took, |one| one.pull));
    let (push, pull) = speeds(&all[0].1);
    println!("{mebibytes:.0} MiB: {}; median of {ROUNDS}\n", image::DESCRIPTION);
    println!("| registry | push, MiB/s | pull, MiB/s | push, of docker-registry's | pull, of docker-registry's |");
    println!("|---|---|---|---|---|");
    for (kind, took) in all {
        let (pushed, pulled) = speeds(took);
        println!("| {} | {pushed:.0} | {pulled:.0} | {:.2} | {:.2} |", kind.name(), pushed / push, pulled / pull);
    }
}
