//! What a caller may see.

use common::auth::Identity;
use uuid::Uuid;

/// The caller's companies and infobases as lists for `= any($n)`; `None` is all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sight {
    pub(crate) companies: Option<Vec<Uuid>>,
    pub(crate) infobases: Option<Vec<Uuid>>,
}

impl Sight {
    /// That of the service itself.
    pub(crate) const ALL: Self = Self {
        companies: None,
        infobases: None,
    };

    pub(crate) fn of(identity: &Identity) -> Self {
        Self {
            companies: identity.companies.restriction(),
            infobases: identity.infobases.restriction(),
        }
    }
}
