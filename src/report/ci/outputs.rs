//! What steps and jobs after this one can read of a run: a few values under fixed names.

use std::{collections::BTreeSet, fmt::Write as _};

use super::nonces::Nonces;
use crate::report::{untrusted::cleaned, verdict};
use shipgate_core::{digest::Digest, event::Event, exit_code::ExitCode, mask::masked, operation::OperationId};

/// GitLab takes no larger file of variables by default (documentation of `artifacts:reports:dotenv`).
const MAX_DOTENV_BYTES: usize = 5 * 1024;

/// The values, as far as they are known.
#[derive(Clone, Default, Debug)]
pub struct Outputs {
    exit_code: Option<ExitCode>,
    digest: Option<Digest>,
    repositories: BTreeSet<String>,
    tags: BTreeSet<String>,
    service_arn: Option<String>,
    service_url: Option<String>,
    operation: Option<OperationId>,
    reports: Vec<String>,
}

impl Outputs {
    /// Nothing is known but where the reports will be, as they were named.
    #[must_use]
    pub fn new(reports: Vec<String>) -> Self {
        Self { reports, ..Self::default() }
    }

    /// Keeps what an event says.
    pub(in crate::report) fn add(&mut self, event: &Event) {
        if let Event::ImageResolved { digest, .. } = event {
            self.digest = Some(digest.clone());
        } else if let Event::CopyPlanned { destination, .. } | Event::CopyFailed { destination, .. } = event {
            self.repositories.insert(repository_of(destination).to_owned());
        } else if let Event::CopyFinished { destination, tag, .. } = event {
            self.repositories.insert(repository_of(destination).to_owned());
            self.tags.extend(tag.clone());
        } else if let Event::Promoted { repository, tag, .. } = event {
            self.repositories = BTreeSet::from([repository_of(repository).to_owned()]);
            self.tags = BTreeSet::from([tag.clone()]);
        } else if let Event::Released { service_arn, operation, .. } = event {
            (self.service_arn, self.operation) = (Some(service_arn.clone()), Some(operation.clone()));
        } else if let Event::OperationObserved { operation, .. } | Event::Gated { operation, .. } = event {
            self.operation = Some(operation.clone());
        } else if let Event::Status(status) = event {
            self.service_arn = Some(status.service_arn.clone());
        } else {
            self.end(event);
        }
    }

    fn end(&mut self, event: &Event) {
        let Event::RunFinished { exit_code, service_url, digest, reason, .. } = event else { return };
        self.exit_code = Some(*exit_code);
        let serving = reason.as_ref().and_then(|reason| reason.serving.as_ref());
        self.service_url = service_url.clone().or_else(|| serving.and_then(|serving| serving.url.clone()));
        self.digest = digest.clone().or(self.digest.take());
    }

    /// Names and values of what is known. A repository's and a tag's only where there is one: a copy may have many.
    fn known(&self) -> Vec<(&'static str, String)> {
        let all = [
            ("status", self.exit_code.map(|code| verdict::word(code).to_owned())),
            ("exit-code", self.exit_code.map(|code| code.number().to_string())),
            ("image-digest", self.digest.as_ref().map(ToString::to_string)),
            ("repository", only(&self.repositories).cloned()),
            ("tag", only(&self.tags).cloned()),
            ("service-arn", self.service_arn.clone()),
            ("service-url", self.service_url.clone()),
            ("operation-id", self.operation.as_ref().map(ToString::to_string)),
            ("report", (!self.reports.is_empty()).then(|| self.reports.join("\n"))),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }

    /// For `$GITHUB_OUTPUT`: each value between a delimiter of its own that no value can have in it.
    pub(super) fn to_github(&self, nonces: &mut Nonces) -> String {
        self.known().into_iter().fold(String::new(), |mut text, (name, value)| {
            let delimiter = format!("shipgate-{}", nonces.word());
            let value = value.lines().map(cleaned).collect::<Vec<_>>().join("\n");
            let _infallible = write!(text, "{name}<<{delimiter}\n{value}\n{delimiter}\n");
            text
        })
    }

    /// For GitLab and for shells: `SHIPGATE_NAME=value` a line. Neither quotes nor blanks are possible there, so a value that
    /// would need them is left out; of several reports the first one is told.
    #[must_use]
    pub fn to_dotenv(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.known() {
            let name = name.replace('-', "_").to_ascii_uppercase();
            let value = masked(value.lines().next().unwrap_or_default());
            let line = format!("SHIPGATE_{name}={value}\n");
            if is_plain(&value) && text.len() + line.len() <= MAX_DOTENV_BYTES {
                text.push_str(&line);
            }
        }
        text
    }
}

/// Whether a shell and GitLab read a value as it stands.
fn is_plain(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_alphanumeric() || "._-/:@%+=,".contains(c))
}

fn only(set: &BTreeSet<String>) -> Option<&String> {
    set.first().filter(|_| set.len() == 1)
}

/// The repository of `HOST/REPOSITORY` or `HOST/REPOSITORY:TAG`. Without the host: that has the account's id in it, and GitHub
/// drops an output with masked text.
fn repository_of(destination: &str) -> &str {
    let path = destination.split_once('/').map_or(destination, |(_, path)| path);
    path.split_once(':').map_or(path, |(path, _)| path)
}
