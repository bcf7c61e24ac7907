//! Limits, and where a subject stands with one.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use common::Locale;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::builtin::format::{moment, say};

/// Subject of a limit that holds for each one that has none of its own.
pub(crate) const EACH: &str = "*";

/// Whose spending is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// Everybody's.
    All,
    /// A user's.
    User,
    /// That of all users with a role.
    Role,
    /// What was asked about a company, by whomever.
    Company,
}

/// How often spending begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Period {
    Day,
    Month,
}

/// A limit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Limit {
    pub(crate) id: Uuid,
    pub(crate) scope: Scope,
    /// Id of a user or company, name of a role, or [`EACH`].
    pub(crate) subject: String,
    pub(crate) period: Period,
    /// Where its days begin; `None` is the zone of the service.
    pub(crate) time_zone: Option<String>,
    pub(crate) soft_tokens: Option<u64>,
    pub(crate) hard_tokens: Option<u64>,
    /// US dollars.
    pub(crate) soft_usd: Option<Decimal>,
    pub(crate) hard_usd: Option<Decimal>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// Where a subject stands with a limit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standing {
    pub(crate) scope: Scope,
    pub(crate) subject: String,
    pub(crate) period: Period,
    /// When the next period begins; `None` where it is not asked for.
    pub(crate) renews: Option<DateTime<Utc>>,
    /// Spent in this period.
    pub(crate) tokens: u64,
    /// The same in US dollars, as far as prices are known.
    pub(crate) usd: Decimal,
    /// The bound that it is about, soft or hard.
    pub(crate) cap_tokens: Option<u64>,
    pub(crate) cap_usd: Option<Decimal>,
}

impl Scope {
    pub(crate) const ALL: [Self; 4] = [Self::All, Self::User, Self::Role, Self::Company];

    /// The name in JSON, metrics and the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::User => "user",
            Self::Role => "role",
            Self::Company => "company",
        }
    }

    /// The scope of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

impl Period {
    /// The name in JSON and the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The period of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Day, Self::Month]
            .into_iter()
            .find(|period| period.as_str() == name)
    }
}

impl Standing {
    /// Whose it is and for how long, in words: `вашей организации на месяц`.
    pub(crate) fn whose(&self, locale: Locale) -> String {
        let (ru, en) = match self.scope {
            Scope::All => ("общий", "everybody's"),
            Scope::User => ("ваш", "your"),
            Scope::Role => ("вашей роли", "your role's"),
            Scope::Company => ("организации", "the company's"),
        };
        let (of_ru, of_en) = match self.period {
            Period::Day => ("на день", "of a day"),
            Period::Month => ("на месяц", "of a month"),
        };
        match locale {
            Locale::Ru => format!("{ru} {of_ru}"),
            Locale::En => format!("{en} {of_en}"),
        }
    }

    /// The bounds, in words.
    fn bounds(&self, locale: Locale) -> String {
        let tokens = self
            .cap_tokens
            .map(|tokens| say!(locale, "{tokens} токенов", "{tokens} tokens"));
        let usd = self.cap_usd.map(|usd| format!("${}", usd.normalize()));
        tokens.into_iter().chain(usd).collect::<Vec<_>>().join(", ")
    }

    /// Says that a soft bound is reached.
    pub(crate) fn soft_notice(&self, zone: Tz, locale: Locale) -> String {
        let (whose, bounds) = (self.whose(locale), self.bounds(locale));
        let (tokens, usd) = (self.tokens, self.usd.round_dp(4).normalize());
        let mut text = say!(
            locale,
            "Бюджет на языковые модели подходит к концу ({whose}): израсходовано {tokens} токенов, ${usd}; порог — {bounds}.",
            "The budget of language models comes to its end ({whose}): {tokens} tokens, ${usd} are spent; the mark is {bounds}."
        );
        if let Some(renews) = self.renews {
            let at = moment(renews, zone, locale);
            text.push_str(&say!(
                locale,
                " Новый период начнётся {at}.",
                " The next period begins {at}."
            ));
        }
        text
    }
}
