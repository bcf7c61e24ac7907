//! Why nothing is spent, as clients see it.

use chrono::{DateTime, Utc};
use common::Text;
use common::db::StoreError;
use common::http::Problem;
use http::StatusCode;
use serde_json::json;

use super::Standing;

/// Why nothing is spent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// A hard limit does not leave enough.
    #[error("the budget is exhausted")]
    Exhausted {
        /// The limit that renews last of those that refuse.
        standing: Box<Standing>,
        now: DateTime<Utc>,
    },
    /// There is a limit of money and nobody knows what the model costs.
    #[error("the price of the model is not known")]
    PriceUnknown,
    /// The counters cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Refusal {
    /// The status of the response.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Exhausted { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::PriceUnknown => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Store(error) if error.is_unavailable() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Exhausted { .. } => "ai.budget_exhausted",
            Self::PriceUnknown => "ai.price_unknown",
            Self::Store(_) => "internal",
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, code) = (refusal.status(), refusal.code());
        match refusal {
            Refusal::Store(error) => Self::from(error),
            Refusal::PriceUnknown => Self::new(
                status,
                code,
                Text::new("Цена модели неизвестна", "The price of the model is not known"),
            )
            .detail(Text::new(
                "Бюджет задан в деньгах, а цены этой модели нет. Администратор может указать её (MODELS_FILE) или задать предел в токенах.",
                "The budget is one of money, and this model has no price. An administrator can set it (MODELS_FILE) or set a limit of tokens.",
            )),
            Refusal::Exhausted { standing, now } => {
                let (ru, en) = (standing.whose(common::Locale::Ru), standing.whose(common::Locale::En));
                let mut problem = Self::new(
                    status,
                    code,
                    Text::new(
                        "Бюджет на языковые модели исчерпан",
                        "The budget of language models is exhausted",
                    ),
                )
                .detail(Text::new(
                    format!("Исчерпан предел: {ru}. Встроенный помощник (model: builtin) отвечает бесплатно."),
                    format!("The limit that is reached is {en}. The built-in engine (model: builtin) answers free of charge."),
                ))
                .extension(
                    "limit",
                    json!({
                        "scope": standing.scope,
                        "period": standing.period,
                        "hard_tokens": standing.cap_tokens,
                        "hard_usd": standing.cap_usd,
                    }),
                );
                if let Some(renews) = standing.renews {
                    let seconds = (renews - now).num_seconds().max(1);
                    problem = problem
                        .extension("renews_at", json!(renews))
                        .retry_after(u64::try_from(seconds).unwrap_or(1));
                }
                problem
            }
        }
    }
}
