//! Requests that are refused for who sends them. Further looks at a request (its path, its headers, what
//! it asks for) belong here too: after the route and the caller are known, before a service is troubled.

use common::http::Problem;

use crate::problems;
use crate::visit::Visit;
use crate::worker::Worker;

/// Looks at where a request comes from, before anything else is done for it.
///
/// # Errors
/// 403 for an address that is shut out.
pub(crate) fn of_origin(worker: &Worker, visit: &Visit<'_>) -> Result<(), Problem> {
    let gateway = &worker.gateway;
    match gateway.bans.of_address(visit.client, gateway.clock.now()) {
        Some(rest) => Err(problems::banned(rest)),
        None => Ok(()),
    }
}

/// Looks at a request whose route and caller are known.
///
/// # Errors
/// 403 for a user who is shut out.
pub(crate) fn of_request(worker: &Worker, visit: &Visit<'_>) -> Result<(), Problem> {
    let gateway = &worker.gateway;
    let user = visit.identity.as_ref().map(|identity| identity.user_id);
    match user.and_then(|user| gateway.bans.of_user(user, gateway.clock.now())) {
        Some(rest) => Err(problems::banned(rest)),
        None => Ok(()),
    }
}
