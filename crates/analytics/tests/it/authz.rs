//! Who may call what.

use common::testing::walk_routes;

use crate::support::Service;

#[tokio::test]
async fn no_route_lets_a_stranger_or_a_powerless_user_in() {
    let service = Service::start().await;
    let routes = analytics::routes();
    walk_routes(&service.server.url(), routes.specs(), &service.issuer).await;
}
