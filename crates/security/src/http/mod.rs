//! Requests and responses.

pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod audit_erasures;
pub(crate) mod audit_export;
pub(crate) mod audit_integrity;
mod audit_query;
pub(crate) mod detections;
pub(crate) mod notifications;
pub(crate) mod posture;
pub(crate) mod responses;
pub(crate) mod scan;
pub(crate) mod threats;

use common::Locale;

use crate::detect::Words;

/// A text in both languages from what makes it in one.
fn words(of: impl Fn(Locale) -> String) -> Words {
    Words {
        ru: of(Locale::Ru),
        en: of(Locale::En),
    }
}
