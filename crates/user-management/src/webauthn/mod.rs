//! Passkeys: verification of what authenticators say (Web Authentication, Level 3).
//!
//! Attestation statements are not looked at: we ask for none (`attestation: "none"`), and nothing
//! here depends on which maker's authenticator it is. User verification is always asked for, so
//! that a passkey is two factors in one.

mod authenticator_data;
mod client_data;
mod public_key;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use url::Url;
use uuid::Uuid;

use authenticator_data::AuthenticatorData;
use client_data::Ceremony;
use public_key::PublicKey;

/// COSE numbers of the signatures that are accepted, the preferred first: ES256, EdDSA, RS256.
pub(crate) const ALGORITHMS: [i64; 3] = [public_key::ES256, public_key::EDDSA, public_key::RS256];

/// Longest attestation object that is read: a real one has some hundred bytes, with certificates
/// some thousand.
const MAX_ATTESTATION_BYTES: usize = 64 * 1024;
/// Longest credential id (section 6.5.1).
const MAX_CREDENTIAL_ID_BYTES: usize = 1023;

/// Why something an authenticator said is refused; for the log only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// Not of the form that the specification has.
    #[error("the answer of the authenticator is malformed: {0}")]
    Malformed(&'static str),
    /// For another ceremony, challenge, or site.
    #[error("the answer of the authenticator is for something else: {0}")]
    Foreign(&'static str),
    /// The user was not verified by a PIN or the like.
    #[error("the authenticator has not verified its user")]
    UserNotVerified,
    /// A key or algorithm that was not offered.
    #[error("the key of the authenticator is of a kind that was not offered")]
    UnsupportedKey,
    /// The signature is wrong.
    #[error("the signature of the authenticator is wrong")]
    WrongSignature,
    /// The signature counter went back: there are two copies of the authenticator.
    #[error("the signature counter of the authenticator went back")]
    CounterWentBack,
}

/// Bytes that JSON carries as base64url.
#[derive(Debug, Clone, JsonSchema)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let decoded = URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
        decoded
            .map(Self)
            .map_err(|_| serde::de::Error::custom("is not base64url"))
    }
}

/// A new credential, as `PublicKeyCredential.toJSON()` gives it.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Creation {
    response: CreationResponse,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct CreationResponse {
    #[serde(rename = "clientDataJSON")]
    client_data: Bytes,
    #[serde(rename = "attestationObject")]
    attestation_object: Bytes,
    #[serde(default)]
    transports: Vec<String>,
}

/// The use of a credential, as `PublicKeyCredential.toJSON()` gives it.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Assertion {
    #[serde(rename = "rawId")]
    pub(crate) credential_id: Bytes,
    response: AssertionResponse,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct AssertionResponse {
    #[serde(rename = "clientDataJSON")]
    client_data: Bytes,
    #[serde(rename = "authenticatorData")]
    authenticator_data: Bytes,
    signature: Bytes,
    #[serde(rename = "userHandle", default)]
    user_handle: Option<Bytes>,
}

/// What is kept of a new credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registered {
    pub(crate) credential_id: Vec<u8>,
    /// COSE_Key.
    pub(crate) public_key: Vec<u8>,
    pub(crate) sign_count: u32,
    pub(crate) aaguid: Uuid,
    pub(crate) backed_up: bool,
    pub(crate) transports: Vec<String>,
}

/// What changes with each use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) sign_count: u32,
    pub(crate) backed_up: bool,
}

/// We, as authenticators know us.
#[derive(Debug, Clone)]
pub(crate) struct RelyingParty {
    /// The host name.
    pub(crate) id: String,
    origin: String,
}

impl RelyingParty {
    /// The one of an address; `None` for one without a host name, since an IP address cannot be one
    /// (section 5.1.2).
    pub(crate) fn of(url: &Url) -> Option<Self> {
        Some(Self {
            id: url.domain()?.to_owned(),
            origin: url.origin().ascii_serialization(),
        })
    }

    /// Verifies a new credential (section 7.1).
    pub(crate) fn register(&self, challenge: &[u8], creation: &Creation) -> Result<Registered, Refused> {
        let response = &creation.response;
        client_data::verify(&response.client_data.0, Ceremony::Create, challenge, &self.origin)?;
        let data = authenticator_data_of(&response.attestation_object.0)?;
        let data = AuthenticatorData::parse(&data)?;
        self.check(&data)?;
        let credential = data.credential.ok_or(Refused::Malformed("no credential"))?;
        if credential.id.len() > MAX_CREDENTIAL_ID_BYTES {
            return Err(Refused::Malformed("the id of the credential is too long"));
        }
        PublicKey::parse(&credential.public_key)?;
        let mut transports = response.transports.clone();
        transports.retain(|name| {
            ["usb", "nfc", "ble", "smart-card", "hybrid", "internal"].contains(&name.as_str())
        });
        transports.dedup();
        Ok(Registered {
            credential_id: credential.id.to_vec(),
            public_key: credential.public_key,
            sign_count: data.sign_count,
            aaguid: credential.aaguid,
            backed_up: data.flags.backed_up(),
            transports,
        })
    }

    /// Verifies the use of a credential of the user (section 7.2).
    pub(crate) fn verify(
        &self,
        challenge: &[u8],
        assertion: &Assertion,
        user: Uuid,
        public_key: &[u8],
        sign_count: i64,
    ) -> Result<Used, Refused> {
        let response = &assertion.response;
        if response
            .user_handle
            .as_ref()
            .is_some_and(|handle| handle.0 != user.as_bytes())
        {
            return Err(Refused::Foreign("user"));
        }
        client_data::verify(&response.client_data.0, Ceremony::Get, challenge, &self.origin)?;
        let data = AuthenticatorData::parse(&response.authenticator_data.0)?;
        self.check(&data)?;
        let client_data_hash = digest(&SHA256, &response.client_data.0);
        let signed = [&response.authenticator_data.0, client_data_hash.as_ref()].concat();
        PublicKey::parse(public_key)?.verify(&signed, &response.signature.0)?;
        // Passkeys that are copied between devices do not count, and say 0 (section 6.1.1).
        let counts = data.sign_count != 0 || sign_count != 0;
        if counts && i64::from(data.sign_count) <= sign_count {
            return Err(Refused::CounterWentBack);
        }
        Ok(Used {
            sign_count: data.sign_count,
            backed_up: data.flags.backed_up(),
        })
    }

    fn check(&self, data: &AuthenticatorData<'_>) -> Result<(), Refused> {
        if data.rp_id_hash != digest(&SHA256, self.id.as_bytes()).as_ref() {
            return Err(Refused::Foreign("relying party"));
        }
        if !data.flags.user_present() || !data.flags.user_verified() {
            return Err(Refused::UserNotVerified);
        }
        if data.flags.backed_up() && !data.flags.backup_eligible() {
            return Err(Refused::Malformed("backed up without being eligible"));
        }
        Ok(())
    }
}

fn authenticator_data_of(attestation_object: &[u8]) -> Result<Vec<u8>, Refused> {
    if attestation_object.len() > MAX_ATTESTATION_BYTES {
        return Err(Refused::Malformed("the attestation object is too large"));
    }
    let malformed = Refused::Malformed("attestation object");
    let object: Value = ciborium::from_reader(attestation_object).map_err(|_| malformed)?;
    let members = object.into_map().map_err(|_| malformed)?;
    let data = members
        .into_iter()
        .find(|(key, _)| key.as_text() == Some("authData"));
    let (_, data) = data.ok_or(malformed)?;
    data.into_bytes().map_err(|_| malformed)
}

#[cfg(test)]
mod tests;
