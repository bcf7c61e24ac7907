//! The pages that links in letters lead to. Addresses in them are relative to `/account/`.

use common::{Locale, Text};

use super::html::{Escaped, hidden};
use super::{Page, in_locale};

/// A page with one form.
#[derive(Debug)]
pub(crate) struct AccountForm<'a> {
    pub(crate) locale: Locale,
    pub(crate) heading: Text,
    /// What the form is for.
    pub(crate) text: Text,
    /// The page that takes it.
    pub(crate) action: &'static str,
    pub(crate) fields: Vec<Field<'a>>,
    pub(crate) button: Text,
    /// What was wrong with the form before, in the language of the page.
    pub(crate) failures: &'a [String],
}

/// What a form asks for.
#[derive(Debug)]
pub(crate) enum Field<'a> {
    /// The secret of the link, which goes along unseen.
    Token(&'a str),
    /// The secret, to be copied here.
    TypedToken,
    /// An address that is known, for the browser to keep the password under.
    KnownEmail(&'a str),
    Email(&'a str),
    Name(&'a str),
    /// A new password, twice, of so many characters at least.
    NewPassword {
        min_length: usize,
    },
}

impl AccountForm<'_> {
    pub(crate) fn page(&self) -> Page {
        let heading = self.heading.get(self.locale);
        let (title, text) = (Escaped(heading), Escaped(self.text.get(self.locale)));
        let failures: String = self
            .failures
            .iter()
            .map(|failure| format!("<p class=\"bad\" role=\"alert\">{}</p>\n", Escaped(failure)))
            .collect();
        let fields: String = self.fields.iter().map(|field| field.html(self.locale)).collect();
        let (action, button) = (self.action, Escaped(self.button.get(self.locale)));
        let body = format!(
            "<h1>{title}</h1>\n<p>{text}</p>\n{failures}<form method=\"post\" action=\"{action}\">\n{fields}\
             <button>{button}</button>\n</form>\n"
        );
        Page::new(self.locale, heading.to_owned(), body)
    }
}

impl Field<'_> {
    fn html(&self, locale: Locale) -> String {
        let say = |ru, en| in_locale(locale, ru, en);
        match self {
            Self::Token(token) => hidden("token", token),
            Self::TypedToken => labelled(
                &say("Секрет из журнала", "Secret of the log"),
                "name=\"token\" autocomplete=\"off\" maxlength=\"200\" required",
            ),
            Self::KnownEmail(email) => labelled(
                &say("Электронная почта", "E-mail address"),
                &format!(
                    "type=\"email\" value=\"{}\" autocomplete=\"username\" readonly",
                    Escaped(email)
                ),
            ),
            Self::Email(email) => labelled(
                &say("Электронная почта", "E-mail address"),
                &format!(
                    "name=\"email\" type=\"email\" value=\"{}\" autocomplete=\"username\" maxlength=\"254\" required",
                    Escaped(email)
                ),
            ),
            Self::Name(name) => labelled(
                &say("Имя", "Name"),
                &format!(
                    "name=\"name\" value=\"{}\" autocomplete=\"name\" maxlength=\"100\" required",
                    Escaped(name)
                ),
            ),
            Self::NewPassword { min_length } => {
                let field = "type=\"password\" autocomplete=\"new-password\" maxlength=\"1024\" required";
                let hint = match locale {
                    Locale::Ru => {
                        format!("Не короче {min_length} символов. Подойдёт фраза из нескольких слов.")
                    }
                    Locale::En => {
                        format!("At least {min_length} characters. A phrase of a few words will do.")
                    }
                };
                let first = labelled(
                    &say("Новый пароль", "New password"),
                    &format!("name=\"password\" {field}"),
                );
                let again = labelled(
                    &say("Пароль ещё раз", "Password once more"),
                    &format!("name=\"password_again\" {field}"),
                );
                format!("{first}{again}<p class=\"soft\">{hint}</p>\n")
            }
        }
    }
}

fn labelled(label: &str, attributes: &str) -> String {
    format!("<label>{label}\n<input {attributes}></label>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_comes_back_as_text_and_passwords_never_do() {
        let hostile = "\"><script>alert(1)</script>";
        let failures = [hostile.to_owned()];
        let form = AccountForm {
            locale: Locale::Ru,
            heading: Text::same("Приглашение"),
            text: Text::same(hostile),
            action: "invite",
            fields: vec![
                Field::Token(hostile),
                Field::TypedToken,
                Field::KnownEmail(hostile),
                Field::Email(hostile),
                Field::Name(hostile),
                Field::NewPassword { min_length: 15 },
            ],
            button: Text::same("Готово"),
            failures: &failures,
        };
        let html = form.page().html();
        assert!(!html.contains("<script"), "{html}");
        assert_eq!(html.matches("type=\"password\"").count(), 2);
        assert!(!html.contains("type=\"password\" value"), "{html}");
        assert!(html.contains("Не короче 15 символов"), "{html}");
    }
}
