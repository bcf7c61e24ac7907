//! What a client may ask for: facts about the user, and permissions of ours by their names.

use common::Text;
use common::auth::{Permission, PermissionSet};

/// The client learns who the user is, by an ID token.
pub(crate) const OPENID: &str = "openid";
/// The client may come back without the user (OpenID Connect Core, section 11).
pub(crate) const OFFLINE_ACCESS: &str = "offline_access";
/// Scopes that are no permissions.
pub(crate) const OF_IDENTITY: [&str; 6] = [OPENID, "profile", "email", "groups", "roles", OFFLINE_ACCESS];
/// Permissions that a program which registered itself may ask for: to read and to ask, not to change.
pub(crate) const FOR_STRANGERS: [Permission; 5] = [
    Permission::Chat,
    Permission::Generate,
    Permission::OnecRead,
    Permission::Reports,
    Permission::DashboardsRead,
];

/// True for a scope that means something here.
pub(crate) fn is_known(name: &str) -> bool {
    OF_IDENTITY.contains(&name) || Permission::from_name(name).is_some()
}

/// The names of a scope parameter, each once, in their order.
pub(crate) fn names(scope: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in scope.split(' ').filter(|name| !name.is_empty()) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// What is asked for, as far as the client may ask for it. Others are left out, as OpenID Connect
/// has it (Core, section 3.1.2.1); the answer says what is granted.
pub(crate) fn requested(scope: Option<&str>, allowed: &[String]) -> Vec<String> {
    match scope {
        None => allowed.to_vec(),
        Some(scope) => names(scope)
            .into_iter()
            .filter(|name| allowed.contains(name))
            .collect(),
    }
}

/// What of it somebody with these permissions can give.
pub(crate) fn grantable(scopes: &[String], permissions: PermissionSet) -> Vec<String> {
    let has =
        |name: &String| Permission::from_name(name).is_none_or(|permission| permissions.contains(permission));
    scopes.iter().filter(|name| has(name)).cloned().collect()
}

/// True when the name is among the scopes.
pub(crate) fn has(scopes: &[String], name: &str) -> bool {
    scopes.iter().any(|scope| scope == name)
}

/// What the user is told that the client will be able to do; `None` for what goes without saying.
pub(crate) fn meaning(name: &str) -> Option<Text> {
    let text = match name {
        "profile" => Text::new("узнать ваше имя", "learn your name"),
        "email" => Text::new("узнать адрес вашей почты", "learn your e-mail address"),
        "groups" | "roles" => Text::new("узнать вашу роль", "learn your role"),
        OFFLINE_ACCESS => Text::new(
            "сохранить доступ, когда вас нет за компьютером",
            "keep the access while you are away",
        ),
        name => return Permission::from_name(name).map(of_permission),
    };
    Some(text)
}

fn of_permission(permission: Permission) -> Text {
    match permission {
        Permission::Chat => Text::new(
            "задавать вопросы помощнику от вашего имени",
            "ask the assistant on your behalf",
        ),
        Permission::Generate => Text::new("составлять тексты и документы", "generate texts and documents"),
        Permission::OnecRead => Text::new(
            "читать данные 1С ваших компаний",
            "read the 1C data of your companies",
        ),
        Permission::OnecWrite => Text::new("изменять данные в 1С", "change data in 1C"),
        Permission::OnecServices => Text::new("вызывать сервисы 1С", "call services of 1C"),
        Permission::OnecSync => Text::new("запускать синхронизацию с 1С", "start synchronisations with 1C"),
        Permission::Reports => Text::new("строить отчёты", "build reports"),
        Permission::DashboardsRead => Text::new("смотреть панели", "see dashboards"),
        other => {
            let name = other.as_str();
            Text::new(
                format!("пользоваться вашим правом «{name}»"),
                format!("use your permission `{name}`"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn nobody_gets_more_than_the_client_may_ask_for_and_the_user_has() {
        let allowed = list(&["openid", "email", "chat", "onec:write"]);
        let asked = requested(Some("openid  email chat onec:write chat users:admin x"), &allowed);
        assert_eq!(asked, list(&["openid", "email", "chat", "onec:write"]));
        let user = PermissionSet::from_names(["chat", "onec:read"]);
        assert_eq!(grantable(&asked, user), list(&["openid", "email", "chat"]));
        assert_eq!(requested(None, &allowed), allowed);
        assert!(requested(Some("users:admin"), &allowed).is_empty());
    }

    #[test]
    fn whatever_is_granted_is_explained() {
        for name in OF_IDENTITY.into_iter().filter(|&name| name != OPENID) {
            assert!(meaning(name).is_some(), "{name}");
        }
        for permission in Permission::ALL {
            assert!(meaning(permission.as_str()).is_some() && is_known(permission.as_str()));
        }
        assert_eq!(meaning("telepathy"), None);
    }
}
