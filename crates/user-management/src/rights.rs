//! What somebody may do, with whose data, and who may give it to whom.

use chrono::{DateTime, Duration, Utc};
use common::Text;
use common::auth::{Companies, Identity, Infobases, Permission, PermissionSet, Selected};
use uuid::Uuid;

use crate::account::User;

/// No access token lives longer: `ACCESS_TOKEN_TTL` may be an hour at most.
pub(crate) const LONGEST_ACCESS: Duration = Duration::hours(1);

/// Whose data somebody may work with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) companies: Companies,
    pub(crate) infobases: Infobases,
}

impl Reach {
    /// Everything.
    pub(crate) const ALL: Self = Self {
        companies: Selected::All,
        infobases: Selected::All,
    };

    /// Some companies, and all infobases.
    pub(crate) fn of_companies(companies: Companies) -> Self {
        Self {
            companies,
            infobases: Selected::All,
        }
    }

    fn covers(&self, other: &Self) -> bool {
        self.companies.covers(&other.companies) && self.infobases.covers(&other.infobases)
    }
}

/// Permissions, and the data that they hold for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rights {
    pub(crate) permissions: PermissionSet,
    pub(crate) reach: Reach,
}

impl Rights {
    /// True when nothing of `other` is missing here.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.permissions.covers(other.permissions) && self.reach.covers(&other.reach)
    }

    /// What both have.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let both = self.permissions.iter();
        Self {
            permissions: both
                .filter(|permission| other.permissions.contains(*permission))
                .collect(),
            reach: Reach {
                companies: self.reach.companies.and(&other.reach.companies),
                infobases: self.reach.infobases.and(&other.reach.infobases),
            },
        }
    }
}

impl From<&Identity> for Rights {
    fn from(identity: &Identity) -> Self {
        Self {
            permissions: identity.permissions,
            reach: Reach {
                companies: identity.companies.clone(),
                infobases: identity.infobases.clone(),
            },
        }
    }
}

impl User {
    /// Companies and infobases.
    pub(crate) fn reach(&self) -> Reach {
        Reach {
            companies: self.companies.clone(),
            infobases: self.infobases.clone(),
        }
    }

    /// All that the role and the assignment give, whatever has to be done first.
    pub(crate) fn rights(&self) -> Rights {
        Rights {
            permissions: self.permissions,
            reach: self.reach(),
        }
    }
}

/// True when the caller may make `target` into what is asked: nobody gives rights that they lack,
/// or takes rights from somebody who has more than they.
pub(crate) fn may_change(caller: &Identity, target: &User, asked: &Rights) -> bool {
    let own = Rights::from(caller);
    own.covers(asked) && own.covers(&target.rights())
}

/// True when the caller has all that somebody would be given.
pub(crate) fn may_give(caller: &Identity, asked: &Rights) -> bool {
    Rights::from(caller).covers(asked)
}

/// Rights of a user that have just changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RightsChange {
    pub(crate) user: Uuid,
    /// The version that tokens must have from now on.
    pub(crate) version: i64,
    pub(crate) at: DateTime<Utc>,
}

impl RightsChange {
    /// When the last token of the former rights ends.
    pub(crate) fn until(&self) -> DateTime<Utc> {
        self.at + LONGEST_ACCESS
    }
}

/// Greatest number of ids in a token: it has to fit into the 8 KiB that servers accept as headers.
pub(crate) const MAX_IDS: usize = 100;

/// Companies or infobases as a request names them: `["*"]` or ids.
///
/// # Errors
/// JSON pointers relative to the list, with what is wrong.
pub(crate) fn parse_selected(names: &[String]) -> Result<Selected, Vec<(String, Text)>> {
    if let [all] = names
        && all == "*"
    {
        return Ok(Selected::All);
    }
    if names.len() > MAX_IDS {
        let detail = Text::new(
            format!("Больше {MAX_IDS} идентификаторов; для всех передайте [\"*\"]."),
            format!("More than {MAX_IDS} ids; send [\"*\"] for all of them."),
        );
        return Err(vec![(String::new(), detail)]);
    }
    let mut wrong = Vec::new();
    let mut ids = std::collections::BTreeSet::new();
    for (index, name) in names.iter().enumerate() {
        match name.parse::<Uuid>() {
            Ok(id) => {
                ids.insert(id);
            }
            Err(_) => wrong.push((
                format!("/{index}"),
                Text::new(
                    "Нужен идентификатор (UUID) или один элемент \"*\".",
                    "Must be an id (UUID), or \"*\" as the only item.",
                ),
            )),
        }
    }
    if wrong.is_empty() {
        Ok(Selected::Some(ids))
    } else {
        Err(wrong)
    }
}

/// What a permission lets somebody do, in words.
pub(crate) fn title(permission: Permission) -> Text {
    match permission {
        Permission::Chat => Text::new("Задавать вопросы помощнику", "Ask the assistant"),
        Permission::Generate => Text::new("Создавать тексты и документы", "Generate texts and documents"),
        Permission::OnecRead => Text::new("Читать данные 1С своих компаний", "Read 1C data of own companies"),
        Permission::OnecWrite => Text::new("Изменять данные 1С", "Change 1C data"),
        Permission::OnecServices => Text::new("Вызывать веб-службы 1С", "Call web services of 1C"),
        Permission::OnecSync => Text::new("Запускать обмен с 1С", "Start a synchronisation with 1C"),
        Permission::OnecAdmin => Text::new(
            "Подключать и настраивать базы 1С",
            "Connect and configure 1C infobases",
        ),
        Permission::Reports => Text::new("Строить и скачивать отчёты", "Build and download reports"),
        Permission::DashboardsRead => Text::new("Смотреть панели показателей", "See dashboards"),
        Permission::DashboardsEdit => Text::new("Изменять панели показателей", "Change dashboards"),
        Permission::AnalyticsRead => Text::new(
            "Видеть расход, стоимость и показатели системы",
            "See usage, cost and metrics of the system",
        ),
        Permission::UsersRead => Text::new("Видеть других пользователей", "See other users"),
        Permission::UsersAdmin => Text::new(
            "Управлять пользователями, ролями и ключами",
            "Administer users, roles and keys",
        ),
        Permission::SecurityRead => Text::new("Видеть угрозы и оповещения", "See threats and alerts"),
        Permission::SecurityAdmin => Text::new("Разбирать оповещения и блокировки", "Handle alerts and bans"),
        Permission::AuditRead => Text::new("Читать журнал аудита", "Read the audit log"),
        Permission::AuditWrite => Text::new(
            "Дополнять журнал аудита через API",
            "Append to the audit log by the API",
        ),
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
        assert_eq!(parse_selected(&names(&["*"])).unwrap(), Selected::All);
        assert_eq!(
            parse_selected(&[]).unwrap().restriction().unwrap(),
            Vec::<Uuid>::new()
        );
        assert!(matches!(
            parse_selected(&names(&[&id])).unwrap(),
            Selected::Some(_)
        ));
        let wrong = parse_selected(&names(&[&id, "*", "acme"])).unwrap_err();
        let pointers: Vec<&str> = wrong.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(pointers, ["/1", "/2"]);
    }

    #[test]
    fn a_few_companies_never_cover_all() {
        let (one, two) = (ids::new_id(), ids::new_id());
        let some = |ids: &[Uuid]| Selected::Some(ids.iter().copied().collect());
        assert!(Selected::All.covers(&Selected::All));
        assert!(some(&[one, two]).covers(&some(&[one])));
        assert!(!some(&[one]).covers(&some(&[one, two])));
        assert!(!some(&[one, two]).covers(&Selected::All));
        assert_eq!(some(&[one, two]).and(&some(&[two])), some(&[two]));
        assert_eq!(Selected::All.and(&some(&[two])), some(&[two]));
        assert_eq!(some(&[two]).and(&Selected::All), some(&[two]));
    }

    #[test]
    fn what_two_have_in_common_is_covered_by_each() {
        let rights = |names: &[&str], infobases: Selected| Rights {
            permissions: PermissionSet::from_names(names.iter().copied()),
            reach: Reach {
                companies: Selected::All,
                infobases,
            },
        };
        let some = Selected::Some([ids::new_id()].into());
        let one = rights(&["chat", "onec:read"], Selected::All);
        let other = rights(&["chat", "users:read"], some.clone());
        let both = one.and(&other);
        assert_eq!(both, rights(&["chat"], some));
        assert!(one.covers(&both) && other.covers(&both));
        assert!(!one.covers(&other) && !other.covers(&one));
    }
}
