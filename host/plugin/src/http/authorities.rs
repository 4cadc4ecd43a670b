//! Who signs the certificates of systems that have no public one.
//!
//! A private authority is believed of the origins that a tenant may reach on a private network (`allow_private`), and of no other: whoever holds its key cannot
//! pass for a platform on the open internet.

use std::{fmt, io, sync::Arc};

use rustls::{CertificateError, RootCertStore, pki_types::CertificateDer};
use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};

/// Public authorities and those of this installation. Cheap to clone.
#[derive(Clone)]
pub struct Authorities {
    all: Arc<Vec<Certificate<'static>>>,
    own: usize,
}

/// Why a file names no authority.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthoritiesError {
    #[error("there is no certificate in it: one begins with -----BEGIN CERTIFICATE-----")]
    None,
    #[error("it is not PEM: {reason}")]
    NotPem { reason: String },
    /// `number`: from 1, in the order of the file.
    #[error("certificate {number} is not X.509: {reason}")]
    NotX509 { number: usize, reason: String },
}

impl Authorities {
    /// These beside the public ones. Other things in the file, a key, are left aside.
    pub fn from_pem(pem: &[u8]) -> Result<Self, AuthoritiesError> {
        let mut own = Vec::new();
        for item in parse_pem(pem) {
            let item = item.map_err(|error| AuthoritiesError::NotPem { reason: error.to_string() })?;
            let PemItem::Certificate(certificate) = item else { continue };
            let mut checked = RootCertStore::empty();
            checked.add(CertificateDer::from(certificate.der())).map_err(|error| {
                let reason = told(&error).map_or_else(|| error.to_string(), str::to_owned);
                AuthoritiesError::NotX509 { number: own.len() + 1, reason }
            })?;
            own.push(certificate);
        }
        if own.is_empty() {
            return Err(AuthoritiesError::None);
        }
        let count = own.len();
        own.extend(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|public| Certificate::from_der(public)));
        Ok(Self { all: Arc::new(own), own: count })
    }

    pub(super) fn roots(&self) -> RootCerts {
        RootCerts::Specific(Arc::clone(&self.all))
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorities").field("own", &self.own).finish_non_exhaustive()
    }
}

/// What is wrong with the other side's certificate, for whoever has to mend it.
pub(super) fn told(error: &rustls::Error) -> Option<&'static str> {
    let rustls::Error::InvalidCertificate(why) = error else { return None };
    Some(match why {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the server's certificate is signed by nobody whom this host believes; \
             the operator names a private authority with `ca` under [plugins]"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate is for another name"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the server's certificate has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet"
        }
        CertificateError::Revoked => "the server's certificate is revoked",
        CertificateError::BadEncoding => "the certificate cannot be read",
        _ => return None,
    })
}

/// Likewise, of what came through a stream.
pub(super) fn told_by(error: &io::Error) -> Option<&'static str> {
    error.get_ref()?.downcast_ref().and_then(told)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        thread,
        time::{Duration, Instant},
    };

    use plugboard_pack::permissions::{Addresses, Asks};
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
    use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivateKeyDer};

    use super::*;
    use crate::{
        Access,
        bindings::http::{FailureCode, Request},
        http::Fetcher,
    };

    type Issuer = CertifiedIssuer<'static, KeyPair>;

    fn authority() -> Issuer {
        let mut parameters = CertificateParams::new(Vec::new()).expect("no names");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("a key")).expect("a certificate")
    }

    /// Answers one request over TLS, with a certificate of this name that is good until then.
    fn server(issuer: &Issuer, name: &str, until: i32) -> u16 {
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        parameters.not_before = date_time_ymd(2000, 1, 1);
        parameters.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.signed_by(&key, issuer).expect("a certificate");
        let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let config = builder.with_single_cert(vec![certificate.der().clone()], key).expect("they fit");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a connection");
            let connection = ServerConnection::new(Arc::new(config)).expect("a connection");
            let mut stream = StreamOwned::new(connection, stream);
            let mut head = [0; 2_048];
            // Whoever does not believe the certificate hangs up.
            if stream.read(&mut head).is_ok_and(|length| length > 0) {
                drop(stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"));
                stream.conn.send_close_notify();
                drop(stream.flush());
            }
        });
        port
    }

    fn fetch(port: u16, authorities: Option<Authorities>) -> String {
        let origin = format!("https://localhost:{port}");
        let http = [(origin.parse().expect("an origin"), Addresses::AlsoPrivate)].into();
        let access = Access::new(Asks { http, ..Asks::default() });
        let request = Request {
            method: "GET".into(),
            url: format!("{origin}/"),
            headers: vec![],
            body: vec![],
            timeout_ms: 20_000,
            extra: vec![],
        };
        let until = Instant::now() + Duration::from_secs(20);
        match Fetcher::believing(authorities).fetch(&access, request, until) {
            Ok(answered) => format!("{} {}", answered.status, String::from_utf8_lossy(&answered.body)),
            Err(failure) if matches!(failure.code, FailureCode::Tls) => format!("tls: {}", failure.message),
            Err(failure) => format!("{failure:?}"),
        }
    }

    #[test]
    fn a_private_authority_is_believed_and_what_is_wrong_with_a_certificate_is_said() {
        let (ours, theirs) = (authority(), authority());
        let believed = Authorities::from_pem(ours.pem().as_bytes()).expect("an authority");
        let said = [
            ("good", fetch(server(&ours, "localhost", 2090), Some(believed.clone()))),
            ("another name", fetch(server(&ours, "crm.example.com", 2090), Some(believed.clone()))),
            ("expired", fetch(server(&ours, "localhost", 2020), Some(believed.clone()))),
            ("another authority", fetch(server(&theirs, "localhost", 2090), Some(believed))),
            ("none named", fetch(server(&ours, "localhost", 2090), None)),
        ];
        let said: String = said.map(|(what, said)| format!("{what}: {said}\n")).concat();
        expect_test::expect![[r#"
            good: 200 ok
            another name: tls: the server's certificate is for another name
            expired: tls: the server's certificate has expired
            another authority: tls: the server's certificate is signed by nobody whom this host believes; the operator names a private authority with `ca` under [plugins]
            none named: tls: the server's certificate is signed by nobody whom this host believes; the operator names a private authority with `ca` under [plugins]
        "#]]
        .assert_eq(&said);
    }

    #[test]
    fn public_authorities_are_believed_beside_a_private_one() {
        let both = Authorities::from_pem(authority().pem().as_bytes()).expect("an authority");
        assert_eq!(both.all.len(), 1 + webpki_root_certs::TLS_SERVER_ROOT_CERTS.len());
    }

    #[test]
    fn a_file_without_a_certificate_names_no_authority() {
        let key = KeyPair::generate().expect("a key").serialize_pem();
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let read = |pem: &str| Authorities::from_pem(pem.as_bytes()).map(drop);
        assert_eq!([read(""), read(&key)], [const { Err(AuthoritiesError::None) }; 2]);
        assert!(matches!(read(broken), Err(AuthoritiesError::NotX509 { number: 1, .. })), "{:?}", read(broken));
    }
}
