//! Text that a user reads, in the languages of the product.

use std::borrow::Cow;

/// Language of user-facing text. Russian unless the client asks for English.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Locale {
    /// Russian, the default.
    #[default]
    Ru,
    /// English.
    En,
}

impl Locale {
    /// The preferred of our two languages in an `Accept-Language` value (RFC 9110, section
    /// 12.5.4). Anything that names neither gives Russian.
    #[must_use]
    pub fn from_accept_language(value: &str) -> Self {
        let mut best = (Self::Ru, 0.0_f32);
        for range in value.split(',') {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let quality = parts
                .find_map(|p| {
                    p.trim()
                        .strip_prefix("q=")
                        .and_then(|q| q.trim().parse::<f32>().ok())
                })
                .unwrap_or(1.0);
            let locale = match tag.split('-').next() {
                Some("ru") => Self::Ru,
                Some("en") => Self::En,
                _ => continue,
            };
            if quality > best.1 {
                best = (locale, quality);
            }
        }
        best.0
    }

    /// The language tag (BCP 47).
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Ru => "ru",
            Self::En => "en",
        }
    }
}

/// One message in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    ru: Cow<'static, str>,
    en: Cow<'static, str>,
}

impl Text {
    /// The same message in Russian and in English.
    pub fn new(ru: impl Into<Cow<'static, str>>, en: impl Into<Cow<'static, str>>) -> Self {
        Self {
            ru: ru.into(),
            en: en.into(),
        }
    }

    /// A text that is the same in both languages, such as a name from the data.
    pub fn same(text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        Self {
            ru: text.clone(),
            en: text,
        }
    }

    /// The message in `locale`.
    #[must_use]
    pub fn get(&self, locale: Locale) -> &str {
        match locale {
            Locale::Ru => &self.ru,
            Locale::En => &self.en,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Locale;

    #[test]
    fn the_preferred_known_language_wins() {
        for (header, expected) in [
            ("", Locale::Ru),
            ("en", Locale::En),
            ("en-US,en;q=0.9,ru;q=0.8", Locale::En),
            ("ru-RU,ru;q=0.9,en;q=0.8", Locale::Ru),
            ("de, en;q=0.5", Locale::En),
            ("de", Locale::Ru),
            ("en;q=0, ru", Locale::Ru),
            ("en;q=abc", Locale::En),
        ] {
            assert_eq!(Locale::from_accept_language(header), expected, "{header}");
        }
    }
}
