//! TLS with an engine, as the docker command has it: which files, whom to trust, and what went wrong in words. It dials nothing.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio_rustls::rustls::{
    AlertDescription, CertificateError, ClientConfig, ConfigBuilder, Error as TlsError, RootCertStore, WantsVerifier,
    client::WantsClientCert,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use super::{error::EngineError, unverified::Anybody};

/// How TLS is to be spoken. The directory has `ca.pem`, `cert.pem` and `key.pem`; the last two only if the engine wants to know
/// who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct TlsFiles {
    pub(super) directory: PathBuf,
    pub(super) trust: Trust,
}

/// Whose word on the engine's identity is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trust {
    /// That of `ca.pem` alone.
    AuthorityFile,
    /// That of `ca.pem` alone, or, where there is no such file, that of this system's authorities.
    AuthorityFileOrSystem,
    /// Nobody's: encrypted, and that is all.
    Anybody,
}

impl TlsFiles {
    /// The files, read.
    ///
    /// # Errors
    /// [`EngineError::Tls`] with the file and what is wrong with it.
    pub(super) fn config(&self) -> Result<ClientConfig, EngineError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| refused(&self.directory, &error.to_string()))?;
        let trusting = self.trusting(builder, &provider)?;
        let mut config = match self.identity()? {
            None => trusting.with_no_client_auth(),
            Some((chain, key)) => trusting
                .with_client_auth_cert(chain, key)
                .map_err(|error| refused(&self.directory.join("key.pem"), &words(&error)))?,
        };
        // What is upgraded to a plain stream must not be HTTP/2.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn trusting(
        &self,
        builder: ConfigBuilder<ClientConfig, WantsVerifier>,
        provider: &CryptoProvider,
    ) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, EngineError> {
        let authorities = match self.trust {
            Trust::Anybody => {
                let anybody = Arc::new(Anybody(provider.signature_verification_algorithms));
                return Ok(builder.dangerous().with_custom_certificate_verifier(anybody));
            }
            Trust::AuthorityFile => self.authorities()?.ok_or_else(|| {
                refused(&self.directory.join("ca.pem"), "there is no such file, and the engine is to be verified")
            })?,
            Trust::AuthorityFileOrSystem => self.authorities()?.unwrap_or_else(of_the_system),
        };
        Ok(builder.with_root_certificates(authorities))
    }

    fn authorities(&self) -> Result<Option<RootCertStore>, EngineError> {
        let path = self.directory.join("ca.pem");
        let Some(certificates) = certificates(&path)? else { return Ok(None) };
        let mut store = RootCertStore::empty();
        for certificate in certificates {
            store.add(certificate).map_err(|error| refused(&path, &words(&error)))?;
        }
        Ok(Some(store))
    }

    /// The client's certificate and key. As with the docker command, both missing is no error.
    fn identity(&self) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, EngineError> {
        let (chain_path, key_path) = (self.directory.join("cert.pem"), self.directory.join("key.pem"));
        match (certificates(&chain_path)?, read(&key_path)?) {
            (None, None) => Ok(None),
            (Some(chain), Some(pem)) => {
                // The parser's own words are not passed on: they might quote the key.
                let key = PrivateKeyDer::from_pem_slice(&pem)
                    .map_err(|_| refused(&key_path, "there is no private key in it that can be read"))?;
                Ok(Some((chain, key)))
            }
            (None, Some(_)) => Err(refused(&chain_path, "there is no such file, but a key.pem")),
            (Some(_), None) => Err(refused(&key_path, "there is no such file, but a cert.pem")),
        }
    }
}

/// The certificates in a file, at least one; `None` if there is no file.
fn certificates(path: &Path) -> Result<Option<Vec<CertificateDer<'static>>>, EngineError> {
    let Some(pem) = read(path)? else { return Ok(None) };
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(Some(certificates)),
        Ok(_) | Err(_) => Err(refused(path, "there is no certificate in it that can be read")),
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, EngineError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refused(path, &error.to_string())),
    }
}

fn refused(path: &Path, reason: &str) -> EngineError {
    EngineError::Tls { path: path.to_owned(), reason: reason.to_owned() }
}

/// What this system trusts. What of it cannot be read is trusted less: no reason to stop.
fn of_the_system() -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    store
}

/// How an engine refuses who shows no certificate, or one it does not accept. Before TLS 1.3 there was no word for the former.
const REFUSALS: [AlertDescription; 8] = [
    AlertDescription::CertificateRequired,
    AlertDescription::BadCertificate,
    AlertDescription::UnknownCA,
    AlertDescription::CertificateUnknown,
    AlertDescription::CertificateExpired,
    AlertDescription::DecryptError,
    AlertDescription::HandshakeFailure,
    AlertDescription::AccessDenied,
];

/// What the TLS library says, in words a user can act on.
pub(super) fn words(error: &TlsError) -> String {
    if let TlsError::InvalidCertificate(certificate) = error {
        return of_certificate(certificate);
    }
    if matches!(error, TlsError::InvalidMessage(_)) {
        return "it does not speak TLS on that port: unset DOCKER_TLS and DOCKER_TLS_VERIFY, or take another port"
            .to_owned();
    }
    if let TlsError::AlertReceived(alert) = error
        && REFUSALS.contains(alert)
    {
        return format!(
            "it wants a client certificate, and none or another was shown ({alert:?}): cert.pem and key.pem belong beside \
             ca.pem, signed by the engine's authority"
        );
    }
    format!("TLS failed: {error}")
}

fn of_certificate(error: &CertificateError) -> String {
    if matches!(error, CertificateError::UnknownIssuer | CertificateError::BadSignature) {
        "its certificate is not signed by the authority in ca.pem: is that the right DOCKER_CERT_PATH?".to_owned()
    } else if matches!(error, CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) {
        format!("its certificate is for another host: {error}")
    } else {
        format!("its certificate is not accepted: {error}")
    }
}
