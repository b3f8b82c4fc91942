//! What is alike in every CI: a process with the job's environment, its output in one stream, and how it is cancelled.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use crate::world::World;

/// How a job stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// Every step so far has passed.
    Well,
    /// One has not.
    Failed,
    /// Somebody has cancelled it.
    Cancelled,
}

/// Variables.
pub(super) type Variables = BTreeMap<String, String>;

/// A job that does not go to its end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    /// It is cancelled at a line with this in it, as GitHub's runner cancels.
    Cancelled(&'static str),
    /// Its process is killed there, as nothing can be prepared for.
    Killed(&'static str),
}

impl Cut {
    fn is_at(self, line: &str) -> bool {
        let (Self::Cancelled(mark) | Self::Killed(mark)) = self;
        line.contains(mark)
    }

    fn signal(self) -> &'static str {
        match self {
            Self::Cancelled(_) => "INT",
            Self::Killed(_) => "KILL",
        }
    }
}

/// What a process left.
#[derive(Debug)]
pub(super) struct Ended {
    /// 128 and the signal's number where a signal ended it, as shells have it.
    pub(super) code: i32,
    /// Both streams, as they came.
    pub(super) log: String,
    /// Whether it was cancelled.
    pub(super) cancelled: bool,
}

/// What every job has of the machine and of the sandbox: where AWS is, and nobody's keys.
pub(super) fn without_keys(world: &World) -> Variables {
    let like = world.shipgate();
    let all =
        like.get_envs().filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value?.to_str()?.to_owned())));
    all.filter(|(name, _)| !["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].contains(&name.as_str())).collect()
}

/// The same with the base identity's keys in the environment.
pub(super) fn with_keys(world: &World) -> Variables {
    let like = world.shipgate();
    let all =
        like.get_envs().filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value?.to_str()?.to_owned())));
    all.collect()
}

/// Runs a process to its end, or to where it is cut short.
pub(super) fn run(command: &mut Command, environment: &Variables, cut: Option<Cut>) -> Ended {
    let (reader, writer) = std::io::pipe().unwrap();
    command.env_clear().envs(environment).stdin(Stdio::null());
    let mut child = command.stdout(writer.try_clone().unwrap()).stderr(writer).spawn().unwrap();
    // The pipe ends when the process does, not when its description here does.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (mut log, mut stopping) = (String::new(), None);
    for line in BufReader::new(reader).lines() {
        let line = line.unwrap();
        if let Some(cut) = cut.filter(|cut| stopping.is_none() && cut.is_at(&line)) {
            stopping = Some(stop(child.id(), cut.signal()));
        }
        log.push_str(&line);
        log.push('\n');
    }
    let code = ended(&mut child);
    if let Some((done, stopped)) = stopping {
        drop(done);
        stopped.join().unwrap();
        return Ended { code, log, cancelled: true };
    }
    assert!(cut.is_none(), "{cut:?} never came: {log}");
    Ended { code, log, cancelled: false }
}

fn ended(child: &mut Child) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    let status = child.wait().unwrap();
    status.code().or(status.signal().map(|number| 128 + number)).unwrap()
}

/// The first signal now, SIGTERM after 7.5 s, SIGKILL after 2.5 s more, unless the process has ended by then.
fn stop(process: u32, first: &str) -> (std::sync::mpsc::Sender<()>, thread::JoinHandle<()>) {
    let (done, watching) = channel();
    signal(process, first);
    let patience = [("TERM", Duration::from_millis(7_500)), ("KILL", Duration::from_millis(2_500))];
    (done, thread::spawn(move || lose_patience(process, &patience, &watching)))
}

fn lose_patience(process: u32, patience: &[(&str, Duration)], watching: &Receiver<()>) {
    for (name, wait) in patience {
        match watching.recv_timeout(*wait) {
            Err(RecvTimeoutError::Timeout) => signal(process, name),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn signal(process: u32, name: &str) {
    Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status().unwrap();
}
