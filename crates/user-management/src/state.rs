//! What handlers share.

use common::clock::Clock;
use sqlx::PgPool;

use crate::config::Registration;
use crate::cookies::Cookies;
use crate::federation::Federation;
use crate::mail::Mailer;
use crate::oauth::Provider;
use crate::password::Passwords;
use crate::revoker::Revoker;
use crate::second_factors::SecondFactors;
use crate::throttle::AddressLimit;
use crate::tokens::Tokens;

/// Shared by all requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    pub(crate) db: PgPool,
    pub(crate) clock: Clock,
    pub(crate) passwords: Passwords,
    pub(crate) tokens: Tokens,
    pub(crate) cookies: Cookies,
    pub(crate) second_factors: SecondFactors,
    pub(crate) mailer: Mailer,
    pub(crate) revoker: Revoker,
    pub(crate) address_limit: AddressLimit,
    pub(crate) federation: Federation,
    pub(crate) provider: Provider,
    pub(crate) registration: Registration,
}
