//! Roles: those that come with a release, and those that an administrator makes.

use common::Text;
use common::auth::{Permission, PermissionSet};

/// Role of administrators; there is always somebody who has it.
pub(crate) const ADMINISTRATOR: &str = "admin";
/// Role of those who register themselves.
pub(crate) const NEWCOMER: &str = "user";
/// Role of all service accounts, whose permissions are their own; no role that is made has such a name.
pub(crate) const SERVICE: &str = "@service";
/// Greatest number of roles that administrators make: the list has one page.
pub(crate) const MAX_CUSTOM: i64 = 200;

/// A named set of permissions.
#[derive(Debug, Clone)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) title: Text,
    pub(crate) permissions: PermissionSet,
    /// Made by an administrator, and may be changed.
    pub(crate) custom: bool,
    /// Counts changes.
    pub(crate) version: i64,
}

/// The set of stored names; `*` is all of them.
pub(crate) fn permissions_of(names: &[String]) -> PermissionSet {
    if names.iter().any(|name| name == "*") {
        PermissionSet::all()
    } else {
        PermissionSet::from_names(names.iter().map(String::as_str))
    }
}

/// The names under which a set is stored.
pub(crate) fn names_of(permissions: PermissionSet) -> Vec<String> {
    permissions
        .iter()
        .map(|permission| permission.as_str().to_owned())
        .collect()
}

/// The permissions that a request names. `*` is none of them: what a later version adds is given
/// by nobody in advance.
///
/// # Errors
/// JSON pointers relative to the list, with what is wrong.
pub(crate) fn parse_permissions(names: &[String]) -> Result<PermissionSet, Vec<(String, Text)>> {
    let mut wrong = Vec::new();
    let mut permissions = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match Permission::from_name(name) {
            Some(permission) => permissions.push(permission),
            None => wrong.push((
                format!("/{index}"),
                Text::new(
                    "Такого права нет; все права перечисляет GET /permissions.",
                    "There is no such permission; GET /permissions lists them.",
                ),
            )),
        }
    }
    if wrong.is_empty() {
        Ok(permissions.into_iter().collect())
    } else {
        Err(wrong)
    }
}

/// Greatest length of a role's name.
const MAX_NAME_BYTES: usize = 40;

/// The name of a role to be made: it stands in paths and tokens.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse_name(name: &str) -> Result<&str, Text> {
    let fine = name.len() <= MAX_NAME_BYTES
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_');
    if fine {
        Ok(name)
    } else {
        Err(Text::new(
            format!(
                "Имя роли: до {MAX_NAME_BYTES} строчных латинских букв, цифр, знаков «-» и «_»; первая — буква."
            ),
            format!(
                "The name of a role has up to {MAX_NAME_BYTES} lower-case Latin letters, digits, `-` and `_`, the first a letter."
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_roles_fit_into_paths() {
        for name in ["storekeeper", "sales-2", "a_b"] {
            assert_eq!(parse_name(name), Ok(name));
        }
        for name in [
            "",
            "2a",
            "Admin",
            "кладовщик",
            "a b",
            "a/b",
            "-a",
            &"a".repeat(41),
        ] {
            assert!(parse_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn nobody_asks_for_permissions_of_the_future() {
        let names = ["chat", "*", "fly"].map(str::to_owned);
        let wrong = parse_permissions(&names).unwrap_err();
        let pointers: Vec<&str> = wrong.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(pointers, ["/1", "/2"]);
        let set = parse_permissions(&names[..1]).unwrap();
        assert_eq!(names_of(set), ["chat"]);
    }
}
