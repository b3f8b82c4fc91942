//! Output that nobody reads or that cannot be written: the run ends quietly, with its own exit code. SIGHUP, which often comes with it.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
};

use crate::world::{Ran, World, shipgate, signal};

/// Runs a command whose standard output, and standard error if asked, is a pipe that nobody reads. Gives the exit code and
/// what came on standard error.
fn unread(command: &mut Command, both: bool) -> (i32, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    let talk = child.stderr.take();
    if !both {
        talk.unwrap().read_to_string(&mut stderr).unwrap();
    }
    (child.wait().unwrap().code().unwrap(), stderr)
}

#[test]
fn closed_pipe_ends_quietly_without_aws() {
    for arguments in [&["--help"][..], &["deploy", "--help"], &["schema"], &["man"], &["completions", "bash"]] {
        assert_eq!(unread(shipgate().args(arguments), false), (0, String::new()), "{arguments:?}");
    }
    // clap's own errors go to standard error.
    assert_eq!(unread(shipgate().arg("--nonsense"), true).0, 2);
}

#[test]
fn closed_pipe_keeps_the_exit_code_of_every_command() {
    let world = World::new();
    world.push("v1", &[]);
    let command = |arguments: &[&str]| {
        let mut command = world.shipgate();
        command.env("VERSION", "v1").args(arguments);
        command
    };
    let deploy = ["deploy", "--no-verify", "--output", "json"];
    assert_eq!(unread(&mut command(&deploy), false), (0, String::new()));
    assert_eq!(world.orders(), ["CreateService"], "the deployment went on without a reader");
    for arguments in [
        &["deploy", "--no-verify"][..],
        &["plan"],
        &["status"],
        &["logs"],
        &["logs", "--follow"],
        &["iam"],
        &["export", "terraform"],
        &["doctor", "--no-verify"],
    ] {
        for output in ["text", "json"] {
            let mut command = command(arguments);
            assert_eq!(unread(command.args(["--output", output]), true).0, 0, "{arguments:?} {output}");
        }
    }
    let missing = unread(command(&["deploy", "--no-verify", "--output", "json"]).env("VERSION", "v9"), false);
    assert_eq!(missing, (4, String::new()));
    let full = |arguments: &[&str]| -> Ran {
        let mut command = command(arguments);
        command.stdout(File::create("/dev/full").unwrap()).output().unwrap().into()
    };
    let read = full(&["status"]);
    assert_eq!(read.code, 1, "{}", read.said());
    assert!(read.stderr.contains("error: could not write to stdout: No space left"), "{}", read.stderr);
    let deployed = full(&deploy);
    assert_eq!(deployed.code, 0, "{}", deployed.said());
    assert!(deployed.stderr.contains("warning: could not write to stdout: No space left"), "{}", deployed.stderr);
}

#[test]
fn report_that_fails_late_is_a_warning() {
    let world = World::new();
    world.push("v1", &[]);
    let folder = world.folder().join("reports");
    fs::create_dir(&folder).unwrap();
    let mut command = world.shipgate();
    command.env("VERSION", "v1").args(["deploy", "--no-verify", "--output", "json", "--report", "reports/run.json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    // The path was tried before the first event.
    out.next().unwrap();
    fs::remove_dir(&folder).unwrap();
    out.for_each(drop);
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.code, 0, "{}", ran.said());
    let warning = "warning: could not write the report to reports/run.json: No such file or directory";
    assert!(ran.stderr.contains(warning) && !ran.stderr.contains("error:"), "{}", ran.stderr);
    assert_eq!(world.answer(), "200 v1");
}

/// `shipgate status` against an AWS that accepts connections and never answers, once it has started.
fn waiting(wrapper: &[&str]) -> (std::process::Child, BufReader<std::process::ChildStdout>, TcpStream) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = shipgate();
    if let [program, arguments @ ..] = wrapper {
        let binary = command.get_program().to_owned();
        command = Command::new(program);
        command.args(arguments).arg(binary);
    }
    command
        .args(["status", "--service", "shop-api", "--region", "eu-west-1", "--output", "json"])
        .env("AWS_ENDPOINT_URL", format!("http://{}", silent.local_addr().unwrap()))
        .env("AWS_ACCESS_KEY_ID", "AKIA")
        .env("AWS_SECRET_ACCESS_KEY", "s");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    // shipgate handles signals before it sends its first request.
    let (mut asked, _) = silent.accept().unwrap();
    asked.read_exact(&mut [0]).unwrap();
    (child, out, asked)
}

#[test]
fn hangup_is_handled_as_sigterm() {
    // The tests themselves may run under nohup.
    let (mut child, _out, _unanswered) = waiting(&["env", "--default-signal=HUP"]);
    signal(&child, "HUP");
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn hangup_is_ignored_under_nohup() {
    let (mut child, mut out, _unanswered) = waiting(&["nohup"]);
    signal(&child, "HUP");
    signal(&child, "INT");
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "the first signal counts, and SIGHUP is none: {rest}");
}
