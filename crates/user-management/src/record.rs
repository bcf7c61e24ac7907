//! Events that tell other services what happened. No address, password or token is in any.

use common::auth::Identity;
use common::clock::Clock;
use common::contract::events::{
    AUDIT_RECORDED, AuditEvent, AuthEvent, LOGGED_OUT, LOGIN_FAILED, LOGIN_SUCCEEDED, Outcome,
    REFRESH_REUSED, REGISTERED,
};
use common::db::StoreError;
use common::events::{Actor, Event, Stream, outbox};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::account::{AccountKey, User};
use crate::http::Client;
use crate::login::Proof;
use crate::start::DEFINITION;
use crate::store::SCHEMA;
use crate::webauthn::Refused;

/// Why a login failed, for events and metrics; the client is never told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoginFailure {
    UnknownAccount,
    WrongPassword,
    Locked,
    /// Too many failures without a success between.
    Blocked,
    /// The password was right, the code of the second factor was not.
    WrongCode,
    /// A passkey that is not the account's, or a signature that does not fit.
    WrongPasskey,
    /// The counter of a passkey went back: it has been copied.
    PasskeyCopied,
}

impl LoginFailure {
    pub(crate) const ALL: [Self; 7] = [
        Self::UnknownAccount,
        Self::WrongPassword,
        Self::Locked,
        Self::Blocked,
        Self::WrongCode,
        Self::WrongPasskey,
        Self::PasskeyCopied,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::UnknownAccount => "unknown_account",
            Self::WrongPassword => "wrong_password",
            Self::Locked => "locked",
            Self::Blocked => "blocked",
            Self::WrongCode => "wrong_code",
            Self::WrongPasskey => "wrong_passkey",
            Self::PasskeyCopied => "passkey_copied",
        }
    }
}

impl From<Refused> for LoginFailure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::CounterWentBack => Self::PasskeyCopied,
            Refused::Malformed(_)
            | Refused::Foreign(_)
            | Refused::UserNotVerified
            | Refused::UnsupportedKey
            | Refused::WrongSignature => Self::WrongPasskey,
        }
    }
}

pub(crate) async fn login_succeeded(
    connection: &mut PgConnection,
    clock: &Clock,
    client: &Client,
    user: &User,
    account: AccountKey,
    proof: &Proof,
) -> Result<(), StoreError> {
    let fact = Fact {
        methods: proof.amr(),
        ..Fact::of(LOGIN_SUCCEEDED, Outcome::Success, user, account)
    };
    fact.append(connection, clock, client).await
}

pub(crate) async fn login_failed(
    connection: &mut PgConnection,
    clock: &Clock,
    client: &Client,
    user: Option<Uuid>,
    account: impl Into<Option<AccountKey>>,
    failure: LoginFailure,
) -> Result<(), StoreError> {
    let fact = Fact {
        kind: LOGIN_FAILED,
        outcome: Outcome::Failure,
        user,
        // Whoever failed to log in is not known to be that user.
        actor: None,
        account: account.into(),
        reason: Some(failure.as_str()),
        methods: Vec::new(),
    };
    fact.append(connection, clock, client).await
}

/// A login at a provider was refused; nobody is known to be a user of ours.
pub(crate) async fn federated_login_failed(
    connection: &mut PgConnection,
    clock: &Clock,
    client: &Client,
    account: Option<AccountKey>,
    reason: &'static str,
) -> Result<(), StoreError> {
    let fact = Fact {
        kind: LOGIN_FAILED,
        outcome: Outcome::Failure,
        user: None,
        actor: None,
        account,
        reason: Some(reason),
        methods: Vec::new(),
    };
    fact.append(connection, clock, client).await
}

pub(crate) async fn registered(
    connection: &mut PgConnection,
    clock: &Clock,
    client: &Client,
    user: &User,
    account: AccountKey,
) -> Result<(), StoreError> {
    let fact = Fact::of(REGISTERED, Outcome::Success, user, account);
    fact.append(connection, clock, client).await
}

pub(crate) async fn logged_out(
    connection: &mut PgConnection,
    clock: &Clock,
    client: &Client,
    identity: &Identity,
) -> Result<(), StoreError> {
    let fact = Fact {
        kind: LOGGED_OUT,
        outcome: Outcome::Success,
        user: Some(identity.user_id),
        actor: Some(identity.into()),
        account: None,
        reason: None,
        methods: Vec::new(),
    };
    fact.append(connection, clock, client).await
}

pub(crate) async fn refresh_reused(
    connection: &mut PgConnection,
    clock: &Clock,
    client: &Client,
    user: &User,
    account: AccountKey,
) -> Result<(), StoreError> {
    let fact = Fact {
        // The token was the user's; whether the one who showed it is, nobody knows.
        actor: None,
        ..Fact::of(REFRESH_REUSED, Outcome::Denied, user, account)
    };
    fact.append(connection, clock, client).await
}

/// One happening of logging in or out, told to both streams.
struct Fact {
    kind: &'static str,
    outcome: Outcome,
    user: Option<Uuid>,
    actor: Option<Actor>,
    account: Option<AccountKey>,
    reason: Option<&'static str>,
    /// By what a login succeeded (RFC 8176).
    methods: Vec<String>,
}

impl Fact {
    fn of(kind: &'static str, outcome: Outcome, user: &User, account: AccountKey) -> Self {
        Self {
            kind,
            outcome,
            user: Some(user.id),
            actor: Some(Actor {
                user_id: user.id,
                role: user.role.clone(),
            }),
            account: Some(account),
            reason: None,
            methods: Vec::new(),
        }
    }

    async fn append(
        self,
        connection: &mut PgConnection,
        clock: &Clock,
        client: &Client,
    ) -> Result<(), StoreError> {
        let data = AuthEvent {
            user_id: self.user,
            email_hash: self.account.map(AccountKey::to_hex),
            ip: Some(client.ip.to_string()),
            user_agent: client.user_agent.clone(),
            reason: self.reason.map(str::to_owned),
        };
        let mut event = Event::new(DEFINITION.name, self.kind, clock, &data);
        event.actor.clone_from(&self.actor);
        event.subject = self.user.map(target);
        outbox::append(connection, &SCHEMA, Stream::Auth, &event).await?;
        let change = Audited {
            action: self.kind,
            outcome: self.outcome,
            user: self.user,
            details: json!({
                "reason": self.reason,
                "methods": self.methods,
                "user_agent": client.user_agent,
            }),
        };
        change.append(connection, clock, self.actor, Some(client)).await
    }
}

/// An entry for the audit log.
#[derive(Debug)]
pub(crate) struct Audited {
    pub(crate) action: &'static str,
    pub(crate) outcome: Outcome,
    /// Whom it was done to.
    pub(crate) user: Option<Uuid>,
    pub(crate) details: serde_json::Value,
}

impl Audited {
    /// Writes it into the outbox. There is no client when the service acts by itself.
    pub(crate) async fn append(
        self,
        connection: &mut PgConnection,
        clock: &Clock,
        actor: Option<Actor>,
        client: Option<&Client>,
    ) -> Result<(), StoreError> {
        let target = self.user.map(target);
        self.append_about(connection, clock, target, actor, client).await
    }

    /// The same about something that is not a user, such as `role:storekeeper`.
    pub(crate) async fn append_about(
        self,
        connection: &mut PgConnection,
        clock: &Clock,
        target: Option<String>,
        actor: Option<Actor>,
        client: Option<&Client>,
    ) -> Result<(), StoreError> {
        let data = AuditEvent {
            action: self.action.to_owned(),
            outcome: self.outcome,
            target: target.clone(),
            ip: client.map(|client| client.ip.to_string()),
            details: self.details,
        };
        let mut event = Event::new(DEFINITION.name, AUDIT_RECORDED, clock, &data);
        event.actor = actor;
        event.subject = target;
        outbox::append(connection, &SCHEMA, Stream::Audit, &event).await
    }
}

fn target(user: Uuid) -> String {
    format!("user:{user}")
}
