//! Where role chains begin: at the standard chain of providers, or at the job's OIDC token, asked for anew for each walk.

use std::sync::Arc;

use crate::config::environment::Environment;
use shipgate_aws::{
    base_identity::CredentialVariables,
    oidc,
    session::{self, AwsEnvironment, Base},
    web_identity::{TokenRefusal, TokenSupply},
};
use shipgate_core::{
    account::Region,
    oidc::{MissingToken, Start, TokenSource, WhyStandard},
    proxy::ProxyRules,
};

/// What chains start from, in a region.
pub(super) async fn base(region: &Region, start: &Start) -> Base {
    let environment = Environment::of_process();
    let environment = AwsEnvironment {
        variables: CredentialVariables::read(|name| environment.get(name)),
        proxies: proxies(&environment),
    };
    let base = session::base(region, environment, None).await;
    match start {
        Start::Standard(WhyStandard::Missing(missing)) => base.without_token(refusal(missing)),
        Start::Standard(WhyStandard::TurnedOff | WhyStandard::Given(_) | WhyStandard::Unexpected) => base,
        Start::Token(source) => base.entered_with(supply(source)),
        Start::Refused(missing) => base.entered_with(TokenSupply::refusing(refusal(missing))),
    }
}

/// The proxies that the environment names.
pub(super) fn proxies(environment: &Environment) -> ProxyRules {
    ProxyRules::read(|name| environment.get(name).map(str::to_owned))
}

fn refusal(missing: &MissingToken) -> TokenRefusal {
    TokenRefusal { message: missing.to_string(), hint: missing.hint() }
}

fn supply(source: &TokenSource) -> TokenSupply {
    let source = Arc::new(source.clone());
    TokenSupply::new(move || {
        let source = Arc::clone(&source);
        Box::pin(async move {
            let refused = |error: oidc::TokenError| TokenRefusal { message: error.to_string(), hint: error.hint() };
            oidc::fetch(&source).await.map_err(refused)
        })
    })
}
