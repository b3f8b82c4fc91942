//! The four scenes. Each runs this program as a user would, then checks what it claims.

use std::{io::IsTerminal, process::Stdio, time::Duration};

use serde_json::Value;
use tokio::process::Child;

use super::{
    watch::{self, Watched},
    world::{DemoError, World},
};
use crate::{
    cli::{console::say, signals},
    pipeline::cancellation::Signal,
};
use shipgate_core::exit_code::ExitCode;

/// The tag the service deploys from: its name, as nothing else is configured.
const TAG: &str = "shop-api";

/// How long a deployment may take to clean up after a signal.
const CLEAN_UP: Duration = Duration::from_secs(15);

/// Asks a deployment to end, and waits until it has cleaned up. A terminal's Ctrl-C has reached it already; once more is
/// not asked for then, because a second signal would make it leave its container behind.
async fn end_in_good_order(child: &mut Child, signal: Signal) {
    let has_reached_it = signal == Signal::Interrupt && std::io::stdin().is_terminal();
    if !has_reached_it && let Some(id) = child.id() {
        tokio::process::Command::new("kill").args(["-TERM", &id.to_string()]).status().await.ok();
    }
    if tokio::time::timeout(CLEAN_UP, child.wait()).await.is_err() {
        child.kill().await.ok();
    }
}

/// What a run of the program came to.
struct Ran {
    code: Option<i32>,
    report: Value,
}

/// The story so far.
pub(super) struct Story<'a> {
    world: &'a World,
    url: Option<String>,
    held: usize,
    broken: Vec<String>,
}

impl<'a> Story<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        Self { world, url: None, held: 0, broken: Vec::new() }
    }

    /// (a) There is no service. The first deployment creates it.
    pub(super) async fn first_deployment(&mut self) -> Result<(), DemoError> {
        title("1. The first deployment creates the service");
        let ran = self.deploy("v1").await?;
        self.claim("shipgate ended with 0: deployed", ran.code == Some(0));
        self.url = ran.report["service_url"].as_str().map(str::to_owned);
        let answer = self.answer().await;
        self.claim("the service's URL answers v1", answer.as_deref() == Some("v1"));
        Ok(())
    }

    /// (b) The service runs. The second version replaces the first without a gap.
    pub(super) async fn second_deployment(&mut self) -> Result<(), DemoError> {
        title("2. A new version replaces the old one without a gap");
        let (ran, watched) = self.deploy_watched("v2").await?;
        self.claim("shipgate ended with 0: deployed", ran.code == Some(0));
        self.claim_no_gap(watched);
        let answer = self.answer().await;
        self.claim("the service's URL answers v2", answer.as_deref() == Some("v2"));
        Ok(())
    }

    /// (c) An image that cannot become healthy gets no further than the local check.
    pub(super) async fn unhealthy_image(&mut self) -> Result<(), DemoError> {
        title("3. An image that answers 500 is stopped by the local check");
        let tag = self.world.tag(TAG).await?;
        let asked = self.world.deployments_asked_for().await?;
        let (ran, watched) = self.deploy_watched("v3").await?;
        self.claim("shipgate ended with 6: unhealthy", ran.code == Some(6));
        let same_tag = self.world.tag(TAG).await? == tag && tag.is_some();
        self.claim("the tag points where it did", same_tag);
        let same_count = self.world.deployments_asked_for().await? == asked;
        self.claim("App Runner was not asked to change anything", same_count);
        self.claim_no_gap(watched);
        let answer = self.answer().await;
        self.claim("the service's URL still answers v2", answer.as_deref() == Some("v2"));
        Ok(())
    }

    /// (d) An image that is healthy here and fails there, because only the service is given the secret.
    pub(super) async fn rolled_back_deployment(&mut self) -> Result<(), DemoError> {
        title("4. An image that fails only in the cloud is rolled back, and the reason is told");
        let (ran, watched) = self.deploy_watched("v4").await?;
        self.claim("shipgate ended with 8: rolled back", ran.code == Some(8));
        let causes = ran.report["causes"].to_string();
        self.claim("the report names the exit code", causes.contains("exit code: 1"));
        self.claim("the report quotes the application", causes.contains("cannot reach the database"));
        self.claim_no_gap(watched);
        let answer = self.answer().await;
        self.claim("the service's URL still answers v2", answer.as_deref() == Some("v2"));
        Ok(())
    }

    /// The sum.
    pub(super) fn end(&self) -> ExitCode {
        title("The end");
        if self.broken.is_empty() {
            say(&format!("All {} claims held. Nothing outside this machine was called.", self.held));
            return ExitCode::Success;
        }
        say(&format!("{} claims held, {} did not:", self.held, self.broken.len()));
        self.broken.iter().for_each(|claim| say(&format!("  ✗ {claim}")));
        ExitCode::Internal
    }

    async fn deploy_watched(&self, version: &str) -> Result<(Ran, Watched), DemoError> {
        let url = self.url.clone().unwrap_or_default();
        let (ran, watched) = watch::while_asking(&self.world.http, &url, self.deploy(version)).await;
        Ok((ran?, watched))
    }

    /// Runs `shipgate deploy` in the demo's folder, its output on this terminal.
    async fn deploy(&self, version: &str) -> Result<Ran, DemoError> {
        let failed = |source| DemoError::Io { what: "shipgate cannot be run", source };
        let report = self.world.folder().join(format!("{version}.json"));
        say(&format!("$ VERSION={version} shipgate deploy"));
        let mut child = tokio::process::Command::new(std::env::current_exe().map_err(failed)?)
            .args(["deploy", "--report"])
            .arg(&report)
            .current_dir(self.world.folder())
            .env_clear()
            .envs(self.world.environment())
            .env("VERSION", version)
            .stdin(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let status = tokio::select! {
            status = child.wait() => status.map_err(failed)?,
            signal = signals::next() => {
                end_in_good_order(&mut child, signal).await;
                return Err(DemoError::Cancelled(signal));
            }
        };
        let text = std::fs::read_to_string(&report).unwrap_or_default();
        Ok(Ran { code: status.code(), report: serde_json::from_str(&text).unwrap_or(Value::Null) })
    }

    /// What the service's URL answers, if it answers 200.
    async fn answer(&self) -> Option<String> {
        let answer = self.world.http.get(self.url.as_deref()?).send().await.ok()?;
        let good = answer.status() == 200;
        let text = answer.text().await.ok()?;
        good.then(|| text.trim().to_owned())
    }

    fn claim_no_gap(&mut self, watched: Watched) {
        let Watched { answered, missed } = watched;
        let claim = format!("the URL answered all the while: {answered} requests, {missed} without an answer of 200");
        self.claim(&claim, missed == 0 && answered > 0);
    }

    fn claim(&mut self, claim: &str, holds: bool) {
        if holds {
            self.held += 1;
            say(&format!("  ✓ {claim}"));
        } else {
            self.broken.push(claim.to_owned());
            say(&format!("  ✗ {claim}"));
        }
    }
}

fn title(text: &str) {
    say(&format!("\n━━ {text}"));
}
