//! Authorization codes, and the proof that whoever redeems one is who asked for it (PKCE, RFC 7636).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How long a code is good. It passes through the browser and is used at once.
pub(crate) const LIFETIME: Duration = Duration::seconds(60);

/// A code as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) client_id: String,
    pub(crate) user_id: Uuid,
    /// The browser's session in which the user agreed.
    pub(crate) browser_session: Uuid,
    pub(crate) redirect_uri: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) code_challenge: String,
    pub(crate) amr: Vec<String>,
    pub(crate) auth_time: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) used_at: Option<DateTime<Utc>>,
    /// The session that its tokens belong to.
    pub(crate) session_id: Option<Uuid>,
}

/// A new code, which only its holder knows.
pub(crate) fn new() -> String {
    format!("ac_{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
}

/// The name under which a code is stored.
pub(crate) fn hash(code: &str) -> Vec<u8> {
    Sha256::digest(code).to_vec()
}

/// True when the verifier is what the challenge was made of.
pub(crate) fn verifies(verifier: &str, challenge: &str) -> bool {
    let of_verifier = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    (43..=128).contains(&verifier.len())
        && verify_slices_are_equal(of_verifier.as_bytes(), challenge.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7636_verifies() {
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(verifies(verifier, challenge));
        assert!(
            !verifies(challenge, challenge),
            "the challenge itself opens nothing"
        );
        assert!(!verifies("", challenge));
        assert_ne!(new(), new());
    }
}
