//! What the browser says that it asked the authenticator for (section 5.8.1).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::Refused;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ceremony {
    Create,
    Get,
}

impl Ceremony {
    fn as_str(self) -> &'static str {
        match self {
            Self::Create => "webauthn.create",
            Self::Get => "webauthn.get",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: bool,
}

/// Refuses client data of another ceremony, challenge or site.
pub(super) fn verify(json: &[u8], ceremony: Ceremony, challenge: &[u8], origin: &str) -> Result<(), Refused> {
    let data: ClientData = serde_json::from_slice(json).map_err(|_| Refused::Malformed("client data"))?;
    if data.kind != ceremony.as_str() {
        return Err(Refused::Foreign("type"));
    }
    let given = URL_SAFE_NO_PAD.decode(data.challenge);
    let given = given.map_err(|_| Refused::Malformed("challenge"))?;
    if verify_slices_are_equal(&given, challenge).is_err() {
        return Err(Refused::Foreign("challenge"));
    }
    if data.origin != origin || data.cross_origin {
        return Err(Refused::Foreign("origin"));
    }
    Ok(())
}
