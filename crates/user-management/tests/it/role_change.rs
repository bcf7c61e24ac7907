//! PUT /users/{id}/role

use common::events::Stream;
use common::ids;
use serde_json::{Value, json};

use crate::harness::{PASSWORD, eventually, service};

#[tokio::test]
async fn a_new_role_takes_the_place_of_the_former_rights_at_once() {
    let service = service().await;
    let other_service = service.other_service();
    let id = service.register("anna@example.com").await;
    let before = service.login("anna@example.com", PASSWORD).await;
    assert!(other_service.verify(&before.access_token).await.is_ok());
    let admin = service.admin().await;
    let company = ids::new_id();
    let body = json!({ "role": "accountant", "companies": [company] });
    let path = format!("/users/{id}/role");
    let user: Value = admin.client.put(&path, &body).await.json();
    assert_eq!(user["role"], "accountant");
    assert_eq!(user["companies"], json!([company]));
    assert!(
        user["permissions"]
            .as_array()
            .unwrap()
            .contains(&json!("onec:sync"))
    );

    before
        .client
        .get("/users/me")
        .await
        .assert_problem(401, "auth.session_revoked");
    service
        .refresh(&before.refresh_token)
        .await
        .assert_problem(401, "auth.refresh_invalid");
    eventually("the other service refuses the token", async || {
        other_service.verify(&before.access_token).await.is_err()
    })
    .await;
    let after = service.login("anna@example.com", PASSWORD).await;
    let identity = other_service.verify(&after.access_token).await.unwrap();
    assert_eq!(identity.role, "accountant");
    assert!(identity.companies.contains(company) && !identity.companies.contains(ids::new_id()));

    // The role alone leaves the companies; the same again changes nothing and ends no session.
    let user: Value = admin
        .client
        .put(&path, &json!({ "role": "accountant" }))
        .await
        .json();
    assert_eq!(user["companies"], json!([company]));
    assert_eq!(after.client.get("/users/me").await.status, 200);
    let events = service.events(Stream::Audit, "users.role_changed", 1).await;
    assert_eq!(events[0].actor.as_ref().unwrap().user_id, admin.id);
    assert_eq!(events[0].data["target"], format!("user:{id}"));
    assert_eq!(
        events[0].data["details"],
        json!({
            "before": { "role": "user", "companies": [], "infobases": ["*"] },
            "after": { "role": "accountant", "companies": [company], "infobases": ["*"] },
        })
    );
}

#[tokio::test]
async fn a_wrong_request_is_told_what_is_wrong() {
    let service = service().await;
    let id = service.register("anna@example.com").await;
    let admin = service.admin().await;
    let path = format!("/users/{id}/role");
    for (body, pointers) in [
        (json!({ "role": "king" }), vec!["/role"]),
        (
            json!({ "role": "king", "companies": ["acme"] }),
            vec!["/role", "/companies/0"],
        ),
        (
            json!({ "role": "user", "companies": ["*", ids::new_id()] }),
            vec!["/companies/0"],
        ),
        (json!({ "role": "user", "companies": "*" }), vec!["/companies"]),
        (json!({ "companies": ["*"] }), vec![""]),
    ] {
        let problem = admin.client.put(&path, &body).await;
        let problem = problem.assert_problem(422, "request.validation_failed");
        let found: Vec<&str> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(found, pointers, "{body}");
    }
    let nobody = format!("/users/{}/role", ids::new_id());
    let answer = admin.client.put(&nobody, &json!({ "role": "user" })).await;
    answer.assert_problem(404, "request.not_found");
}

#[tokio::test]
async fn the_token_of_somebody_with_many_companies_is_not_too_long() {
    let service = service().await;
    let id = service.register("anna@example.com").await;
    let admin = service.admin().await;
    let path = format!("/users/{id}/role");
    let companies: Vec<uuid::Uuid> = (0..101).map(|_| ids::new_id()).collect();
    let body = json!({ "role": "admin", "companies": companies });
    let problem = admin.client.put(&path, &body).await;
    let problem = problem.assert_problem(422, "request.validation_failed");
    assert_eq!(problem["errors"][0]["pointer"], "/companies");
    let body = json!({ "role": "admin", "companies": &companies[..100] });
    assert_eq!(admin.client.put(&path, &body).await.status, 200);
    let anna = service.login("anna@example.com", PASSWORD).await;
    assert_eq!(anna.client.get("/users/me").await.status, 200);
}

#[tokio::test]
async fn who_may_see_users_may_not_change_them() {
    let service = service().await;
    let director = service.user_with_role("director@example.com", "director").await;
    let path = format!("/users/{}/role", director.id);
    let answer = director.client.put(&path, &json!({ "role": "admin" })).await;
    answer.assert_problem(403, "auth.permission_denied");
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let service = service().await;
    let admin = service.admin().await;
    let path = |id| format!("/users/{id}/role");
    let answer = admin
        .client
        .put(&path(admin.id), &json!({ "role": "user" }))
        .await;
    answer.assert_problem(409, "users.last_administrator");
    assert_eq!(
        admin.client.get("/users/me").await.status,
        200,
        "nothing has changed"
    );

    // Each takes the other's role at the same moment: both requests are held until both are on
    // their way, so that neither can have finished before the other looked.
    let others = service.user_with_role("second@example.com", "admin").await;
    let own = service.admin().await;
    let mut holding = service.db.begin().await.unwrap();
    sqlx::query("select 1 from identity.users for update")
        .execute(&mut *holding)
        .await
        .unwrap();
    let body = json!({ "role": "user" });
    let (path_one, path_two) = (path(others.id), path(own.id));
    let release = async {
        eventually("both requests wait", async || {
            service
                .count("pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")
                .await
                == 2
        })
        .await;
        holding.rollback().await.unwrap();
    };
    let (one, two, ()) = tokio::join!(
        own.client.put(&path_one, &body),
        others.client.put(&path_two, &body),
        release
    );
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(service.count("identity.users where role = 'admin'").await, 1);
}

#[tokio::test]
async fn nobody_gives_or_takes_rights_that_they_lack() {
    let service = service().await;
    sqlx::query(
        "insert into identity.roles (name, title_ru, title_en, permissions, position)
         values ('staff', 'Кадры', 'Staff', '{chat,generate,users:read,users:admin}', 9)",
    )
    .execute(&service.db)
    .await
    .unwrap();
    let anna = service.register("anna@example.com").await;
    let company = ids::new_id();
    let staff = service.register("staff@example.com").await;
    let admin = service.admin().await;
    let body = json!({ "role": "staff", "companies": [company] });
    assert_eq!(
        admin
            .client
            .put(&format!("/users/{staff}/role"), &body)
            .await
            .status,
        200
    );
    let staff = service.login("staff@example.com", PASSWORD).await;

    let anna_path = format!("/users/{anna}/role");
    let admin_path = format!("/users/{}/role", admin.id);
    let own_path = format!("/users/{}/role", staff.id);
    for (path, body) in [
        (&anna_path, json!({ "role": "manager" })),
        (&anna_path, json!({ "role": "user", "companies": ["*"] })),
        (
            &anna_path,
            json!({ "role": "user", "companies": [ids::new_id()] }),
        ),
        (&own_path, json!({ "role": "admin" })),
        (&admin_path, json!({ "role": "user" })),
    ] {
        let answer = staff.client.put(path, &body).await;
        answer.assert_problem(403, "users.beyond_own_rights");
    }
    let allowed = json!({ "role": "staff", "companies": [company] });
    assert_eq!(staff.client.put(&anna_path, &allowed).await.status, 200);
    let tried = service.events(Stream::Audit, "users.role_changed", 7).await;
    let denied = tried
        .iter()
        .filter(|event| event.data["outcome"] == "denied")
        .count();
    assert_eq!(denied, 5, "attempts are kept too");
}

#[tokio::test]
async fn a_login_beside_a_change_never_keeps_the_former_rights() {
    let service = service().await;
    let id = service.register("anna@example.com").await;
    let admin = service.admin().await;
    let path = format!("/users/{id}/role");
    for role in ["manager", "accountant", "director", "user"] {
        let body = json!({ "role": role });
        let (change, login) = tokio::join!(
            admin.client.put(&path, &body),
            service.try_login("anna@example.com", PASSWORD)
        );
        assert_eq!(change.status, 200);
        let login = service.session(&login);
        let me = login.client.get("/users/me").await;
        if me.status == 200 {
            let answer = service.refresh(&login.refresh_token).await.json::<Value>();
            assert_eq!(answer["user"]["role"], role);
            let verified = service.other_service().verify(&login.access_token).await.unwrap();
            assert_eq!(verified.role, role, "a session that lives has the new role");
        } else {
            me.assert_problem(401, "auth.session_revoked");
        }
    }
}
