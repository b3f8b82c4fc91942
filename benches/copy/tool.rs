//! The tools, and the command lines by which each copies over plain HTTP.

use std::net::SocketAddr;

use anyhow::{Result, bail};
use tokio::process::Command;

use super::measure::Line;

/// A tool that copies images.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Tool {
    Shipgate,
    Crane,
    Skopeo,
    Regctl,
    Ocync,
    Docker,
}

const ALL: [Tool; 6] = [Tool::Shipgate, Tool::Crane, Tool::Skopeo, Tool::Regctl, Tool::Ocync, Tool::Docker];
const SHIPGATE: &str = env!("CARGO_BIN_EXE_shipgate");

/// A tool that is there, and what it calls itself.
#[derive(Clone, Debug)]
pub(crate) struct Present {
    pub(crate) tool: Tool,
    pub(crate) version: String,
}

/// From where to where.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// `HOST:PORT/REPOSITORY:TAG`.
    pub(crate) source: String,
    pub(crate) destinations: Vec<String>,
    /// Every registry named in them.
    pub(crate) hosts: Vec<SocketAddr>,
}

impl Tool {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Shipgate => "shipgate",
            Self::Crane => "crane",
            Self::Skopeo => "skopeo",
            Self::Regctl => "regctl",
            Self::Ocync => "ocync",
            Self::Docker => "docker",
        }
    }

    fn version_line(self) -> Line {
        match self {
            Self::Shipgate => line(SHIPGATE, &["--version"]),
            Self::Skopeo => line("skopeo", &["--version"]),
            Self::Crane => line("crane", &["version"]),
            Self::Regctl => line("regctl", &["version", "--format", "{{.VCSTag}}"]),
            Self::Ocync => line("ocync", &["version"]),
            Self::Docker => line("docker", &["version", "--format", "{{.Server.Version}}"]),
        }
    }

    /// The steps of a copy; the lines of a step run beside each other. A tool that knows one destination at a time is run
    /// once for each, all at once: the best that can be done with it.
    pub(crate) fn steps(self, job: &Job) -> Vec<Vec<Line>> {
        let source = job.source.as_str();
        match self {
            Self::Shipgate => {
                let references = std::iter::once(source).chain(job.destinations.iter().map(String::as_str));
                vec![vec![line(SHIPGATE, &["copy"]).into_iter().chain(references.map(str::to_owned)).collect()]]
            }
            Self::Crane => each(job, |to| line("crane", &["copy", "--insecure", source, to])),
            Self::Skopeo => each(job, |to| {
                let (from, to) = (format!("docker://{source}"), format!("docker://{to}"));
                let plain = ["--src-tls-verify=false", "--dest-tls-verify=false"];
                line("skopeo", &["--insecure-policy", "copy", "--all", plain[0], plain[1], &from, &to])
            }),
            Self::Regctl => each(job, |to| {
                let hosts = job.hosts.iter().flat_map(|host| ["--host".to_owned(), format!("reg={host},tls=disabled")]);
                let copy = ["image", "copy", source, to].map(str::to_owned);
                line("regctl", &[]).into_iter().chain(hosts).chain(copy).collect()
            }),
            Self::Ocync => each(job, |to| line("ocync", &["copy", source, to])),
            Self::Docker => {
                let tag = |to: &String| line("docker", &["tag", source, to]);
                let push = |to: &String| line("docker", &["push", "--quiet", to]);
                vec![
                    vec![line("docker", &["pull", "--quiet", source])],
                    job.destinations.iter().map(tag).collect(),
                    job.destinations.iter().map(push).collect(),
                ]
            }
        }
    }

    /// What makes the tool forget the images of a job. A daemon keeps them; the others keep nothing that helps them at
    /// registries they have not seen.
    pub(crate) fn forget(self, job: &Job) -> Option<Line> {
        let names = job.destinations.iter().chain([&job.source]).cloned();
        (self == Self::Docker).then(|| line("docker", &["image", "rm", "--force"]).into_iter().chain(names).collect())
    }

    /// Whether the copying is done in the process that is run, so that its memory is the tool's.
    pub(crate) const fn works_itself(self) -> bool {
        !matches!(self, Self::Docker)
    }

    /// Whether it packs layers anew, so that another digest is all one can have of it.
    pub(crate) const fn packs_anew(self) -> bool {
        matches!(self, Self::Docker)
    }
}

fn line(program: &str, arguments: &[&str]) -> Line {
    std::iter::once(program).chain(arguments.iter().copied()).map(str::to_owned).collect()
}

/// One line for each destination, all in one step.
fn each(job: &Job, line: impl Fn(&str) -> Line) -> Vec<Vec<Line>> {
    vec![job.destinations.iter().map(|to| line(to)).collect()]
}

/// The tools that are there, shipgate first, and those that are not.
pub(crate) async fn present(wanted: &[Tool]) -> Result<(Vec<Present>, Vec<Tool>)> {
    let (mut there, mut absent) = (Vec::new(), Vec::new());
    for tool in ALL {
        match version(tool).await {
            Some(version) if wanted.is_empty() || wanted.contains(&tool) => there.push(Present { tool, version }),
            Some(_) => {}
            None => absent.push(tool),
        }
    }
    if there.is_empty() {
        bail!("none of the tools is there");
    }
    Ok((there, absent))
}

async fn version(tool: Tool) -> Option<String> {
    let line = tool.version_line();
    let (program, arguments) = line.split_first()?;
    let output = Command::new(program).args(arguments).output().await.ok()?;
    if !output.status.success() && !tool.works_itself() {
        return None; // a client without its daemon
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let words = said.lines().next().unwrap_or_default().split_whitespace();
    let version = words.map(|word| word.trim_end_matches(',')).find(|word| word.contains(|c: char| c.is_ascii_digit()));
    Some(version.unwrap_or("of an unknown version").to_owned())
}
