//! Who calls, and what they may do. Verifying only: tokens are issued by user-management.

mod authenticator;
mod identity;
mod keys;
mod permission;
mod revocation;

pub use authenticator::Authenticator;
pub use identity::{Claims, Companies, Identity, Infobases, Selected};
pub use keys::{Keys, KeysUnavailable};
pub use permission::{Permission, PermissionSet};
pub use revocation::{REVOCATION_CHANNEL, REVOKED_SESSIONS_KEY, RIGHTS_VERSIONS_KEY, Revocations};
