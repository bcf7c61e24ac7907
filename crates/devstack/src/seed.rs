//! Demo users and the first synchronisation.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::client::Gateway;
use crate::plan::{DEMO_PASSWORD, LOGINS, Login};

/// The demo login that questions are asked as.
pub const ASKING: &str = "accountant@demo.local";

/// The first synchronisation of the demo base takes seconds; this is for a slow machine.
const SYNCHRONISED_WITHIN: Duration = Duration::from_secs(300);

/// Waits for the first synchronisation and makes the demo users that do not exist yet.
///
/// # Errors
/// When the system refuses or the synchronisation fails.
pub async fn seed(gateway: &Gateway, progress: impl Fn(&str)) -> Result<()> {
    let admin = gateway.log_in(LOGINS[0].email, DEMO_PASSWORD).await?;
    wait_until_synchronised(&admin, &progress).await?;
    let companies = admin.get("/api/1c/companies").await?;
    let first_company = companies["items"][0]["id"].clone();
    let users = admin.get("/api/users?limit=500&q=demo.local").await?;
    for login in &LOGINS[1..] {
        // Asked for, not tried: failed logins would be the first thing the security service sees.
        let known = users["items"]
            .as_array()
            .and_then(|users| users.iter().find(|user| user["email"] == login.email));
        make(gateway, &admin, login, known, &first_company).await?;
    }
    Ok(())
}

async fn make(
    gateway: &Gateway,
    admin: &Gateway,
    login: &Login,
    known: Option<&Value>,
    company: &Value,
) -> Result<()> {
    let user = match known {
        Some(user) => user.clone(),
        None => {
            let body = json!({"email": login.email, "password": DEMO_PASSWORD, "name": login.name});
            let made = gateway.post("/api/users/auth/register", &body).await?;
            made.get("user").cloned().unwrap_or(made)
        }
    };
    let companies = if login.one_company {
        json!([company])
    } else {
        json!(["*"])
    };
    if user["role"] == login.role && user["companies"] == companies {
        return Ok(());
    }
    let Some(id) = user["id"].as_str() else {
        bail!("the user {} has no id: {user}", login.email)
    };
    admin
        .put(
            &format!("/api/users/{id}/role"),
            &json!({"role": login.role, "companies": companies}),
        )
        .await?;
    Ok(())
}

async fn wait_until_synchronised(admin: &Gateway, progress: &impl Fn(&str)) -> Result<()> {
    let deadline = Instant::now() + SYNCHRONISED_WITHIN;
    let mut told = String::new();
    while Instant::now() < deadline {
        let jobs = admin.get("/api/1c/sync/jobs?limit=5").await?;
        let jobs = jobs["items"].as_array().cloned().unwrap_or_default();
        if jobs.iter().any(|job| job["state"] == "succeeded") {
            return Ok(());
        }
        if let Some(job) = jobs.first() {
            let line = format!(
                "synchronising with 1C: {} rows, {}",
                job["rows"],
                job["state"].as_str().unwrap_or("")
            );
            if line != told {
                progress(&line);
                told = line;
            }
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    bail!(
        "the first synchronisation did not end within {} s",
        SYNCHRONISED_WITHIN.as_secs()
    )
}
