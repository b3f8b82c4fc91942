//! Where the job runs, and who it is there: its token, or the credentials that it was given.

use serde_json::Value;

use super::Beginning;
use shipgate_aws::{
    identity::IdentityError,
    oidc,
    session::{Base, Session},
};
use shipgate_core::{
    access::Access,
    ci::CiSystem,
    diagnosis::Diagnosis,
    oidc::{Claims, MissingToken, Start, TokenSource, WhyStandard},
};

const TOKEN: &str = "token";
const BASE: &str = "base-identity";

/// Which CI system it is.
pub(super) fn system(system: Option<CiSystem>) -> Diagnosis {
    match system {
        Some(system) => Diagnosis::passed("ci", system.to_string()),
        None => Diagnosis::skipped("ci", "none: this is a person's machine, as far as its variables tell"),
    }
}

/// Where role chains begin.
pub(super) async fn beginning(start: &Start, base: &Base) -> (Vec<Diagnosis>, Beginning) {
    match start {
        Start::Token(source) => token(source).await,
        Start::Refused(missing) => (vec![absent(missing, true)], Beginning { claims: None, caller: None }),
        Start::Standard(why) => {
            let caller = caller(base).await;
            let told = vec![unused(why, caller.is_ok()), base_identity(&caller)];
            (told, Beginning { claims: None, caller: caller.ok() })
        }
    }
}

/// Asks for the job's token, and reads what it says.
async fn token(source: &TokenSource) -> (Vec<Diagnosis>, Beginning) {
    let fetched = oidc::fetch(source).await;
    let claims = fetched.as_ref().ok().and_then(Claims::read);
    let told = match (&fetched, &claims) {
        (Err(error), _) => vec![Diagnosis::failed(TOKEN, error.to_string()).mended_by(error.hint())],
        (Ok(_), None) => vec![Diagnosis::failed(TOKEN, "what came is no token")],
        (Ok(_), Some(claims)) => vec![described(source, claims), subject(claims)],
    };
    (told, Beginning { claims, caller: None })
}

fn described(source: &TokenSource, claims: &Claims) -> Diagnosis {
    let from = match source {
        TokenSource::Endpoint { .. } => "GitHub's token endpoint".to_owned(),
        TokenSource::Variable { name, .. } => name.clone(),
        TokenSource::Program { program, .. } => program.name().to_owned(),
    };
    let audience = claims.audience().unwrap_or("nobody");
    let found = Diagnosis::passed(TOKEN, format!("from {from}, for audience {audience}"));
    claims.all().iter().fold(found, |found, (name, value)| found.knowing(name, text(value)))
}

/// Texts as they are, everything else as JSON.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The subject in the form that it has, beside the one that it cannot lose.
fn subject(claims: &Claims) -> Diagnosis {
    const NAME: &str = "subject";
    let Some(subject) = claims.subject() else {
        return Diagnosis::failed(NAME, "the token has no sub").mended_by("roles can only trust a token that has one");
    };
    let found = Diagnosis::passed(NAME, subject);
    match claims.immutable_subject() {
        Some(immutable) if immutable == subject => {
            found.knowing("form", "immutable: with the numbers of owner and repository")
        }
        Some(immutable) => found.knowing("immutable", immutable).mended_by(
            "whoever takes over the name of the repository or its owner has this sub too; once the repository's OIDC \
             settings are switched to the immutable form, trust that one alone",
        ),
        None => found,
    }
}

/// Why the token is not used.
fn unused(why: &WhyStandard, is_base_had: bool) -> Diagnosis {
    match why {
        WhyStandard::TurnedOff => Diagnosis::skipped(TOKEN, "turned off: `oidc: { when: off }`"),
        WhyStandard::Given(by) => {
            Diagnosis::skipped(TOKEN, format!("not used: the job was given credentials, by {by}"))
                .mended_by("`--oidc always` uses the job's token all the same")
        }
        WhyStandard::Unexpected => Diagnosis::skipped(TOKEN, "nothing here gives tokens to jobs"),
        WhyStandard::Missing(missing) => absent(missing, !is_base_had),
    }
}

fn absent(missing: &MissingToken, is_needed: bool) -> Diagnosis {
    let make = if is_needed { Diagnosis::failed } else { Diagnosis::skipped };
    make(TOKEN, missing.to_string()).mended_by(missing.hint())
}

/// Whose the base identity is.
async fn caller(base: &Base) -> Result<String, IdentityError> {
    let access = Access { hops: Vec::new(), region: base.region() };
    Session::open(base, &access, "this job").await.map(|session| session.arn().to_owned())
}

fn base_identity(caller: &Result<String, IdentityError>) -> Diagnosis {
    match caller {
        Ok(arn) => Diagnosis::passed(BASE, arn),
        Err(error) => Diagnosis::failed(BASE, super::roles::told(error)).mended_by(error.hint()),
    }
}
