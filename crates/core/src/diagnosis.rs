//! What `doctor` finds: named checks, each with what was seen, how to mend it, and the statement of a policy that would.

use serde::Serialize;
use serde_json::Value;

use super::{event::Outcome, exit_code::ExitCode};

/// The check of the Docker engine: alone among the checks, it is not about an identity.
pub const ENGINE: &str = "docker-engine";

/// A check that was made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Diagnosis {
    /// Its name, stable: `ci`, `base-identity`, `token`, `subject`, `clock`, `docker-engine`; `role-` and what a role is for.
    pub check: String,
    /// How it came out.
    pub outcome: Outcome,
    /// What was seen.
    pub detail: String,
    /// What else is known, by name: a token's claims, an engine's address.
    pub facts: Vec<Fact>,
    /// How to mend it; with a check that passed: what is worth knowing.
    pub hint: Option<String>,
    /// The statement that a role's trust policy lacks, as JSON.
    pub statement: Option<Value>,
}

/// Something that is known.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Fact {
    /// Its name.
    pub name: String,
    /// Its value. Of a claim: somebody else's text.
    pub value: String,
}

impl Diagnosis {
    /// All is well.
    pub fn passed(check: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(check, Outcome::Ok, detail)
    }

    /// It was passed over.
    pub fn skipped(check: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(check, Outcome::Skip, detail)
    }

    /// Something is wrong.
    pub fn failed(check: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(check, Outcome::Fail, detail)
    }

    fn new(check: impl Into<String>, outcome: Outcome, detail: impl Into<String>) -> Self {
        let (facts, hint, statement) = (Vec::new(), None, None);
        Self { check: check.into(), outcome, detail: detail.into(), facts, hint, statement }
    }

    /// With this known too.
    #[must_use]
    pub fn knowing(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.facts.push(Fact { name: name.into(), value: value.into() });
        self
    }

    /// With how to mend it.
    #[must_use]
    pub fn mended_by(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether something is wrong.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.outcome == Outcome::Fail
    }
}

/// The exit code of what was found. An identity counts before the engine, which not every job needs.
#[must_use]
pub fn exit_code(found: &[Diagnosis]) -> ExitCode {
    let failed = |is_engine: bool| found.iter().any(|one| one.is_failure() && (one.check == ENGINE) == is_engine);
    match (failed(false), failed(true)) {
        (true, _) => ExitCode::Identity,
        (false, true) => ExitCode::Unverifiable,
        (false, false) => ExitCode::Success,
    }
}

/// What was found, in a few words.
#[must_use]
pub fn summary(found: &[Diagnosis]) -> String {
    let count = |outcome| found.iter().filter(|one| one.outcome == outcome).count();
    let (passed, skipped, failed) = (count(Outcome::Ok), count(Outcome::Skip), count(Outcome::Fail));
    let passed_over = if skipped > 0 { format!(", {skipped} passed over") } else { String::new() };
    match failed {
        0 => format!("all is well: {passed} checks passed{passed_over}"),
        failed => format!("{failed} of {} checks failed{passed_over}", passed + failed),
    }
}

#[cfg(test)]
mod tests {
    use super::{Diagnosis, ENGINE, exit_code, summary};
    use crate::exit_code::ExitCode;

    #[test]
    fn an_identity_counts_before_the_engine() {
        let (good, passed_over) = (Diagnosis::passed("ci", ""), Diagnosis::skipped("token", ""));
        let (engine, role) = (Diagnosis::failed(ENGINE, ""), Diagnosis::failed("role-prod", ""));
        let table: [(&[&Diagnosis], ExitCode, &str); 4] = [
            (&[&good], ExitCode::Success, "all is well: 1 checks passed"),
            (&[&good, &passed_over], ExitCode::Success, "all is well: 1 checks passed, 1 passed over"),
            (&[&good, &engine], ExitCode::Unverifiable, "1 of 2 checks failed"),
            (&[&engine, &role, &passed_over], ExitCode::Identity, "2 of 2 checks failed, 1 passed over"),
        ];
        for (found, code, words) in table {
            let found: Vec<Diagnosis> = found.iter().map(|&one| one.clone()).collect();
            assert_eq!((exit_code(&found), summary(&found).as_str()), (code, words));
        }
    }
}
