//! Whose budgets a request is on.

use common::auth::{Companies, Identity};
use uuid::Uuid;

/// Who spends, and on which companies.
#[derive(Debug, Clone)]
pub(crate) struct Payer {
    pub(crate) user: Uuid,
    pub(crate) role: String,
    /// The company that it is about, when it is one.
    pub(crate) company: Option<Uuid>,
    /// The companies whose budgets it is on; `None` are all.
    pub(crate) companies: Option<Vec<Uuid>>,
}

impl Payer {
    /// A question that names no company is about all companies of the caller and counts for each of
    /// them, so that leaving the name out gets nobody past a limit. A company of others is not charged.
    pub(crate) fn of(identity: &Identity, company: Option<Uuid>) -> Self {
        let named = company.filter(|company| identity.companies.contains(*company));
        let companies = match (named, &identity.companies) {
            (Some(company), _) => Some(vec![company]),
            (None, Companies::Some(own)) => Some(own.iter().copied().collect()),
            (None, Companies::All) => None,
        };
        let company = match companies.as_deref() {
            Some([one]) => Some(*one),
            Some(_) | None => None,
        };
        Self {
            user: identity.user_id,
            role: identity.role.clone(),
            company,
            companies,
        }
    }
}
