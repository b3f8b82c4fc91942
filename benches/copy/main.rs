//! `cargo bench --bench copy`: `shipgate copy` beside every other copier on PATH, in one run, on two registries of its own.
//!
//! Prints the tables of docs/benchmarks.md on standard output, and how far it is on standard error. What is measured is
//! the built binary, from its start to its end, as anyone would run it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal, not part of shipgate")]
#![expect(clippy::cast_precision_loss, reason = "no count here comes near 2^52")]

mod aims;
mod cases;
mod floor;
mod holdings;
mod image;
mod measure;
mod pace;
mod protocols;
mod push;
mod registry;
mod relay;
mod sandbox;
mod sink;
mod table;
mod tool;
mod trial;

use anyhow::{Context as _, Result};
use clap::Parser;

use self::{
    cases::{Case, Kind},
    registry::{Make, Registry},
    relay::Relay,
    tool::Tool,
    trial::{Bench, Row},
};

/// The copy benchmark.
#[derive(Parser, Debug)]
#[command(name = "cargo bench --bench copy --", disable_version_flag = true)]
struct Args {
    /// The single blob has 4 GiB instead of 1
    #[arg(long)]
    large: bool,
    /// How often each tool does each case; times are medians
    #[arg(long, default_value_t = 3, value_name = "N")]
    runs: usize,
    /// These cases alone
    #[arg(long, value_delimiter = ',', value_name = "CASES")]
    only: Vec<Kind>,
    /// These tools alone, as far as they are there
    #[arg(long, value_delimiter = ',', value_name = "TOOLS")]
    tools: Vec<Tool>,
    /// What cargo gives to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

impl Args {
    fn wants(&self, kind: Kind) -> bool {
        self.only.is_empty() || self.only.contains(&kind)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    if !args.bench {
        eprintln!("this is a benchmark of many minutes: cargo bench --bench copy");
        return Ok(());
    }
    if args.only != [Kind::Protocols] {
        copies(&args).await?;
    }
    if args.wants(Kind::Protocols) {
        println!("{}", protocols::table(args.runs.max(1)).await?);
    }
    Ok(())
}

/// The cases in which tools copy.
async fn copies(args: &Args) -> Result<()> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).context("no place for images")?;
    let (tools, absent) = tool::present(&args.tools).await?;
    let make = Make::found().await;
    let bench = Bench { folder: folder.path().to_owned(), make, tools, runs: args.runs.max(1) };
    let mut rows = Vec::new();
    let wire = check_the_wire(&bench).await?;
    for case in cases::all(args.large).iter().filter(|case| args.wants(case.kind)) {
        rows.extend(run(&bench, case).await?);
    }
    println!("{}", table::heading(&bench, &absent, &wire));
    println!("{}", table::times(&rows));
    println!("{}", table::troubles(&rows));
    println!("{}", aims::table(&rows));
    Ok(())
}

/// One case, by all tools in turn, as often as asked for.
async fn run(bench: &Bench, case: &Case) -> Result<Vec<Row>> {
    eprintln!("{}, {}: making {}", case.title, case.network.name(), case.image.name);
    let (source, image) = source(bench, case).await?;
    let mut rows: Vec<Row> = bench.tools.iter().map(|tool| Row::new(tool, case, &image)).collect();
    for round in 1..=bench.runs {
        for row in &mut rows {
            let trial = bench.trial(row.tool, case, &source, &image).await?;
            eprintln!("  {round}/{} {:<9} {}", bench.runs, row.tool.name(), trial.told());
            row.trials.push(trial);
        }
    }
    source.stop().await;
    Ok(rows)
}

/// A source registry that has the image of a case, and nothing else.
async fn source(bench: &Bench, case: &Case) -> Result<(Registry, image::Image)> {
    let source = Registry::start(bench.make, &bench.folder, cases::SOURCE_REPOSITORY).await?;
    let image = image::make(&bench.folder, &case.image)?;
    push::push(&source, cases::SOURCE_REPOSITORY, cases::TAG, &image).await?;
    for blob in &image.blobs {
        std::fs::remove_file(&blob.path)?;
    }
    Ok((source, image))
}

/// What the relay gives in truth, measured by a client that does nothing else.
async fn check_the_wire(bench: &Bench) -> Result<push::Wire> {
    let registry = Registry::start(bench.make, &bench.folder, cases::SOURCE_REPOSITORY).await?;
    let image = image::make(&bench.folder, &cases::PROBE)?;
    let relay = Relay::to(registry.address).await?;
    relay.shape(Some(cases::SHAPE));
    let wire = push::measure(&registry.through(relay.address), cases::SOURCE_REPOSITORY, &image).await;
    registry.stop().await;
    wire
}
