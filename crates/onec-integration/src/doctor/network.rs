//! Up to the first answer: name, port, TLS.

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::time::Duration;

use common::Text;
use common::http::address;
use rustls::{CertificateError, Error as TlsError};
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use url::Url;

use super::{Code, Doctor, millis};

/// Finding a name.
const RESOLVING: Duration = Duration::from_secs(5);
/// Connecting to one address.
const CONNECTING: Duration = Duration::from_secs(5);

impl Doctor<'_> {
    /// Finds the server and its port, or those of the proxy; false when nothing further can be asked.
    pub(super) async fn reach(&mut self) -> bool {
        let proxy = self
            .settings
            .proxy
            .as_ref()
            .map(|proxy| proxy.expose_secret().parse::<Url>());
        let (url, through_proxy) = match proxy {
            Some(Ok(proxy)) => (proxy, true),
            _ => (self.settings.odata.clone(), false),
        };
        let started = Instant::now();
        let reached = connect(&url).await;
        let code = match reached {
            Ok(()) => {
                let measured = json!({"connect_ms": millis(started.elapsed())});
                self.tell(Code::AddressReached, None, Some(measured));
                return true;
            }
            Err(_) if through_proxy => Code::ProxyUnreachable,
            Err(code) => code,
        };
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        let detail = Text::new(
            format!("Сервер {host}, порт {port}."),
            format!("Server {host}, port {port}."),
        );
        self.tell(code, Some(detail), None);
        false
    }
}

async fn connect(url: &Url) -> Result<(), Code> {
    let host = url
        .host_str()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .to_owned();
    let port = url.port_or_known_default().unwrap_or(80);
    let found = match timeout(RESOLVING, address::resolve(&host, port)).await {
        Ok(Ok(found)) if !found.is_empty() => found,
        Ok(Err(error)) if error.kind() == ErrorKind::PermissionDenied => return Err(Code::AddressRefused),
        _ => return Err(Code::NameNotResolved),
    };
    let mut refused = false;
    for at in found {
        match timeout(CONNECTING, TcpStream::connect(at)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => refused |= error.kind() == ErrorKind::ConnectionRefused,
            Err(_) => {}
        }
    }
    Err(if refused {
        Code::PortClosed
    } else {
        Code::NoConnection
    })
}

/// What went wrong with TLS, if that is what went wrong.
pub(super) fn tls_failure(error: &reqwest::Error) -> Option<Code> {
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(error) = cause {
        if let Some(found) = find_tls(error) {
            return Some(match found {
                TlsError::InvalidCertificate(certificate) => certificate_failure(certificate),
                TlsError::InvalidMessage(_) => Code::TlsNotSpoken,
                _ => Code::TlsFailed,
            });
        }
        cause = error.source();
    }
    None
}

/// Errors of TLS travel inside errors of input and output, which do not name them as their source.
fn find_tls<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a TlsError> {
    if let Some(found) = error.downcast_ref::<TlsError>() {
        return Some(found);
    }
    let inner = error.downcast_ref::<std::io::Error>()?.get_ref()?;
    find_tls(inner)
}

fn certificate_failure(error: &CertificateError) -> Code {
    match error {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Code::TlsExpired,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Code::TlsWrongName
        }
        // The last: a certificate of an authority that serves as a server's own, as self-signed ones do.
        CertificateError::UnknownIssuer | CertificateError::BadSignature | CertificateError::Other(_) => {
            Code::TlsUnknownAuthority
        }
        _ => Code::TlsFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_leads_to_a_refused_address_is_told() {
        let at = |url: &str| url.parse::<Url>().unwrap();
        assert_eq!(
            connect(&at("http://169.254.169.254/base")).await,
            Err(Code::AddressRefused)
        );
        assert_eq!(
            connect(&at("http://[fe80::1]/base")).await,
            Err(Code::AddressRefused)
        );
    }
}
