//! The route table.

use common::auth::Permission::{Chat, Generate, OnecRead, SecurityAdmin, UsersAdmin};
use common::http::routes::{Access, Routes};

use crate::doors::{self, chat_completions, mcp, messages, responses};
use crate::http::{
    answers, attachments, budgets, chat, conversations, generate, models, privacy, ratings, templates,
    tool_calls, usage,
};
use crate::state::AppState;

/// All routes with what each takes to call it.
#[must_use]
pub fn routes() -> Routes<AppState> {
    Routes::new()
        .post("/chat", Access::Permission(Chat), chat::chat)
        .get(
            "/chat/{message_id}/events",
            Access::Permission(Chat),
            answers::events,
        )
        .post(
            "/chat/{message_id}/cancel",
            Access::Permission(Chat),
            answers::cancel,
        )
        .get("/conversations", Access::Permission(Chat), conversations::list)
        .get(
            "/conversations/{id}",
            Access::Permission(Chat),
            conversations::get,
        )
        .patch(
            "/conversations/{id}",
            Access::Permission(Chat),
            conversations::rename,
        )
        .delete(
            "/conversations/{id}",
            Access::Permission(Chat),
            conversations::delete,
        )
        .get(
            "/messages/{id}/tool-calls",
            Access::Permission(Chat),
            tool_calls::list,
        )
        .post("/attachments", Access::Permission(Chat), attachments::create)
        .get("/attachments", Access::Permission(Chat), attachments::list)
        .get("/attachments/{id}", Access::Permission(Chat), attachments::get)
        .delete("/attachments/{id}", Access::Permission(Chat), attachments::delete)
        .get(
            "/conversations/{id}/export",
            Access::Permission(Chat),
            conversations::export,
        )
        .put("/messages/{id}/rating", Access::Permission(Chat), ratings::put)
        .delete("/messages/{id}/rating", Access::Permission(Chat), ratings::delete)
        .post("/generate", Access::Permission(Generate), generate::generate)
        .get("/templates", Access::Permission(Generate), templates::list)
        .post("/templates", Access::Permission(Generate), templates::create)
        .get("/templates/{id}", Access::Permission(Generate), templates::get)
        .put("/templates/{id}", Access::Permission(Generate), templates::change)
        .delete("/templates/{id}", Access::Permission(Generate), templates::delete)
        .get(
            "/templates/{id}/versions",
            Access::Permission(Generate),
            templates::versions,
        )
        .get("/models", Access::Permission(Chat), models::list)
        // Clients that speak a protocol of others.
        .post(
            "/v1/chat/completions",
            Access::Permission(Chat),
            chat_completions::create,
        )
        .post("/v1/responses", Access::Permission(Chat), responses::create)
        .post("/v1/messages", Access::Permission(Chat), messages::create)
        .post(
            "/v1/messages/count_tokens",
            Access::Permission(Chat),
            messages::count_tokens,
        )
        .get("/v1/models", Access::Permission(Chat), doors::models::list)
        .get("/v1/models/{*id}", Access::Permission(Chat), doors::models::get)
        // One's own; everybody's takes `analytics:read`.
        .get("/usage", Access::Authenticated, usage::usage)
        .get("/budgets", Access::Permission(UsersAdmin), budgets::list)
        .put("/budgets", Access::Permission(UsersAdmin), budgets::put)
        .delete("/budgets/{id}", Access::Permission(UsersAdmin), budgets::delete)
        .post("/mcp", Access::Permission(OnecRead), mcp::post)
        .get(
            "/privacy/policies",
            Access::Permission(SecurityAdmin),
            privacy::list,
        )
        .put(
            "/privacy/policies",
            Access::Permission(SecurityAdmin),
            privacy::put,
        )
        .delete(
            "/privacy/policies/{company_id}",
            Access::Permission(SecurityAdmin),
            privacy::delete,
        )
        .post("/privacy/preview", Access::Permission(Chat), privacy::preview)
}
