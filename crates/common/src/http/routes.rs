//! The table of a service's routes, each with what it takes to call it.
//!
//! There is no way to add a route without naming its [`Access`], so a forgotten check cannot open
//! one; and the table can be read, so that a test can walk all of it.

use axum::handler::Handler;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Extension, Router};
use http::{Method, Request, StatusCode};

use super::once::once;
#[cfg(feature = "testing")]
use super::openapi::Described;
use super::openapi::Documented;
use super::{Problem, layers};
use crate::Text;
use crate::auth::{Authenticator, Permission};

/// What a caller needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Public,
    /// A valid access token.
    Authenticated,
    /// A valid access token with this permission.
    Permission(Permission),
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteSpec {
    /// The method.
    pub method: Method,
    /// The path template, such as `/users/{id}`.
    pub path: &'static str,
    /// What a caller needs.
    pub access: Access,
}

/// A router under construction.
#[derive(Debug)]
pub struct Routes<S> {
    router: Router<S>,
    specs: Vec<RouteSpec>,
    own_logins: bool,
    #[cfg(feature = "testing")]
    described: Vec<Described>,
}

impl<S> Default for Routes<S>
where
    S: Clone + Send + Sync + 'static,
{
    fn default() -> Self {
        Self {
            router: Router::new(),
            specs: Vec::new(),
            own_logins: false,
            #[cfg(feature = "testing")]
            described: Vec::new(),
        }
    }
}

impl<S> Routes<S>
where
    S: Clone + Send + Sync + 'static,
{
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty table whose [`Access::Authenticated`] routes take tokens of our own logins only. A
    /// program that was let in for some permissions, or for none, and an API key must not act on the
    /// account itself.
    #[must_use]
    pub fn for_own_logins() -> Self {
        Self {
            own_logins: true,
            ..Self::default()
        }
    }

    /// Adds a route for GET (and HEAD).
    #[must_use]
    pub fn get<H, T>(self, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, S> + Documented<T>,
        T: 'static,
    {
        self.add(Method::GET, MethodFilter::GET, path, access, handler)
    }

    /// Adds a route for POST.
    #[must_use]
    pub fn post<H, T>(self, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, S> + Documented<T>,
        T: 'static,
    {
        self.add(Method::POST, MethodFilter::POST, path, access, handler)
    }

    /// Adds a route for POST that has its effect once for each `Idempotency-Key` of a caller. The
    /// router needs [`FirstAnswers`](super::FirstAnswers) as an extension.
    #[must_use]
    pub fn post_once<H, T>(self, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, S> + Documented<T>,
        T: 'static,
    {
        let route = on(MethodFilter::POST, handler).layer(middleware::from_fn(once));
        self.add_route::<H, T>(Method::POST, path, access, route, true)
    }

    /// Adds a route for PUT.
    #[must_use]
    pub fn put<H, T>(self, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, S> + Documented<T>,
        T: 'static,
    {
        self.add(Method::PUT, MethodFilter::PUT, path, access, handler)
    }

    /// Adds a route for PATCH.
    #[must_use]
    pub fn patch<H, T>(self, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, S> + Documented<T>,
        T: 'static,
    {
        self.add(Method::PATCH, MethodFilter::PATCH, path, access, handler)
    }

    /// Adds a route for DELETE.
    #[must_use]
    pub fn delete<H, T>(self, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, S> + Documented<T>,
        T: 'static,
    {
        self.add(Method::DELETE, MethodFilter::DELETE, path, access, handler)
    }

    /// Adds a route for OPTIONS: what a browser asks before a page of another origin may call.
    #[must_use]
    pub fn options<H, T>(self, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, S> + Documented<T>,
        T: 'static,
    {
        self.add(Method::OPTIONS, MethodFilter::OPTIONS, path, access, handler)
    }

    fn add<H, T>(
        self,
        method: Method,
        filter: MethodFilter,
        path: &'static str,
        access: Access,
        handler: H,
    ) -> Self
    where
        H: Handler<T, S> + Documented<T>,
        T: 'static,
    {
        self.add_route::<H, T>(method, path, access, on(filter, handler), false)
    }

    #[cfg_attr(
        not(feature = "testing"),
        expect(unused_variables, reason = "what a route takes is written down by a test")
    )]
    fn add_route<H, T>(
        mut self,
        method: Method,
        path: &'static str,
        access: Access,
        route: MethodRouter<S>,
        once: bool,
    ) -> Self
    where
        H: Documented<T>,
    {
        let spec = RouteSpec { method, path, access };
        #[cfg(feature = "testing")]
        self.described.push(Described {
            spec: spec.clone(),
            handler: std::any::type_name::<H>(),
            once,
            describe: H::describe,
        });
        self.specs.push(spec);
        let own_logins = self.own_logins && access == Access::Authenticated;
        let route = route.layer(middleware::from_fn(move |request, next| {
            authorize(access, own_logins, request, next)
        }));
        self.router = self.router.route(path, route);
        self
    }

    /// The lines of the table.
    #[must_use]
    pub fn specs(&self) -> &[RouteSpec] {
        &self.specs
    }

    /// The lines of the table with what their handlers take and answer.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn described(&self) -> &[Described] {
        &self.described
    }

    /// Makes the series of each route exist from the start; see [`layers::failures_exist`].
    #[must_use]
    pub fn measured(self, service: &'static str) -> Self {
        for spec in &self.specs {
            let method = match spec.method {
                Method::POST => "POST",
                Method::PUT => "PUT",
                Method::PATCH => "PATCH",
                Method::DELETE => "DELETE",
                Method::OPTIONS => "OPTIONS",
                _ => "GET",
            };
            layers::failures_exist(service, method, spec.path);
            let labels = [("service", service), ("method", method), ("route", spec.path)];
            drop(metrics::histogram!("http_request_duration_seconds", &labels));
        }
        self
    }

    /// The finished router.
    pub fn build(self, state: S, authenticator: Authenticator) -> Router {
        self.router.layer(Extension(authenticator)).with_state(state)
    }
}

/// Checks the token and the permission; handlers then find the caller as
/// [`Identity`](crate::auth::Identity).
async fn authorize(
    access: Access,
    own_logins: bool,
    mut request: Request<axum::body::Body>,
    next: Next,
) -> Response {
    if access == Access::Public {
        return next.run(request).await;
    }
    let Some(authenticator) = request.extensions().get::<Authenticator>().cloned() else {
        return Problem::internal("the router was built without an authenticator").into_response();
    };
    let identity = match authenticator.authenticate(request.headers()).await {
        Ok(identity) => identity,
        Err(problem) => return problem.into_response(),
    };
    if own_logins && identity.client_id.is_some() {
        return Problem::new(
            StatusCode::FORBIDDEN,
            "auth.own_login_required",
            Text::new("Нужен собственный вход", "A login of one's own is required"),
        )
        .detail(Text::new(
            "Программе, которой вы разрешили доступ, ваша учётная запись не подчиняется.",
            "A program that you let in cannot act on your account.",
        ))
        .into_response();
    }
    if own_logins && identity.methods.is_empty() {
        return Problem::new(
            StatusCode::FORBIDDEN,
            "auth.not_by_key",
            Text::new("Не по ключу API", "Not by an API key"),
        )
        .detail(Text::new(
            "Это делает человек, который вошёл сам.",
            "A person who has logged in does this.",
        ))
        .into_response();
    }
    if let Access::Permission(permission) = access
        && !identity.permissions.contains(permission)
    {
        return Problem::permission_denied(permission.as_str()).into_response();
    }
    request.extensions_mut().insert(identity);
    next.run(request).await
}
