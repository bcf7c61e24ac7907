//! Every route, called by somebody who may do nothing.

use common::testing::{Issuer, walk_routes};
use user_management::routes;

use crate::harness::{Options, with};

#[tokio::test]
async fn nothing_but_public_routes_lets_a_stranger_in() {
    let issuer = Issuer::new();
    let service = with(Options {
        issuer: Some(&issuer),
        ..Options::default()
    })
    .await;
    walk_routes(&service.url, routes().specs(), &issuer).await;
}

#[tokio::test]
async fn a_powerless_user_sees_nobody_else() {
    let issuer = Issuer::new();
    let service = with(Options {
        issuer: Some(&issuer),
        ..Options::default()
    })
    .await;
    let stranger = service.client.with_token(issuer.token(&[]));
    let id = service.register("anna@example.com").await;
    let answer = stranger.get(&format!("/users/{id}")).await;
    answer.assert_problem(404, "request.not_found");
    // A token that outlived its account.
    stranger
        .get("/users/me")
        .await
        .assert_problem(404, "request.not_found");
}
