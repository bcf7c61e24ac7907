//! `/users/me/identities`: the identities at providers that a user can log in with.

use ::http::header::SET_COOKIE;
use ::http::{HeaderMap, StatusCode};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use common::Text;
use common::auth::Identity;
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{Json, Page, Path, Problem};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Client;
use super::federation::{begin, supabase_person};
use super::login::no_store;
use super::optional_secret;
use super::users::violation;
use crate::error::Error;
use crate::federation::{
    self, FederationError, HANDOVER_COOKIE, HandoverTo, Person, Purpose, ReturnTo, Rules,
};
use crate::mail::Notice;
use crate::record::Audited;
use crate::{AppState, login, store};

/// An identity as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct IdentityResponse {
    provider: String,
    /// Name of the provider; its id when it is no longer configured.
    title: String,
    email: Option<String>,
    linked_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
}

/// The caller's identities; one of each provider, so that the list has one page.
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
) -> Result<Json<Page<IdentityResponse>>, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let identities = store::federation::list(&mut connection, identity.user_id).await?;
    let items = identities.into_iter().map(|linked| IdentityResponse {
        title: state.federation.provider(&linked.provider).map_or_else(
            |_| linked.provider.clone(),
            |provider| provider.title().to_owned(),
        ),
        provider: linked.provider,
        email: linked.email,
        linked_at: linked.linked_at,
        last_used_at: linked.last_used_at,
    });
    Ok(Json(Page {
        items: items.collect(),
        next_cursor: None,
    }))
}

/// What to link with. With nothing, the browser is to go to the provider.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    /// `link_code` of a login that ended with `federation.link_required`.
    #[serde(default, deserialize_with = "optional_secret")]
    #[schemars(with = "Option<String>")]
    code: Option<SecretString>,
    /// A token of the Supabase project.
    #[serde(default, deserialize_with = "optional_secret")]
    #[schemars(with = "Option<String>")]
    access_token: Option<SecretString>,
    /// The page to come back to from the provider.
    return_to: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Begun {
    authorization_url: String,
}

/// Links an identity to the caller's account. It is a new way to log in, so that the caller must
/// have proved lately who they are.
pub(crate) async fn link(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Link>,
) -> Result<Response, Problem> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    login::require_fresh(&mut connection, &state, &identity).await?;
    drop(connection);
    if let Ok(supabase) = state.federation.supabase()
        && supabase.id() == id
    {
        let Some(token) = &body.access_token else {
            let detail = Text::new("Передайте токен Supabase.", "Send a token of Supabase.");
            return Err(violation("/access_token", detail));
        };
        let person = supabase_person(&state, token.expose_secret()).await?;
        return put_link(&state, &identity, &client, &id, supabase.rules(), &person).await;
    }
    let provider = state.federation.provider(&id)?;
    if let Some(code) = &body.code {
        let mut connection = state.db.acquire().await.store("acquire")?;
        let cookie = state.cookies.get(&headers, HANDOVER_COOKIE);
        let taken =
            federation::take(&mut connection, code.expose_secret(), cookie, state.clock.now()).await?;
        drop(connection);
        return match taken.to {
            HandoverTo::Link(person) if taken.provider == id => {
                put_link(&state, &identity, &client, &id, provider.rules(), &person).await
            }
            _ => Err(FederationError::CodeInvalid.into()),
        };
    }
    let return_to = match body.return_to.as_deref().map(ReturnTo::parse) {
        None => ReturnTo::default(),
        Some(Some(path)) => path,
        Some(None) => {
            let detail = Text::new(
                "Нужен путь на этом же сайте, который начинается с «/».",
                "Must be a path of this site that begins with `/`.",
            );
            return Err(violation("/return_to", detail));
        }
    };
    let purpose = Purpose::Link {
        user: identity.user_id,
        session: identity.session_id,
    };
    let (authorization_url, cookies) = begin(&state, provider, purpose, return_to, &headers).await?;
    let mut headers = no_store();
    for cookie in cookies {
        headers.append(SET_COOKIE, cookie);
    }
    Ok((headers, Json(Begun { authorization_url })).into_response())
}

async fn put_link(
    state: &AppState,
    identity: &Identity,
    client: &Client,
    provider: &str,
    rules: &Rules,
    person: &Person,
) -> Result<Response, Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    federation::link(
        state,
        client,
        &mut transaction,
        identity.user_id,
        provider,
        rules,
        person,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Takes an identity away, unless nobody could log in to the account any more.
pub(crate) async fn unlink(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let mut transaction = state.db.begin().await.store("begin")?;
    login::require_fresh(&mut transaction, &state, &identity).await?;
    let can_do_without = store::federation::can_do_without(&mut transaction, identity.user_id, &id).await?;
    if !store::federation::delete(&mut transaction, identity.user_id, &id).await? {
        return Err(FederationError::NotLinked.into());
    }
    if !can_do_without {
        return Err(FederationError::LastMethod.into());
    }
    let audited = Audited {
        action: "users.identity_unlinked",
        outcome: Outcome::Success,
        user: Some(identity.user_id),
        details: json!({ "provider": id }),
    };
    let actor = Some((&identity).into());
    audited
        .append(&mut transaction, &state.clock, actor, Some(&client))
        .await?;
    let user = store::users::find(&mut transaction, identity.user_id).await?;
    let user = user.ok_or(Error::UserNotFound)?;
    let (notice, now) = (Notice::IdentityUnlinked, state.clock.now());
    let told = state
        .mailer
        .notify(&mut transaction, &user, notice, Some(&id), &client, now);
    told.await?;
    transaction.commit().await.store("commit")?;
    Ok(StatusCode::NO_CONTENT)
}
