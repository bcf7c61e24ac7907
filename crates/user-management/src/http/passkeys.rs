//! `/users/me/passkeys`.

use ::http::{HeaderMap, StatusCode};
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use common::auth::Identity;
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{Json, Path, Problem};
use common::{Text, ids};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::login::no_store;
use super::second_factors::{Codes, factor_removed, held_account, own_account, shown};
use super::users::violation;
use super::{Client, secret};
use crate::account::PersonName;
use crate::challenges::{self, Purpose};
use crate::error::Error;
use crate::login::{self, Method, Proof};
use crate::mail::Notice;
use crate::record::Audited;
use crate::store::passkeys::{CREDENTIAL_KEY, Listed};
use crate::webauthn::{ALGORITHMS, Creation, RelyingParty};
use crate::{AppState, store};

/// What browsers show as the name of the site.
pub(super) const PRODUCT: &str = "AI Assistants for 1C";
/// More than anybody has devices.
const MOST_PASSKEYS: usize = 20;
/// How long a browser waits for the user, in milliseconds.
const TIMEOUT: u64 = 300_000;

/// `PublicKeyCredentialRequestOptionsJSON` (Web Authentication, section 5.5.2). Without passkeys
/// the browser offers those that it has for the site.
pub(super) fn request_options(relying_party: &RelyingParty, challenge: &[u8], passkeys: &[Listed]) -> Value {
    json!({
        "rpId": relying_party.id,
        "challenge": URL_SAFE_NO_PAD.encode(challenge),
        "timeout": TIMEOUT,
        "userVerification": "required",
        "allowCredentials": passkeys.iter().map(descriptor).collect::<Vec<_>>(),
    })
}

fn descriptor(passkey: &Listed) -> Value {
    json!({
        "type": "public-key",
        "id": URL_SAFE_NO_PAD.encode(&passkey.credential_id),
        "transports": passkey.transports,
    })
}

/// A passkey as its owner sees it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PasskeyResponse {
    id: Uuid,
    name: String,
    /// Whether it is copied between the user's devices.
    backed_up: bool,
    created_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
}

impl From<Listed> for PasskeyResponse {
    fn from(passkey: Listed) -> Self {
        Self {
            id: passkey.id,
            name: passkey.name,
            backed_up: passkey.backed_up,
            created_at: passkey.created_at,
            last_used_at: passkey.last_used_at,
        }
    }
}

/// What a browser makes a passkey with.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CreationRequest {
    challenge: String,
    public_key: Value,
}

/// Begins to add a passkey.
pub(crate) async fn options(
    State(state): State<AppState>,
    identity: Identity,
) -> Result<(HeaderMap, Json<CreationRequest>), Problem> {
    let relying_party = state.second_factors.relying_party()?;
    let now = state.clock.now();
    let mut connection = state.db.acquire().await.store("acquire")?;
    login::require_fresh(&mut connection, &state, &identity).await?;
    let user = own_account(&mut connection, &identity).await?;
    let passkeys = store::passkeys::list(&mut connection, user.id).await?;
    if passkeys.len() >= MOST_PASSKEYS {
        return Err(Error::TooManyPasskeys.into());
    }
    let nothing = Proof::nothing(now);
    let (purpose, methods) = (Purpose::PasskeyRegistration, vec![Method::Passkey]);
    let challenge =
        challenges::begin(&mut connection, purpose, Some(user.id), &nothing, methods, now).await?;
    let parameters = ALGORITHMS.map(|alg| json!({ "type": "public-key", "alg": alg }));
    let public_key = json!({
        "rp": { "id": relying_party.id, "name": PRODUCT },
        "user": {
            "id": URL_SAFE_NO_PAD.encode(user.id.as_bytes()),
            "name": user.email.as_str(),
            "displayName": user.name,
        },
        "challenge": URL_SAFE_NO_PAD.encode(challenge.passkey_challenge.unwrap_or_default()),
        "pubKeyCredParams": parameters,
        "timeout": TIMEOUT,
        "excludeCredentials": passkeys.iter().map(descriptor).collect::<Vec<_>>(),
        "authenticatorSelection": {
            "residentKey": "preferred",
            "requireResidentKey": false,
            "userVerification": "required",
        },
        "attestation": "none",
    });
    let body = CreationRequest {
        challenge: challenge.token.expose_secret().to_owned(),
        public_key,
    };
    Ok((no_store(), Json(body)))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct AddPasskey {
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String")]
    challenge: SecretString,
    name: String,
    passkey: Creation,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Added {
    #[serde(flatten)]
    passkey: PasskeyResponse,
    /// With the first second factor only.
    #[serde(flatten)]
    codes: Codes,
}

/// Adds a passkey. With the first second factor of the account come recovery codes.
pub(crate) async fn add(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Json(body): Json<AddPasskey>,
) -> Result<(StatusCode, HeaderMap, Json<Added>), Problem> {
    let relying_party = state.second_factors.relying_party()?;
    let name = name(&body.name)?;
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    let purpose = Purpose::PasskeyRegistration;
    let taken = challenges::take(&mut transaction, &body.challenge, purpose, now).await?;
    let expected = taken
        .passkey_challenge
        .as_deref()
        .filter(|_| taken.user_id == Some(identity.user_id));
    let expected = expected.ok_or(Error::ChallengeInvalid)?;
    let registered = match relying_party.register(expected, &body.passkey) {
        Ok(registered) => registered,
        Err(refused) => {
            transaction.commit().await.store("commit")?;
            return Err(Error::PasskeyRefused(refused).into());
        }
    };
    challenges::met(&mut transaction, &taken).await?;
    let first = store::second_factors::methods(&mut transaction, identity.user_id)
        .await?
        .is_empty();
    let owner = own_account(&mut transaction, &identity).await?;
    let (id, user) = (ids::new_id(), owner.id);
    store::passkeys::insert(&mut transaction, id, user, name.as_str(), &registered, now)
        .await
        .map_err(|error| {
            if error.breaks(CREDENTIAL_KEY) {
                Error::PasskeyExists
            } else {
                error.into()
            }
        })?;
    let codes = if first {
        let codes = state
            .second_factors
            .make_recovery_codes(&mut transaction, user, now)
            .await?;
        Some(shown(&codes))
    } else {
        None
    };
    let audited = Audited {
        action: "users.passkey_added",
        outcome: Outcome::Success,
        user: Some(user),
        details: json!({ "passkey": id, "backed_up": registered.backed_up, "aaguid": registered.aaguid }),
    };
    let actor = Some((&identity).into());
    audited
        .append(&mut transaction, &state.clock, actor, Some(&client))
        .await?;
    let (notice, about) = (Notice::PasskeyAdded, Some(name.as_str()));
    let told = state
        .mailer
        .notify(&mut transaction, &owner, notice, about, &client, now);
    told.await?;
    transaction.commit().await.store("commit")?;
    let passkey = PasskeyResponse {
        id,
        name: name.as_str().to_owned(),
        backed_up: registered.backed_up,
        created_at: now,
        last_used_at: None,
    };
    let codes = Codes {
        recovery_codes: codes,
    };
    Ok((StatusCode::CREATED, no_store(), Json(Added { passkey, codes })))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RenamePasskey {
    name: String,
}

/// Gives a passkey another name.
pub(crate) async fn rename(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
    Json(body): Json<RenamePasskey>,
) -> Result<StatusCode, Problem> {
    let name = name(&body.name)?;
    let mut connection = state.db.acquire().await.store("acquire")?;
    if store::passkeys::rename(&mut connection, identity.user_id, id, name.as_str()).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::SecondFactorNotFound.into())
    }
}

/// Removes a passkey, and the recovery codes with the last second factor.
pub(crate) async fn remove(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    let user = held_account(&mut transaction, &identity).await?;
    if !store::passkeys::delete(&mut transaction, user.id, id).await? {
        return Err(Error::SecondFactorNotFound.into());
    }
    factor_removed(&mut transaction, user.id).await?;
    let audited = Audited {
        action: "users.passkey_removed",
        outcome: Outcome::Success,
        user: Some(identity.user_id),
        details: json!({ "passkey": id }),
    };
    let actor = Some((&identity).into());
    audited
        .append(&mut transaction, &state.clock, actor, Some(&client))
        .await?;
    let (notice, now) = (Notice::PasskeyRemoved, state.clock.now());
    let told = state
        .mailer
        .notify(&mut transaction, &user, notice, None, &client, now);
    told.await?;
    transaction.commit().await.store("commit")?;
    Ok(StatusCode::NO_CONTENT)
}

/// A name that the owner can tell devices apart by, under the rules for names of persons.
fn name(text: &str) -> Result<PersonName, Problem> {
    PersonName::parse(text).map_err(|detail: Text| violation("/name", detail))
}
