//! The routes that the gateway has by itself, and the short ways of writing them.

use crate::cache_rule::Caching;
use crate::routing::{Access, Origins, Patience, Rate, Route, Service};

const KIB: u64 = 1024;
pub(crate) const MIB: u64 = 1024 * KIB;

const fn route(label: &'static str, outside: &'static str, inside: &'static str, service: Service) -> Route {
    Route {
        label,
        outside,
        exact: false,
        inside,
        service,
        access: Access::Token,
        rate: Rate::User,
        body_limit: 10 * MIB,
        patience: Patience::Ordinary,
        timeout: None,
        origins: Origins::Listed,
        caching: Caching::AsTold,
    }
}

/// A route to a model.
const fn model(label: &'static str, outside: &'static str, inside: &'static str) -> Route {
    Route {
        rate: Rate::Chat,
        patience: Patience::Model,
        ..route(label, outside, inside, Service::AiAssistant)
    }
}

/// One path that needs no token and spends somebody's patience when tried often.
const fn sign_in(outside: &'static str, inside: &'static str) -> Route {
    Route {
        exact: true,
        access: Access::Public,
        rate: Rate::Anonymous,
        body_limit: 64 * KIB,
        ..route(outside, outside, inside, Service::UserManagement)
    }
}

/// A path that needs no token here: the service looks at what the caller shows, and knows whose pages
/// may call.
const fn public(outside: &'static str, inside: &'static str) -> Route {
    Route {
        exact: true,
        access: Access::Public,
        rate: Rate::Address,
        body_limit: 64 * KIB,
        origins: Origins::OfService,
        ..route(outside, outside, inside, Service::UserManagement)
    }
}

const fn health(outside: &'static str, service: Service) -> Route {
    Route {
        exact: true,
        access: Access::Public,
        rate: Rate::Address,
        body_limit: 0,
        ..route(outside, outside, "/health", service)
    }
}

/// The route table. The longest match counts; a test holds the order.
pub static TABLE: [Route; 52] = [
    public(
        "/.well-known/oauth-authorization-server/api/users",
        "/.well-known/oauth-authorization-server",
    ),
    public(
        "/.well-known/openid-configuration/api/users",
        "/.well-known/openid-configuration",
    ),
    public(
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-protected-resource",
    ),
    public(
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource",
    ),
    sign_in("/api/users/auth/login/second-factor", "/auth/login/second-factor"),
    sign_in("/api/users/auth/verify-email/resend", "/auth/verify-email/resend"),
    sign_in("/api/users/auth/passkeys/options", "/auth/passkeys/options"),
    sign_in("/api/users/oauth2/second-factor", "/oauth2/second-factor"),
    sign_in("/api/users/auth/password/forgot", "/auth/password/forgot"),
    // All rows of a report are read before it answers.
    Route {
        exact: true,
        patience: Patience::Model,
        ..route(
            "/api/analytics/reports/generate",
            "/api/analytics/reports/generate",
            "/reports/generate",
            Service::Analytics,
        )
    },
    sign_in("/api/users/auth/passkeys/login", "/auth/passkeys/login"),
    sign_in("/api/users/auth/password/reset", "/auth/password/reset"),
    sign_in("/api/users/auth/invites/accept", "/auth/invites/accept"),
    route(
        "/api/1c/commerceml/exchanges/*",
        "/api/1c/commerceml/exchanges",
        "/commerceml/exchanges",
        Service::OnecIntegration,
    ),
    // The signature in a link to a report file is what opens it.
    Route {
        access: Access::Public,
        rate: Rate::Address,
        body_limit: 0,
        ..route(
            "/api/analytics/reports/links/*",
            "/api/analytics/reports/links",
            "/reports/links",
            Service::Analytics,
        )
    },
    sign_in("/api/users/auth/verify-email", "/auth/verify-email"),
    route(
        "/api/users/service-accounts/*",
        "/api/users/service-accounts",
        "/service-accounts",
        Service::UserManagement,
    ),
    Route {
        origins: Origins::OfService,
        ..sign_in("/api/users/oauth2/register", "/oauth2/register")
    },
    route(
        "/api/users/oauth2/clients/*",
        "/api/users/oauth2/clients",
        "/oauth2/clients",
        Service::UserManagement,
    ),
    // The list is small and the same for everybody.
    Route {
        rate: Rate::Address,
        body_limit: 0,
        ..sign_in("/api/users/auth/providers", "/auth/providers")
    },
    sign_in("/api/users/auth/register", "/auth/register"),
    sign_in("/api/users/auth/supabase", "/auth/supabase"),
    sign_in("/api/users/oauth2/login", "/oauth2/login"),
    sign_in("/api/users/auth/refresh", "/auth/refresh"),
    Route {
        access: Access::Public,
        rate: Rate::Address,
        body_limit: 0,
        origins: Origins::OfService,
        ..route(
            "/api/users/.well-known/*",
            "/api/users/.well-known",
            "/.well-known",
            Service::UserManagement,
        )
    },
    route(
        "/api/users/permissions",
        "/api/users/permissions",
        "/permissions",
        Service::UserManagement,
    ),
    sign_in("/api/users/auth/login", "/auth/login"),
    sign_in("/api/users/auth/setup", "/auth/setup"),
    // Whoever has the address of a shared dashboard may look at it.
    Route {
        access: Access::Public,
        rate: Rate::Address,
        body_limit: 0,
        ..route(
            "/api/analytics/shared/*",
            "/api/analytics/shared",
            "/shared",
            Service::Analytics,
        )
    },
    health("/api/analytics/health", Service::Analytics),
    // Browsers come here from identity providers, and pages to fetch their tokens.
    Route {
        label: "/api/users/auth/oidc/*",
        exact: false,
        ..sign_in("/api/users/auth/oidc", "/auth/oidc")
    },
    health("/api/security/health", Service::Security),
    route(
        "/api/users/api-keys/*",
        "/api/users/api-keys",
        "/api-keys",
        Service::UserManagement,
    ),
    // Attacks to be scored are told here: they are looked at by whoever asks, not on their way.
    Route {
        exact: true,
        ..route(
            "/api/security/scan",
            "/api/security/scan",
            "/scan",
            Service::Security,
        )
    },
    // 1C bases that push log in to the service itself, with Basic authentication.
    Route {
        access: Access::Public,
        rate: Rate::Address,
        ..route(
            "/api/1c/commerceml/*",
            "/api/1c/commerceml",
            "/commerceml",
            Service::OnecIntegration,
        )
    },
    route(
        "/api/users/invites/*",
        "/api/users/invites",
        "/invites",
        Service::UserManagement,
    ),
    // An infobase is examined for up to a minute.
    Route {
        patience: Patience::Model,
        ..route(
            "/api/1c/infobases/*",
            "/api/1c/infobases",
            "/infobases",
            Service::OnecIntegration,
        )
    },
    health("/api/users/health", Service::UserManagement),
    // Programs show credentials of their own, and people a cookie.
    Route {
        exact: false,
        label: "/api/users/oauth2/*",
        ..public("/api/users/oauth2", "/oauth2")
    },
    route(
        "/api/users/roles/*",
        "/api/users/roles",
        "/roles",
        Service::UserManagement,
    ),
    route(
        "/api/users/oauth/*",
        "/api/users/oauth",
        "/oauth",
        Service::UserManagement,
    ),
    route(
        "/api/users/auth/*",
        "/api/users/auth",
        "/auth",
        Service::UserManagement,
    ),
    route("/api/analytics/*", "/api/analytics", "", Service::Analytics),
    health("/api/ai/health", Service::AiAssistant),
    health("/api/1c/health", Service::OnecIntegration),
    route("/api/security/*", "/api/security", "", Service::Security),
    route("/api/users/*", "/api/users", "/users", Service::UserManagement),
    // Pages that links in letters lead to.
    Route {
        label: "/account/*",
        exact: false,
        ..sign_in("/account", "/account")
    },
    model("/api/ai/*", "/api/ai", ""),
    route("/api/1c/*", "/api/1c", "", Service::OnecIntegration),
    Route {
        exact: true,
        rate: Rate::User,
        ..model("/mcp", "/mcp", "/mcp")
    },
    model("/v1/*", "/v1", "/v1"),
];
