//! Who we are to peers that connect by TLS, and whom we believe.
//!
//! Certificates are replaced while the process runs: a connection is made with what stands at its beginning.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};

/// Where the certificates are, in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Our own, then those that signed it.
    pub certificates: PathBuf,
    /// The first one's key (PKCS #8, PKCS #1 or SEC 1).
    pub key: PathBuf,
    /// Those that sign our peers' certificates, beside the public ones.
    pub authorities: Option<PathBuf>,
    /// What is asked of those who connect to us.
    pub clients: ClientCertificates,
}

/// What is asked of those who connect to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    #[default]
    None,
    /// Whoever shows one that [`TlsFiles::authorities`] signed is known by its names; whoever shows none is let in.
    Optional,
    /// Nobody without one.
    Required,
}

/// Why certificates cannot be used. What stood before stays.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{} cannot be read: {source}", file.display())]
    Unreadable { file: PathBuf, source: pem::Error },
    #[error("{} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)", file.display())]
    NoCertificate { file: PathBuf },
    #[error("a certificate of {} cannot be used: {source}", file.display())]
    BadCertificate { file: PathBuf, source: rustls::Error },
    #[error("the key in {} is not that of the first certificate in {}, or of no kind that is known: {source}", key.display(), certificates.display())]
    BadKey { certificates: PathBuf, key: PathBuf, source: rustls::Error },
    #[error("clients shall show certificates, and no file says who signs them: set the authorities")]
    NoAuthorities,
}

/// Made of [`TlsFiles`], and made anew when they change.
pub struct Tls {
    files: TlsFiles,
    made: RwLock<Made>,
}

#[derive(Clone)]
struct Made {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

/// Without keys.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let made = RwLock::new(make(&files)?);
        Ok(Self { files, made })
    }

    /// Reads the files once more, for connections from then on.
    pub fn reload(&self) -> Result<(), TlsError> {
        let made = make(&self.files)?;
        *self.made.write().unwrap_or_else(PoisonError::into_inner) = made;
        Ok(())
    }

    pub fn files(&self) -> &TlsFiles {
        &self.files
    }

    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.made.read().unwrap_or_else(PoisonError::into_inner).server)
    }

    pub(crate) fn client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.made.read().unwrap_or_else(PoisonError::into_inner).client)
    }
}

fn make(files: &TlsFiles) -> Result<Made, TlsError> {
    let own = certificates(&files.certificates)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|source| TlsError::Unreadable { file: files.key.clone(), source })?;
    let bad_key =
        |source| TlsError::BadKey { certificates: files.certificates.clone(), key: files.key.clone(), source };
    let provider = Arc::new(ring::default_provider());
    let versions = "ring has the suites of TLS 1.2 and 1.3";
    let theirs = files.authorities.as_deref().map(authorities).transpose()?;
    let verifier = client_verifier(files.clients, theirs.as_ref(), &provider)?;
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect(versions)
        .with_client_cert_verifier(verifier)
        .with_single_cert(own.clone(), key.clone_key())
        .map_err(bad_key)?;
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.roots.extend(theirs.into_iter().flat_map(|store| store.roots));
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect(versions)
        .with_root_certificates(roots)
        // A trunk that wants to know who calls learns it from the same certificate.
        .with_client_auth_cert(own, key)
        .map_err(bad_key)?;
    Ok(Made { server: Arc::new(server), client: Arc::new(client) })
}

fn client_verifier(
    wanted: ClientCertificates,
    authorities: Option<&RootCertStore>,
    provider: &Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    if wanted == ClientCertificates::None {
        return Ok(WebPkiClientVerifier::no_client_auth());
    }
    let roots = authorities.cloned().ok_or(TlsError::NoAuthorities)?;
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = if wanted == ClientCertificates::Optional { builder.allow_unauthenticated() } else { builder };
    builder.build().map_err(|_| TlsError::NoAuthorities)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |source| TlsError::Unreadable { file: file.to_owned(), source };
    let found = CertificateDer::pem_file_iter(file).map_err(unreadable)?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(unreadable)?;
    if found.is_empty() {
        return Err(TlsError::NoCertificate { file: file.to_owned() });
    }
    Ok(found)
}

fn authorities(file: &Path) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(file)? {
        let bad = |source| TlsError::BadCertificate { file: file.to_owned(), source };
        store.add(certificate).map_err(bad)?;
    }
    Ok(store)
}

/// The domains that a certificate is for (RFC 5922 §7.1): its DNS names, and `sip:` URIs without a user.
pub(crate) fn domains(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else { return Vec::new() };
    let uris = certificate.valid_uri_names().filter_map(|uri| {
        let (scheme, rest) = uri.split_once(':')?;
        let plain = scheme.eq_ignore_ascii_case("sip") && !rest.contains(['@', ';', '?', ':']);
        plain.then_some(rest)
    });
    let mut domains: Vec<String> =
        certificate.valid_dns_names().chain(uris).map(str::to_ascii_lowercase).take(MOST_DOMAINS).collect();
    domains.sort();
    domains.dedup();
    domains
}

/// Names of one certificate that are looked at.
const MOST_DOMAINS: usize = 64;
