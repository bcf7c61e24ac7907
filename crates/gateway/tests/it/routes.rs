//! Which path reaches which service, in every spelling.

use serde_json::Value;

use crate::world::{World, raw};

#[tokio::test]
async fn every_route_reaches_the_path_of_its_service() {
    let world = World::new().await;
    let user = world.user();
    for (path, service, inside) in [
        ("/api/ai/chat", "ai-assistant", "/chat"),
        ("/api/ai", "ai-assistant", "/"),
        ("/api/ai/health", "ai-assistant", "/health"),
        (
            "/v1/models?limit=1&q=a%20b",
            "ai-assistant",
            "/v1/models?limit=1&q=a%20b",
        ),
        ("/mcp", "ai-assistant", "/mcp"),
        (
            "/api/1c/reports/sales?from=2026-01-01",
            "onec-integration",
            "/reports/sales?from=2026-01-01",
        ),
        (
            "/api/1c/search?q=%D0%A0%D0%BE%D0%B3",
            "onec-integration",
            "/search?q=%D0%A0%D0%BE%D0%B3",
        ),
        ("/api/1c/health", "onec-integration", "/health"),
        ("/api/users", "user-management", "/users"),
        ("/api/users?limit=5", "user-management", "/users?limit=5"),
        ("/api/users/me", "user-management", "/users/me"),
        ("/api/users/auth/logout", "user-management", "/auth/logout"),
        ("/api/users/auth/login", "user-management", "/auth/login"),
        ("/api/users/oauth/start", "user-management", "/oauth/start"),
        ("/api/users/health", "user-management", "/health"),
        (
            "/api/analytics/dashboards/overview",
            "analytics",
            "/dashboards/overview",
        ),
        ("/api/analytics/health", "analytics", "/health"),
        ("/api/security/audit/log", "security", "/audit/log"),
        ("/api/security/health", "security", "/health"),
    ] {
        let seen: Value = user.get(path).await.json();
        assert_eq!(
            (seen["service"].as_str(), seen["path"].as_str()),
            (Some(service), Some(inside)),
            "{path}"
        );
    }
    let keys: Value = world
        .anonymous()
        .get("/api/users/.well-known/jwks.json")
        .await
        .json();
    assert_eq!(keys, world.issuer.jwks());
    let posted = user
        .post("/api/1c/sync/data", &serde_json::json!({"full": true}))
        .await;
    let posted: Value = posted.json();
    assert_eq!(
        (posted["method"].as_str(), posted["body"].as_str()),
        (Some("POST"), Some("{\"full\":true}"))
    );
}

#[tokio::test]
async fn what_is_not_in_the_table_is_not_found() {
    let world = World::new().await;
    for path in [
        "/nowhere",
        "/api",
        "/api/",
        "/api/other",
        "/api/docs/x",
        "/metrics",
        "/ready",
        "/api/aichat",
        "/mcp/x",
    ] {
        world
            .user()
            .get(path)
            .await
            .assert_problem(404, "request.not_found");
    }
    let health: Value = world.anonymous().get("/health").await.json();
    assert_eq!(health["checks"]["redis"], "up");
}

#[tokio::test]
async fn the_console_needs_no_token_and_loads_nothing_from_elsewhere() {
    let world = World::new().await;
    let page = world.anonymous().get("/").await;
    assert_eq!(page.status, 200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    let page = page.text();
    assert!(!page.contains("<style") && !page.contains("http"), "{page}");
    let script = page.split('"').find(|part| part.ends_with("/main.js")).unwrap();
    let script = world.anonymous().get(script).await;
    assert_eq!(script.headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(script.headers["x-content-type-options"], "nosniff");
    assert!(
        script.headers["cache-control"]
            .to_str()
            .unwrap()
            .contains("immutable")
    );
    // Another address of the same page, and what is none.
    let report = world.anonymous().get("/reports/sales?from=2026-01-01").await;
    assert_eq!(report.status, 200);
    world
        .anonymous()
        .get("/assets/nothing.js")
        .await
        .assert_problem(404, "request.not_found");
    world
        .anonymous()
        .post("/chat", &serde_json::json!({}))
        .await
        .assert_problem(405, "request.method_not_allowed");
}

#[tokio::test]
async fn no_spelling_gets_past_the_token() {
    let world = World::new().await;
    let address = world.server.address();
    let call = async |target: &str| {
        let head = format!("GET {target} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n");
        raw(address, &head).await
    };
    for target in [
        "/api/users/me",
        "/api/users/.well-known/../me",
        "/api/users/.well-known/%2e%2e/me",
        "/api/users/.well-known/.%2E/me",
        "/api/users/auth/login/../../me",
        "/api/users/auth/login/",
        "/api/users/auth/login/x",
        "/api/users/auth/Login2",
        "/api//users//me",
        "//api/users/me",
        "/./api/users/me",
        "/API/Users/me",
        "/api/users/%6de",
        "/%61pi/users/me",
        "/api/ai/health/../chat",
        "/api/ai/health/x",
        "/api/ai//health/%2e%2e/chat",
        "http://gateway/api/users/me",
        "/api/users/me?/api/users/auth/login",
    ] {
        let (status, text) = call(target).await;
        assert_eq!(status, 401, "{target}: {text}");
    }
    for target in [
        "/api/users/.well-known/..%2fme",
        "/api/users/.well-known%2f..%2fme",
        "/api/users/.well-known/..%5cme",
        "/api/users/.well-known/..\\me",
        "/api/users/.well-known/x%00",
        "/api/users/me%0d%0ax:y",
        "/api/users/%zz",
    ] {
        let (status, text) = call(target).await;
        assert_eq!(status, 400, "{target}: {text}");
        assert!(!text.contains("user-management"), "{target}: {text}");
    }
    for (target, inside) in [
        ("/API/users/AUTH/login", "/auth/login"),
        ("/api/users/auth/%6cogin", "/auth/login"),
        ("//api/./users//auth/login", "/auth/login"),
    ] {
        let (status, text) = call(target).await;
        assert_eq!(status, 200, "{target}: {text}");
        assert!(
            text.contains(&format!("\"path\":\"{inside}\"")),
            "{target}: {text}"
        );
    }
}

#[tokio::test]
async fn requests_that_cannot_be_forwarded_are_refused() {
    let world = World::new().await;
    let token = world.issuer.token(&[]);
    let address = world.server.address();
    let upgrade = format!(
        "POST /api/ai/chat HTTP/1.1\r\nHost: g\r\nContent-Length: 0\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let (status, text) = raw(address, &upgrade).await;
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("gateway.upgrade_not_supported"), "{text}");
    let trace = "TRACE /api/ai/chat HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n";
    assert_eq!(raw(address, trace).await.0, 405);
    let path = format!("/api/ai/{}", "x".repeat(9000));
    world
        .user()
        .get(&path)
        .await
        .assert_problem(414, "request.uri_too_long");
    // Two lengths, or a length beside chunks, are the beginning of request smuggling.
    for fields in [
        "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\n",
    ] {
        let head = format!(
            "POST /api/ai/chat HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {token}\r\n{fields}Connection: close\r\n\r\n0\r\n\r\n"
        );
        let (status, text) = raw(address, &head).await;
        let only_chunks = status == 200 && !text.to_lowercase().contains("\"content-length\"");
        assert!(status == 400 || only_chunks, "{fields}: {text}");
    }
}

#[tokio::test]
async fn a_file_changes_routes_and_adds_others() {
    let file = std::env::temp_dir().join(format!("routes-{}.toml", common::ids::new_id()));
    std::fs::write(
        &file,
        "[[route]]\npath = \"/api/1c/*\"\nmax_body_bytes = 10\n\
         [[route]]\npath = \"/api/news/*\"\nservice = \"analytics\"\ninside = \"/shared\"\naccess = \"optional\"\n",
    )
    .unwrap();
    let world = World::builder()
        .set("ROUTES_FILE", file.display().to_string())
        .start()
        .await;
    let user = world.user();
    assert_eq!(user.post("/api/1c/sync", &"short").await.status, 200);
    user.post("/api/1c/sync", &"much longer than that")
        .await
        .assert_problem(413, "request.too_large");
    // Whoever shows nothing passes, and whoever shows something must be who it says.
    let seen: Value = world.anonymous().get("/api/news/today").await.json();
    assert_eq!(
        (&seen["service"], &seen["path"]),
        (&"analytics".into(), &"/shared/today".into())
    );
    let answer = user.get("/api/news/today").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.headers["ratelimit-policy"]
            .to_str()
            .unwrap()
            .contains("user")
    );
    world
        .anonymous()
        .with_token("nonsense")
        .get("/api/news/today")
        .await
        .assert_problem(401, "auth.token_invalid");
    std::fs::remove_file(&file).unwrap();
}
