//! Roles, and who may give which.

use common::Text;
use common::auth::{Companies, Identity, PermissionSet};
use uuid::Uuid;

use crate::account::User;

/// Role of administrators; there is always somebody who has it.
pub(crate) const ADMINISTRATOR: &str = "admin";
/// Role of those who register themselves.
pub(crate) const NEWCOMER: &str = "user";

/// A named set of permissions.
#[derive(Debug, Clone)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) title: Text,
    pub(crate) permissions: PermissionSet,
}

/// The set of stored names; `*` is all of them.
pub(crate) fn permissions_of(names: &[String]) -> PermissionSet {
    if names.iter().any(|name| name == "*") {
        PermissionSet::all()
    } else {
        PermissionSet::from_names(names.iter().map(String::as_str))
    }
}

/// True when the caller may make `target` into what is asked: nobody gives rights that they lack,
/// or takes rights from somebody who has more than they.
pub(crate) fn may_change(
    caller: &Identity,
    target: &User,
    permissions: PermissionSet,
    companies: &Companies,
) -> bool {
    may_give(caller, permissions, companies) && may_give(caller, target.permissions, &target.companies)
}

/// True when the caller has all that somebody would be given.
pub(crate) fn may_give(caller: &Identity, permissions: PermissionSet, companies: &Companies) -> bool {
    caller.permissions.covers(permissions) && covers_companies(&caller.companies, companies)
}

/// True when the user has all that somebody would be given.
pub(crate) fn covers(user: &User, permissions: PermissionSet, companies: &Companies) -> bool {
    user.granted().covers(permissions) && covers_companies(&user.companies, companies)
}

fn covers_companies(own: &Companies, other: &Companies) -> bool {
    match (own, other) {
        (Companies::All, _) => true,
        (Companies::Some(_), Companies::All) => false,
        (Companies::Some(own), Companies::Some(other)) => other.is_subset(own),
    }
}

/// Greatest number of companies that are named one by one: they travel in the token, which has to
/// fit into the 8 KiB that servers accept as headers.
const MAX_COMPANIES: usize = 100;

/// Companies as a request names them: `["*"]` or ids.
///
/// # Errors
/// JSON pointers relative to the list, with what is wrong.
pub(crate) fn parse_companies(names: &[String]) -> Result<Companies, Vec<(String, Text)>> {
    if let [all] = names
        && all == "*"
    {
        return Ok(Companies::All);
    }
    if names.len() > MAX_COMPANIES {
        let detail = Text::new(
            format!("Больше {MAX_COMPANIES} компаний; для всех передайте [\"*\"]."),
            format!("More than {MAX_COMPANIES} companies; send [\"*\"] for all of them."),
        );
        return Err(vec![(String::new(), detail)]);
    }
    let mut wrong = Vec::new();
    let mut companies = std::collections::BTreeSet::new();
    for (index, name) in names.iter().enumerate() {
        match name.parse::<Uuid>() {
            Ok(id) => {
                companies.insert(id);
            }
            Err(_) => wrong.push((
                format!("/{index}"),
                Text::new(
                    "Нужен идентификатор компании (UUID) или один элемент \"*\".",
                    "Must be the id of a company (UUID), or \"*\" as the only item.",
                ),
            )),
        }
    }
    if wrong.is_empty() {
        Ok(Companies::Some(companies))
    } else {
        Err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::ids;

    #[test]
    fn companies_are_all_or_ids() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let id = ids::new_id().to_string();
        assert_eq!(parse_companies(&names(&["*"])).unwrap(), Companies::All);
        assert_eq!(
            parse_companies(&[]).unwrap().restriction().unwrap(),
            Vec::<Uuid>::new()
        );
        assert!(matches!(
            parse_companies(&names(&[&id])).unwrap(),
            Companies::Some(_)
        ));
        let wrong = parse_companies(&names(&[&id, "*", "acme"])).unwrap_err();
        let pointers: Vec<&str> = wrong.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(pointers, ["/1", "/2"]);
    }

    #[test]
    fn a_few_companies_never_cover_all() {
        let (one, two) = (ids::new_id(), ids::new_id());
        let some = |ids: &[Uuid]| Companies::Some(ids.iter().copied().collect());
        assert!(covers_companies(&Companies::All, &Companies::All));
        assert!(covers_companies(&some(&[one, two]), &some(&[one])));
        assert!(!covers_companies(&some(&[one]), &some(&[one, two])));
        assert!(!covers_companies(&some(&[one, two]), &Companies::All));
    }
}
