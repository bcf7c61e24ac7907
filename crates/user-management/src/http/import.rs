//! `POST /users/import`: accounts of another system, with the hashes of their passwords.

use axum::extract::State;
use common::Text;
use common::auth::{Companies, Identity};
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{Json, Problem, Violations};
use common::ids;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::registration::not_an_email;
use super::{Client, locale, optional_secret};
use crate::AppState;
use crate::account::{Email, PersonName, UserState};
use crate::error::Error;
use crate::mail::{Letter, Mail};
use crate::password::objection_to_import;
use crate::record::Audited;
use crate::rights::{Reach, Rights, may_give, parse_selected};
use crate::roles::Role;
use crate::store::users::NewUser;
use crate::store::{self, Turn};

/// Accounts in one request.
const MOST: usize = 1000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Import {
    users: Vec<Imported>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Imported {
    email: String,
    name: String,
    role: String,
    companies: Vec<String>,
    /// argon2, bcrypt or PBKDF2; without it the user sets a password by a letter.
    #[serde(default, deserialize_with = "optional_secret")]
    #[schemars(with = "Option<String>")]
    password_hash: Option<SecretString>,
    /// Whether the other system has checked the address.
    #[serde(default)]
    email_verified: bool,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct ImportResponse {
    created: usize,
    /// Addresses that have an account already: nothing of it was changed.
    skipped: Vec<String>,
}

/// Takes accounts over: all of them, or none when anything is wrong. Those whose address has an account
/// are left out, so that the same request can be sent again.
pub(crate) async fn import(
    State(state): State<AppState>,
    identity: Identity,
    client: Client,
    Json(body): Json<Import>,
) -> Result<Json<ImportResponse>, Problem> {
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    store::take_turn(&mut transaction, Turn::Roles).await?;
    let roles = store::roles::list(&mut transaction).await?;
    let checked = check(&body, &roles)?;
    for new in &checked {
        let asked = Rights {
            permissions: new.role.permissions,
            reach: Reach::of_companies(new.companies.clone()),
        };
        if !may_give(&identity, &asked) {
            return Err(Error::BeyondOwnRights.into());
        }
    }
    let emails: Vec<String> = checked.iter().map(|new| new.email.as_str().to_owned()).collect();
    let skipped = store::users::find_by_emails(&mut transaction, &emails).await?;
    let mut created = 0;
    for new in checked
        .iter()
        .filter(|new| !skipped.iter().any(|email| email == new.email.as_str()))
    {
        let unverified = state.mailer.verification() && !new.email_verified;
        let id = ids::new_id();
        let user = NewUser {
            id,
            email: &new.email,
            name: &new.name,
            password_hash: new.password_hash,
            role: &new.role.name,
            companies: &new.companies,
            created_at: now,
            state: if unverified {
                UserState::Unverified
            } else {
                UserState::Active
            },
            email_verified: new.email_verified,
            locale: locale(),
        };
        store::users::insert(&mut transaction, &user).await?;
        store::registrations::delete_of(&mut transaction, new.email.as_str()).await?;
        if unverified {
            let mail = Mail {
                to: &new.email,
                letter: Letter::VerifyEmail,
                locale: locale(),
            };
            state.mailer.enqueue(&mut transaction, mail, now).await?;
        }
        let audited = Audited {
            action: "users.imported",
            outcome: Outcome::Success,
            user: Some(id),
            details: json!({ "role": new.role.name, "companies": new.companies }),
        };
        let actor = Some((&identity).into());
        audited
            .append(&mut transaction, &state.clock, actor, Some(&client))
            .await?;
        created += 1;
    }
    transaction.commit().await.store("commit")?;
    Ok(Json(ImportResponse { created, skipped }))
}

struct Checked<'a> {
    email: Email,
    name: PersonName,
    role: &'a Role,
    companies: Companies,
    password_hash: Option<&'a str>,
    email_verified: bool,
}

fn check<'a>(body: &'a Import, roles: &'a [Role]) -> Result<Vec<Checked<'a>>, Problem> {
    let mut violations = Violations::new();
    violations.check(
        !body.users.is_empty() && body.users.len() <= MOST,
        "/users",
        Text::new(
            format!("От 1 до {MOST} учётных записей за один раз."),
            format!("From 1 to {MOST} accounts at a time."),
        ),
    );
    let mut seen = std::collections::HashSet::new();
    let mut checked = Vec::new();
    for (index, user) in body.users.iter().take(MOST).enumerate() {
        let at = |member: &str| format!("/users/{index}/{member}");
        let email = user.email.parse::<Email>();
        match &email {
            Ok(email) => violations.check(
                seen.insert(email.as_str().to_owned()),
                &at("email"),
                Text::new("Этот адрес повторяется.", "This address is there twice."),
            ),
            Err(_) => violations.add(&at("email"), not_an_email()),
        }
        let name = PersonName::parse(&user.name);
        if let Err(detail) = &name {
            violations.add(&at("name"), detail.clone());
        }
        let role = roles.iter().find(|role| role.name == user.role);
        violations.check(
            role.is_some(),
            &at("role"),
            Text::new("Такой роли нет.", "There is no such role."),
        );
        let companies = parse_selected(&user.companies);
        for (pointer, detail) in companies.as_ref().err().into_iter().flatten() {
            violations.add(&at(&format!("companies{pointer}")), detail.clone());
        }
        let password_hash = user.password_hash.as_ref().map(ExposeSecret::expose_secret);
        if let Some(detail) = password_hash.and_then(objection_to_import) {
            violations.add(&at("password_hash"), detail);
        }
        if let (Ok(email), Ok(name), Some(role), Ok(companies)) = (email, name, role, companies) {
            checked.push(Checked {
                email,
                name,
                role,
                companies,
                password_hash,
                email_verified: user.email_verified,
            });
        }
    }
    violations.finish()?;
    Ok(checked)
}
