//! From the path of a request to the service that answers it.
//!
//! A path is brought into one spelling first ([`crate::path`]), and the route, the need for a token
//! and the path that the service sees all come from that spelling: there is no second reading of
//! the path that could disagree with the first.
//!
//! The table is the default; `route_settings` lets a file change its lines and add others.

use std::time::Duration;

use http::Method;

use crate::cache_rule::Caching;
pub use crate::route_table::TABLE;

/// The services behind the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Conversations and models.
    AiAssistant,
    /// Data of 1C.
    OnecIntegration,
    /// Accounts and tokens.
    UserManagement,
    /// Metrics, dashboards, reports.
    Analytics,
    /// Audit, threats, alerts.
    Security,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::AiAssistant,
        Self::OnecIntegration,
        Self::UserManagement,
        Self::Analytics,
        Self::Security,
    ];

    /// The name in logs, metrics and events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AiAssistant => "ai-assistant",
            Self::OnecIntegration => "onec-integration",
            Self::UserManagement => "user-management",
            Self::Analytics => "analytics",
            Self::Security => "security",
        }
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody; a token is not looked at.
    Public,
    /// Anybody; but a token that is shown has to be valid.
    Optional,
    /// Whoever has a valid token; the service decides on the permission.
    Token,
}

/// Which rate limit counts a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// Attempts to log in and the like: a strict limit by address.
    Anonymous,
    /// Public answers that cost little, such as keys and health: only the coarse limit by address.
    Address,
    /// The limit of the user.
    User,
    /// A POST asks a model and has a limit of its own; everything else is as [`Rate::User`].
    Chat,
}

/// How long the head of an answer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// An ordinary request.
    Ordinary,
    /// A model thinks before it answers, or a 1C base is examined.
    Model,
}

/// Who decides which pages of other origins may read an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origins {
    /// The gateway, by `CORS_ALLOWED_ORIGINS`.
    Listed,
    /// The service too: it knows the pages of registered programs.
    OfService,
}

/// One line of the route table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The name in logs, metrics and events.
    pub label: &'static str,
    /// The first part of the path outside; with `exact`, all of it.
    pub outside: &'static str,
    /// True when nothing may follow.
    pub exact: bool,
    /// What replaces `outside` in the path that the service sees.
    pub inside: &'static str,
    /// The service.
    pub service: Service,
    /// Who may call it.
    pub access: Access,
    /// Which limit counts it.
    pub rate: Rate,
    /// Bytes of the request's body.
    pub body_limit: u64,
    /// How long the head of the answer may take.
    pub patience: Patience,
    /// The same in figures, where the file of routes gives one.
    pub timeout: Option<Duration>,
    /// Who decides on pages of other origins.
    pub origins: Origins,
    /// Which answers are kept.
    pub caching: Caching,
}

impl Route {
    /// True when a request asks a model. Stopping an answer does not, and must be possible for whoever
    /// has used up the quota of questions; nor do counting tokens and handing in a file.
    #[must_use]
    pub fn asks_model(&self, method: &Method, inside: &str) -> bool {
        let asks_nothing = inside.ends_with("/cancel")
            || inside.ends_with("/count_tokens")
            || inside == "/attachments"
            || inside == "/templates"
            || inside == "/privacy/preview";
        self.rate == Rate::Chat && method == Method::POST && !asks_nothing
    }
}

/// The route of a normalised path in [`TABLE`], and the path that its service sees.
#[must_use]
pub fn find(path: &str) -> Option<(&'static Route, String)> {
    find_in(&TABLE, path)
}

/// The route of a normalised path in a table, and the path that its service sees.
///
/// The table's part of the path is compared without regard to case and replaced by its own
/// spelling; what follows is passed on as it is.
#[must_use]
pub fn find_in<'a>(table: &'a [Route], path: &str) -> Option<(&'a Route, String)> {
    table.iter().find_map(|route| {
        let (head, rest) = path.split_at_checked(route.outside.len())?;
        let fits = head.eq_ignore_ascii_case(route.outside)
            && (rest.is_empty() || (!route.exact && rest.starts_with('/')));
        if !fits {
            return None;
        }
        let inside = if rest.is_empty() && route.inside.is_empty() {
            "/".to_owned()
        } else {
            format!("{}{rest}", route.inside)
        };
        Some((route, inside))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::normalise;

    fn seen(path: &str) -> Option<(&'static str, Service, String)> {
        let path = normalise(path).unwrap();
        find(&path).map(|(route, inside)| (route.label, route.service, inside))
    }

    #[test]
    fn longer_prefixes_come_first() {
        let lengths: Vec<usize> = TABLE.iter().map(|route| route.outside.len()).collect();
        assert!(lengths.is_sorted_by(|a, b| a >= b), "{lengths:?}");
    }

    #[test]
    fn every_route_leads_to_its_service() {
        use Service::{AiAssistant, Analytics, OnecIntegration, Security, UserManagement};
        for (path, label, service, inside) in [
            ("/api/ai", "/api/ai/*", AiAssistant, "/"),
            ("/api/ai/chat", "/api/ai/*", AiAssistant, "/chat"),
            ("/api/1c/sync/jobs", "/api/1c/*", OnecIntegration, "/sync/jobs"),
            ("/api/users", "/api/users/*", UserManagement, "/users"),
            ("/api/users/me", "/api/users/*", UserManagement, "/users/me"),
            (
                "/api/users/roles/a",
                "/api/users/roles/*",
                UserManagement,
                "/roles/a",
            ),
            (
                "/api/users/api-keys",
                "/api/users/api-keys/*",
                UserManagement,
                "/api-keys",
            ),
            (
                "/api/users/permissions",
                "/api/users/permissions",
                UserManagement,
                "/permissions",
            ),
            (
                "/api/users/auth/logout",
                "/api/users/auth/*",
                UserManagement,
                "/auth/logout",
            ),
            (
                "/api/users/auth/login",
                "/api/users/auth/login",
                UserManagement,
                "/auth/login",
            ),
            (
                "/api/users/auth/oidc/google/callback",
                "/api/users/auth/oidc/*",
                UserManagement,
                "/auth/oidc/google/callback",
            ),
            (
                "/api/users/auth/providers",
                "/api/users/auth/providers",
                UserManagement,
                "/auth/providers",
            ),
            (
                "/api/users/auth/login/x",
                "/api/users/auth/*",
                UserManagement,
                "/auth/login/x",
            ),
            (
                "/api/users/oauth/x",
                "/api/users/oauth/*",
                UserManagement,
                "/oauth/x",
            ),
            (
                "/api/users/.well-known/jwks.json",
                "/api/users/.well-known/*",
                UserManagement,
                "/.well-known/jwks.json",
            ),
            (
                "/api/users/oauth2/authorize",
                "/api/users/oauth2/*",
                UserManagement,
                "/oauth2/authorize",
            ),
            (
                "/api/users/service-accounts/1/secret",
                "/api/users/service-accounts/*",
                UserManagement,
                "/service-accounts/1/secret",
            ),
            (
                "/api/users/oauth2/clients/grafana",
                "/api/users/oauth2/clients/*",
                UserManagement,
                "/oauth2/clients/grafana",
            ),
            (
                "/.well-known/oauth-authorization-server/api/users",
                "/.well-known/oauth-authorization-server/api/users",
                UserManagement,
                "/.well-known/oauth-authorization-server",
            ),
            (
                "/.well-known/oauth-protected-resource/mcp",
                "/.well-known/oauth-protected-resource/mcp",
                UserManagement,
                "/.well-known/oauth-protected-resource",
            ),
            (
                "/api/users/health",
                "/api/users/health",
                UserManagement,
                "/health",
            ),
            ("/account/setup", "/account/*", UserManagement, "/account/setup"),
            ("/api/ai/health", "/api/ai/health", AiAssistant, "/health"),
            ("/api/1c/health", "/api/1c/health", OnecIntegration, "/health"),
            (
                "/api/analytics/metrics",
                "/api/analytics/*",
                Analytics,
                "/metrics",
            ),
            (
                "/api/security/audit/log",
                "/api/security/*",
                Security,
                "/audit/log",
            ),
            (
                "/v1/chat/completions",
                "/v1/*",
                AiAssistant,
                "/v1/chat/completions",
            ),
            ("/mcp", "/mcp", AiAssistant, "/mcp"),
        ] {
            assert_eq!(seen(path), Some((label, service, inside.to_owned())), "{path}");
        }
        for path in [
            "/",
            "/api",
            "/api/",
            "/api/aim",
            "/api/docs",
            "/api/openapi.json",
            "/mcp/x",
            "/v10",
            "/health",
        ] {
            assert_eq!(seen(path), None, "{path}");
        }
    }

    #[test]
    fn only_questions_count_as_questions() {
        for (path, asks) in [
            ("/api/ai/chat", true),
            ("/api/ai/generate", true),
            ("/v1/chat/completions", true),
            ("/v1/messages", true),
            ("/v1/messages/count_tokens", false),
            ("/api/ai/chat/01a21af6-fce0-70e1-a405-cef110c9bb23/cancel", false),
            ("/api/ai/attachments", false),
            ("/api/1c/sync/cancel", false),
            ("/mcp", false),
        ] {
            let (route, inside) = find(path).unwrap();
            assert_eq!(route.asks_model(&Method::POST, &inside), asks, "{path}");
            assert!(!route.asks_model(&Method::GET, &inside), "{path}");
        }
    }

    #[test]
    fn a_service_decides_on_origins_where_no_cookie_counts_only() {
        let of_service: Vec<&str> = TABLE
            .iter()
            .filter(|route| route.origins == Origins::OfService)
            .map(|route| route.label)
            .collect();
        assert_eq!(
            of_service,
            [
                "/.well-known/oauth-authorization-server/api/users",
                "/.well-known/openid-configuration/api/users",
                "/.well-known/oauth-protected-resource/mcp",
                "/.well-known/oauth-protected-resource",
                "/api/users/oauth2/register",
                "/api/users/.well-known/*",
                // Of these, user-management lets pages read what answers without a cookie.
                "/api/users/oauth2/*",
            ]
        );
    }

    #[test]
    fn only_the_listed_paths_are_public() {
        let public: Vec<&str> = TABLE
            .iter()
            .filter(|route| route.access == Access::Public)
            .map(|route| route.label)
            .collect();
        assert_eq!(
            public,
            [
                "/.well-known/oauth-authorization-server/api/users",
                "/.well-known/openid-configuration/api/users",
                "/.well-known/oauth-protected-resource/mcp",
                "/.well-known/oauth-protected-resource",
                "/api/users/auth/login/second-factor",
                "/api/users/auth/verify-email/resend",
                "/api/users/auth/passkeys/options",
                "/api/users/oauth2/second-factor",
                "/api/users/auth/password/forgot",
                "/api/users/auth/passkeys/login",
                "/api/users/auth/password/reset",
                "/api/users/auth/invites/accept",
                "/api/analytics/reports/links/*",
                "/api/users/auth/verify-email",
                "/api/users/oauth2/register",
                "/api/users/auth/providers",
                "/api/users/auth/register",
                "/api/users/auth/supabase",
                "/api/users/oauth2/login",
                "/api/users/auth/refresh",
                "/api/users/.well-known/*",
                "/api/users/auth/login",
                "/api/users/auth/setup",
                "/api/analytics/shared/*",
                "/api/analytics/health",
                "/api/users/auth/oidc/*",
                "/api/security/health",
                "/api/1c/commerceml/*",
                "/api/users/health",
                "/api/users/oauth2/*",
                "/api/ai/health",
                "/api/1c/health",
                "/account/*",
            ]
        );
    }

    #[test]
    fn a_base_that_pushes_logs_in_to_the_service() {
        let id = "01a21af6-fce0-70e1-a405-cef110c9bb23";
        let (route, inside) = find(&format!("/api/1c/commerceml/{id}/exchange")).unwrap();
        assert_eq!((route.access, route.rate), (Access::Public, Rate::Address));
        assert_eq!(inside, format!("/commerceml/{id}/exchange"));
        // 1C is asked for parts of 2 MiB, and twice that is taken.
        assert!(route.body_limit >= 4 * crate::route_table::MIB);
        for path in [
            "/api/1c/commerceml/exchanges",
            "/api/1c/commerceml/exchanges/1/password",
        ] {
            let (route, _) = find(path).unwrap();
            assert_eq!(route.label, "/api/1c/commerceml/exchanges/*");
            assert_ne!(route.access, Access::Public, "{path}");
        }
    }

    #[test]
    fn the_case_of_the_prefix_does_not_matter_and_that_of_the_rest_is_kept() {
        let expected = Some(("/api/1c/*", Service::OnecIntegration, "/Reports".to_owned()));
        assert_eq!(seen("/API/1C/Reports"), expected);
        let (route, inside) = find("/api/users/AUTH/Login").unwrap();
        assert_eq!((route.access, inside.as_str()), (Access::Public, "/auth/login"));
        let (route, inside) = find("/api/users/.well-known/../me").unwrap();
        assert_eq!(
            route.access,
            Access::Public,
            "an unnormalised path must never get here"
        );
        assert_eq!(inside, "/.well-known/../me");
    }
}
