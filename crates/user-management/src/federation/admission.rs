//! From a person at a provider to an account here.

use common::auth::Companies;
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::events::Actor;
use common::ids;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::error::FederationError;
use super::person::Person;
use super::settings::{Grant, Rules};
use crate::account::{AccountKey, Email, PersonName, User, UserState};
use crate::config::Registration;
use crate::error::Error;
use crate::http::Client;
use crate::mail::Notice;
use crate::record::{self, Audited};
use crate::rights::{Reach, RightsChange};
use crate::roles::{ADMINISTRATOR, NEWCOMER};
use crate::sessions::{EndReason, Ended};
use crate::store::federation::{PROVIDER_KEY, SUBJECT_KEY};
use crate::store::users::{EMAIL_KEY, NewUser};
use crate::store::{self, Turn};
use crate::{AppState, metrics};

/// What a person comes to.
#[derive(Debug)]
pub(crate) enum Admission {
    /// To their account.
    User(User),
    /// To an account of the same address that they have to log in to first.
    Link(Box<Person>),
}

/// Lets a person in, or tells why not. Refusals are recorded.
pub(crate) async fn admit(
    state: &AppState,
    client: &Client,
    provider: &str,
    rules: &Rules,
    person: Person,
) -> Result<Admission, Error> {
    let outcome = match try_admit(state, client, provider, rules, &person).await {
        // Two first logins at once: the other one has made the account, before or after we looked.
        Err(Error::Store(error)) if error.breaks(SUBJECT_KEY) || error.breaks(EMAIL_KEY) => {
            try_admit(state, client, provider, rules, &person).await
        }
        Ok(None) if is_known(state, &person).await? => {
            try_admit(state, client, provider, rules, &person).await
        }
        outcome => outcome,
    };
    match outcome {
        Ok(Some(user)) => Ok(Admission::User(user)),
        Ok(None) => {
            refused(state, client, provider, &person, &FederationError::LinkRequired).await?;
            Ok(Admission::Link(Box::new(person)))
        }
        Err(Error::Federation(error)) => {
            refused(state, client, provider, &person, &error).await?;
            Err(error.into())
        }
        Err(error) => Err(error),
    }
}

async fn is_known(state: &AppState, person: &Person) -> Result<bool, Error> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let user = store::federation::find_user(&mut connection, &person.issuer, &person.subject).await?;
    Ok(user.is_some())
}

async fn refused(
    state: &AppState,
    client: &Client,
    provider: &str,
    person: &Person,
    error: &FederationError,
) -> Result<(), Error> {
    metrics::federated_login(provider, error.reason());
    let account = person.email.as_ref().map(|email| AccountKey::of(email.as_str()));
    let mut connection = state.db.acquire().await.store("acquire")?;
    record::federated_login_failed(&mut connection, &state.clock, client, account, error.reason()).await?;
    Ok(())
}

/// The account; `None` when there is one of the address that is not linked.
async fn try_admit(
    state: &AppState,
    client: &Client,
    provider: &str,
    rules: &Rules,
    person: &Person,
) -> Result<Option<User>, Error> {
    if !rules.admits(person.email.as_ref()) {
        return Err(FederationError::DomainNotAllowed.into());
    }
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    if rules.sync_roles {
        // Before any row is held: whoever changes roles takes the turn first.
        store::take_turn(&mut transaction, Turn::Roles).await?;
    }
    let known = store::federation::find_user(&mut transaction, &person.issuer, &person.subject).await?;
    let (user, ended, outdated) = if let Some(id) = known {
        // Not there: deactivated, or deleted in this moment.
        let user = store::users::find_steady(&mut transaction, id).await?;
        let user = user.ok_or(FederationError::NoAccount)?;
        store::federation::note_use(&mut transaction, person, now).await?;
        if rules.sync_roles {
            follow_roles(state, client, &mut transaction, rules, person, user).await?
        } else {
            (user, Vec::new(), None)
        }
    } else {
        let email = person.email.as_ref().filter(|_| person.email_verified);
        let email = email.ok_or(FederationError::EmailUnverified)?;
        if store::federation::find_user_by_email(&mut transaction, email)
            .await?
            .is_some()
        {
            return Ok(None);
        }
        if !rules
            .create_users
            .unwrap_or(state.registration == Registration::Open)
        {
            return Err(FederationError::NoAccount.into());
        }
        let user = create(state, client, &mut transaction, provider, rules, person, email).await?;
        (user, Vec::new(), None)
    };
    transaction.commit().await.store("commit")?;
    state.revoker.revoke(&ended).await;
    state.revoker.outdate(outdated.as_slice()).await;
    Ok(Some(user))
}

/// Makes an account with what the rules give.
async fn create(
    state: &AppState,
    client: &Client,
    connection: &mut PgConnection,
    provider: &str,
    rules: &Rules,
    person: &Person,
    email: &Email,
) -> Result<User, Error> {
    let now = state.clock.now();
    let grant = rules.mapped(&person.claims).unwrap_or(&rules.default);
    let role = existing_role(connection, grant).await?.unwrap_or(NEWCOMER);
    let companies = grant.companies.clone();
    let name = person
        .name
        .clone()
        .map_or_else(|| PersonName::parse(email.local_part()), Ok);
    // An address has a local part of 64 bytes at most, without control characters.
    let name = name.map_err(|_| FederationError::EmailUnverified)?;
    let id = ids::new_id();
    let new = NewUser {
        id,
        email,
        name: &name,
        password_hash: None,
        role,
        companies: &companies.unwrap_or_else(|| Companies::Some(std::collections::BTreeSet::new())),
        created_at: now,
        state: UserState::Active,
        email_verified: true,
        locale: crate::http::locale(),
    };
    store::users::insert(connection, &new).await?;
    store::federation::insert(connection, id, provider, person, now).await?;
    store::federation::note_use(connection, person, now).await?;
    let user = store::users::find(connection, id).await?;
    let user = user.ok_or(Error::UserNotFound)?;
    let account = AccountKey::of(email.as_str());
    record::registered(connection, &state.clock, client, &user, account).await?;
    linked(state, client, connection, &user, provider).await?;
    Ok(user)
}

async fn linked(
    state: &AppState,
    client: &Client,
    connection: &mut PgConnection,
    user: &User,
    provider: &str,
) -> Result<(), Error> {
    let audited = Audited {
        action: "users.identity_linked",
        outcome: Outcome::Success,
        user: Some(user.id),
        details: json!({ "provider": provider }),
    };
    let actor = Actor {
        user_id: user.id,
        role: user.role.clone(),
    };
    audited
        .append(connection, &state.clock, Some(actor), Some(client))
        .await?;
    Ok(())
}

/// The name of the role, when there is such a role.
async fn existing_role<'a>(
    connection: &mut PgConnection,
    grant: &'a Grant,
) -> Result<Option<&'a str>, Error> {
    let roles = store::roles::list(connection).await?;
    if roles.iter().any(|role| role.name == grant.role) {
        return Ok(Some(&grant.role));
    }
    tracing::warn!(
        "the settings of an identity provider give the role `{}`, which does not exist",
        grant.role
    );
    Ok(None)
}

/// Gives the user what the provider says now. Sessions end as they do whenever a role changes.
async fn follow_roles(
    state: &AppState,
    client: &Client,
    connection: &mut PgConnection,
    rules: &Rules,
    person: &Person,
    user: User,
) -> Result<(User, Vec<Ended>, Option<RightsChange>), Error> {
    let grant = rules.mapped(&person.claims).unwrap_or(&rules.default);
    let companies = grant.companies.clone().unwrap_or_else(|| user.companies.clone());
    if user.role == grant.role && user.companies == companies {
        return Ok((user, Vec::new(), None));
    }
    let Some(role) = existing_role(connection, grant).await? else {
        return Ok((user, Vec::new(), None));
    };
    let takes_administrator = user.role == ADMINISTRATOR && role != ADMINISTRATOR;
    if takes_administrator && store::users::count_with_role(connection, ADMINISTRATOR).await? <= 1 {
        tracing::warn!("the identity provider takes the role of the last administrator, who keeps it");
        return Ok((user, Vec::new(), None));
    }
    let now = state.clock.now();
    let reach = Reach {
        companies: companies.clone(),
        infobases: user.infobases.clone(),
    };
    let change = store::rights::assign(connection, user.id, role, &reach, now).await?;
    let ended = store::sessions::end_all(connection, user.id, EndReason::RoleChanged, now).await?;
    let audited = Audited {
        action: "users.role_changed",
        outcome: Outcome::Success,
        user: Some(user.id),
        details: json!({
            "by": "identity_provider",
            "before": { "role": user.role, "companies": user.companies },
            "after": { "role": role, "companies": companies },
        }),
    };
    audited
        .append(connection, &state.clock, None, Some(client))
        .await?;
    let changed = store::users::find(connection, user.id).await?;
    Ok((changed.ok_or(Error::UserNotFound)?, ended, Some(change)))
}

/// Links a person to the account of somebody who has logged in.
pub(crate) async fn link(
    state: &AppState,
    client: &Client,
    connection: &mut PgConnection,
    user: Uuid,
    provider: &str,
    rules: &Rules,
    person: &Person,
) -> Result<(), Error> {
    if !rules.admits(person.email.as_ref()) {
        return Err(FederationError::DomainNotAllowed.into());
    }
    let user = store::users::find_steady(connection, user).await?;
    let user = user.ok_or(Error::UserNotFound)?;
    match store::federation::find_user(connection, &person.issuer, &person.subject).await? {
        Some(owner) if owner == user.id => return Ok(()),
        Some(_) => return Err(FederationError::IdentityTaken.into()),
        None => {}
    }
    let inserted = store::federation::insert(connection, user.id, provider, person, state.clock.now()).await;
    inserted.map_err(|error| {
        if error.breaks(SUBJECT_KEY) || error.breaks(PROVIDER_KEY) {
            FederationError::IdentityTaken.into()
        } else {
            Error::from(error)
        }
    })?;
    linked(state, client, connection, &user, provider).await?;
    let (notice, now) = (Notice::IdentityLinked, state.clock.now());
    state
        .mailer
        .notify(connection, &user, notice, Some(provider), client, now)
        .await
}
