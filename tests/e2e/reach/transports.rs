//! The engine behind TLS and behind ssh: the same verdicts, over every kind of call that a check makes, and for what does not
//! work, words that say what to mend.

use std::{ffi::OsString, path::Path};

use shipgate_container_check::docker::{DockerEnvironment, Engine as Connected, EngineError};
use tokio::runtime::Runtime;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use super::{
    FROM_BESIDE, IN_NO_CONTAINER, assert_judged, assert_told_apart,
    engines::Engine,
    proxy::{Authority, FakeSsh, Proxy},
    words,
};
use crate::world::shipgate;

#[test]
fn behind_tls_by_a_sidecar() {
    let engine = Engine::of_this_machine();
    let (image, authority) = (engine.load(), Authority::new("ours"));
    let proxy = Proxy::tls(engine.socket(), &authority, &TLS13);
    let judged = assert_judged(&engine, FROM_BESIDE, &[], |fails| {
        let mut shipgate = shipgate();
        shipgate.env("DOCKER_HOST", format!("tcp://localhost:{}", proxy.port()));
        shipgate.env("DOCKER_TLS_VERIFY", "1").env("DOCKER_CERT_PATH", authority.directory());
        shipgate.args(words(&image, fails)).args(["--reach", "sidecar"]).output().unwrap().into()
    });
    assert_told_apart(&judged);
}

#[test]
fn behind_ssh_by_a_sidecar() {
    let engine = Engine::of_this_machine();
    let (image, ssh) = (engine.load(), FakeSsh::new());
    let host = "ssh://dev@build:2222";
    let elsewhere = format!("the container's own address, engine {host}: the engine is behind ssh ({host})");
    let proxy =
        "a published port: never used: an engine's proxy accepts connections for an application that does not listen";
    let judged = assert_judged(&engine, FROM_BESIDE, &[IN_NO_CONTAINER, &elsewhere, proxy], |fails| {
        let mut shipgate = shipgate();
        shipgate.env("DOCKER_HOST", host).env("PATH", ssh.path());
        shipgate.args(words(&image, fails)).output().unwrap().into()
    });
    assert_told_apart(&judged);
}

/// TLS with what answers there.
fn with_tls(host: String, directory: &Path, verify: bool) -> DockerEnvironment {
    DockerEnvironment {
        docker_host: Some(host),
        docker_tls: true,
        docker_tls_verify: verify,
        docker_cert_path: Some(directory.to_owned()),
        ..DockerEnvironment::default()
    }
}

async fn refusal(environment: DockerEnvironment) -> String {
    match Connected::connect(&environment).await {
        Ok(_) => panic!("it connected: {environment:?}"),
        Err(EngineError::NotFound { tried }) => tried[0].reason.clone(),
        Err(error) => error.to_string(),
    }
}

fn refusal_now(environment: DockerEnvironment) -> String {
    runtime().block_on(refusal(environment))
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn tls_is_spoken_as_the_docker_command_speaks_it() {
    let engine = Engine::of_this_machine();
    let authority = Authority::new("ours");
    let certificates = authority.directory();
    for version in [&TLS12, &TLS13] {
        let proxy = Proxy::tls(engine.socket(), &authority, version);
        let (tcp, https) = (format!("tcp://localhost:{}", proxy.port()), format!("https://localhost:{}", proxy.port()));
        // The certificate is for `localhost`: only who does not verify it is content with it under another name.
        let unnamed = format!("tcp://127.0.0.1:{}", proxy.port());
        let by_itself = DockerEnvironment { docker_tls: false, ..with_tls(https, certificates, false) };
        for environment in [with_tls(tcp, certificates, true), with_tls(unnamed, certificates, false), by_itself] {
            let connected = runtime().block_on(Connected::connect(&environment));
            let connected = connected.unwrap_or_else(|error| panic!("{environment:?}: {error}"));
            assert_eq!(Some(&connected.facts().address), environment.docker_host.as_ref());
        }
    }
}

#[test]
fn tls_that_fails_says_what_to_mend() {
    let engine = Engine::of_this_machine();
    let (authority, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    let namesake = Authority::new("ours");
    let (nothing, unknown_here) = (tempfile::tempdir().unwrap(), authority.without_client());
    let plain = Proxy::plain(engine.socket());
    for version in [&TLS12, &TLS13] {
        let proxy = Proxy::tls(engine.socket(), &authority, version);
        let at = |host: &str| format!("tcp://{host}:{}", proxy.port());
        let without = DockerEnvironment { docker_host: Some(at("localhost")), ..DockerEnvironment::default() };
        let to_plain = with_tls(format!("tcp://localhost:{}", plain.port()), authority.directory(), true);
        let table = [
            (with_tls(at("localhost"), stranger.directory(), true), "not signed by the authority in ca.pem"),
            (with_tls(at("localhost"), namesake.directory(), true), "not signed by the authority in ca.pem"),
            (with_tls(at("localhost"), stranger.directory(), false), "a client certificate"),
            (with_tls(at("localhost"), namesake.directory(), false), "a client certificate"),
            (
                with_tls(at("localhost"), unknown_here.path(), true),
                "a client certificate, and none or another was shown",
            ),
            (with_tls(at("127.0.0.1"), authority.directory(), true), "for another host"),
            (with_tls(at("localhost"), nothing.path(), true), "ca.pem: there is no such file"),
            (without, "it does not speak plain HTTP; if it speaks TLS, set DOCKER_TLS_VERIFY"),
            (to_plain, "it does not speak TLS on that port"),
        ];
        for (environment, expected) in table {
            let reason = refusal_now(environment.clone());
            assert!(reason.contains(expected), "{version:?} {environment:?}: {reason}");
        }
    }
}

#[test]
fn ssh_that_fails_says_what_to_mend() {
    let ssh = FakeSsh::new();
    let table = [
        ("unknown", "ssh knows no host of that name (exit status: 255): ssh: Could not resolve hostname unknown"),
        ("closed", "ssh is not let in: it needs a key"),
        ("dockerless", "there is no docker command on the ssh host"),
    ];
    for (host, expected) in table {
        let reason = refusal_now(behind_ssh(host, Some(ssh.path())));
        assert!(reason.contains(expected), "{host}: {reason}");
    }
    let reason = refusal_now(behind_ssh("build", Some("/nowhere".into())));
    assert_eq!(reason, "there is no ssh command here");
}

fn behind_ssh(host: &str, path: Option<OsString>) -> DockerEnvironment {
    DockerEnvironment { docker_host: Some(format!("ssh://{host}")), path, ..DockerEnvironment::default() }
}
