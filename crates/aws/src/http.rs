//! The HTTP client of every AWS call: it uses a proxy where the rules name one, and says which host could not be reached, and why.

use std::{error::Error, fmt};

use aws_smithy_http_client::{Builder, ConnectorBuilder, proxy::ProxyConfig, tls};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};

use shipgate_core::{
    connection::ConnectionProblem,
    proxy::{Proxy, ProxyRules},
};

/// A request that got no answer.
#[derive(Debug)]
pub(super) struct Unanswered {
    /// Why, in one line.
    pub(super) problem: ConnectionProblem,
    source: Box<dyn Error + Send + Sync>,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(formatter)
    }
}

impl Error for Unanswered {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}

/// A client for these rules. The SDK's own reads `NO_PROXY` too, but knows neither `HOST:PORT` nor `*.DOMAIN` in it.
pub(super) fn client(rules: &ProxyRules) -> SharedHttpClient {
    let via = |proxy: Option<&Proxy>, make: fn(&str) -> Option<ProxyConfig>| {
        let proxy = proxy.filter(|proxy| proxy.is_http())?;
        make(proxy.url()).map(route)
    };
    SharedHttpClient::new(Routes {
        direct: route(ProxyConfig::disabled()),
        http: via(rules.http(), |url| ProxyConfig::http(url).ok()),
        https: via(rules.https(), |url| ProxyConfig::https(url).ok()),
        rules: rules.clone(),
    })
}

/// As `aws_smithy_runtime` builds its default client (client/http.rs), with this proxy.
fn route(proxy: ProxyConfig) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let crypto = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
        let mut builder = ConnectorBuilder::default().tls_provider(crypto).proxy_config(proxy.clone());
        builder.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            builder.set_sleep_impl(components.sleep_impl());
        }
        builder.build()
    })
}

/// The ways that requests go.
#[derive(Debug)]
struct Routes {
    rules: ProxyRules,
    direct: SharedHttpClient,
    http: Option<SharedHttpClient>,
    https: Option<SharedHttpClient>,
}

impl HttpClient for Routes {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let connector = |client: &SharedHttpClient| client.http_connector(settings, components);
        SharedHttpConnector::new(Router {
            rules: self.rules.clone(),
            direct: connector(&self.direct),
            http: self.http.as_ref().map(connector),
            https: self.https.as_ref().map(connector),
        })
    }
}

/// The same for one client's settings.
#[derive(Debug)]
struct Router {
    rules: ProxyRules,
    direct: SharedHttpConnector,
    http: Option<SharedHttpConnector>,
    https: Option<SharedHttpConnector>,
}

impl HttpConnector for Router {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (scheme, host, port) = place(request.uri());
        let proxy = self.rules.proxy_for(&scheme, &host, port).map(ToString::to_string);
        let connector = match (&proxy, scheme.as_str()) {
            (None, _) => Some(&self.direct),
            (Some(_), "http") => self.http.as_ref(),
            (Some(_), _) => self.https.as_ref(),
        };
        let host = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let Some(connector) = connector else {
            let unusable = ConnectorError::user("the proxy cannot be used".into());
            return HttpConnectorFuture::ready(Err(explained(unusable, &host, proxy.as_deref())));
        };
        let is_relayed = proxy.is_some() && scheme == "http";
        let answer = connector.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await.map_err(|error| explained(error, &host, proxy.as_deref()))?;
            // Without TLS the proxy answers in the place of the service; RFC 9110, 15.5.8: 407 is of proxies alone.
            if is_relayed && answer.status().as_u16() == 407 {
                let refused = ConnectorError::user("proxy authentication required".into());
                return Err(explained(refused, &host, proxy.as_deref()));
            }
            Ok(answer)
        })
    }
}

/// Scheme, host and port of an address.
fn place(uri: &str) -> (String, String, Option<u16>) {
    let (scheme, rest) = uri.split_once("://").unwrap_or(("https", uri));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => (scheme.to_owned(), host.to_owned(), port.parse().ok()),
        _ => (scheme.to_owned(), authority.to_owned(), None),
    }
}

/// The same error, which counts for retries as it did, with the reason on top.
fn explained(error: ConnectorError, host: &str, proxy: Option<&str>) -> ConnectorError {
    let problem = ConnectionProblem::read(host, proxy, &texts(&error));
    let (is_timeout, is_io, is_user, kind) = (error.is_timeout(), error.is_io(), error.is_user(), error.as_other());
    let connection = error.connection_metadata().cloned();
    let source = Box::new(Unanswered { problem, source: error.into_source() });
    let explained = if is_timeout {
        ConnectorError::timeout(source)
    } else if is_io {
        ConnectorError::io(source)
    } else if is_user {
        ConnectorError::user(source)
    } else {
        ConnectorError::other(source, kind)
    };
    match connection {
        Some(connection) => explained.with_connection(connection),
        None => explained,
    }
}

/// An error and its causes, the outermost first.
pub(super) fn texts(error: &(dyn Error + 'static)) -> Vec<String> {
    std::iter::successors(Some(error), |error| inner(*error)).map(ToString::to_string).collect()
}

/// `io::Error::source` skips the error that it was made of.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(payload) => Some(payload),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests;
