//! What a user may do.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeSeq, Serializer};

macro_rules! permissions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// One permission. Roles are named sets of them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Permission {
            $($(#[$doc])* $variant,)*
        }

        impl Permission {
            /// All permissions, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in tokens and in the API.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The permission of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

permissions! {
    /// Ask questions. Alone it never reaches 1C data: tools need their own permissions.
    Chat = "chat",
    /// Generate texts and documents.
    Generate = "generate",
    /// Read 1C data of one's companies.
    OnecRead = "onec:read",
    /// Change 1C data.
    OnecWrite = "onec:write",
    /// Call web and HTTP services of 1C. They run with all rights of the integration user and cannot
    /// be limited to companies, so a caller needs all companies as well.
    OnecServices = "onec:services",
    /// Start a synchronisation.
    OnecSync = "onec:sync",
    /// Connect and configure infobases.
    OnecAdmin = "onec:admin",
    /// Build and download reports.
    Reports = "reports",
    /// See dashboards.
    DashboardsRead = "dashboards:read",
    /// Change dashboards.
    DashboardsEdit = "dashboards:edit",
    /// See usage, cost and system metrics.
    AnalyticsRead = "analytics:read",
    /// See other users.
    UsersRead = "users:read",
    /// Change other users and their roles.
    UsersAdmin = "users:admin",
    /// See threats and alerts.
    SecurityRead = "security:read",
    /// Handle alerts and bans.
    SecurityAdmin = "security:admin",
    /// Read the audit log.
    AuditRead = "audit:read",
    /// Append to the audit log by the API.
    AuditWrite = "audit:write",
}

/// A list of names.
impl JsonSchema for PermissionSet {
    fn schema_name() -> Cow<'static, str> {
        "Permissions".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Permission::ALL
            .iter()
            .map(|permission| permission.as_str())
            .collect();
        json_schema!({"type": "array", "items": {"type": "string", "enum": names}})
    }
}

/// A set of permissions.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct PermissionSet(u64);

impl PermissionSet {
    /// No permission.
    pub const EMPTY: Self = Self(0);

    /// Every permission.
    #[must_use]
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    /// True when the permission is in the set.
    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }

    /// True when every permission of `other` is in this set.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The permissions that are in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The permissions of the set, in the order of declaration.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL
            .iter()
            .copied()
            .filter(move |permission| self.contains(*permission))
    }

    /// The set of the known among these names. Unknown ones, of a later version, grant nothing.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        names.into_iter().filter_map(Permission::from_name).collect()
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(
            permissions
                .into_iter()
                .fold(0, |bits, permission| bits | 1 << permission as u8),
        )
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(Permission::as_str))
            .finish()
    }
}

impl Serialize for PermissionSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut names = serializer.serialize_seq(None)?;
        for permission in self.iter() {
            names.serialize_element(permission.as_str())?;
        }
        names.end()
    }
}

impl<'de> Deserialize<'de> for PermissionSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = PermissionSet;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of permission names")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<PermissionSet, A::Error> {
                let mut set = PermissionSet::EMPTY;
                while let Some(name) = names.next_element::<String>().map_err(de::Error::custom)? {
                    if let Some(permission) = Permission::from_name(&name) {
                        set.0 |= 1 << permission as u8;
                    }
                }
                Ok(set)
            }
        }
        deserializer.deserialize_seq(Names)
    }
}
