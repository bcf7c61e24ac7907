//! What letters say: plain text and HTML from one description, in the language of the reader.

use common::{Locale, Text};

/// A letter that has been written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
    /// The link in it, which only a development machine may write to a log.
    pub(crate) link: Option<String>,
}

/// A letter as it is described here.
pub(super) struct Draft {
    pub(super) subject: Text,
    pub(super) before: Vec<Text>,
    /// Its label and its address.
    pub(super) link: Option<(Text, String)>,
    pub(super) after: Vec<Text>,
}

fn product() -> Text {
    Text::new("AI-ассистенты для 1С", "AI Assistants for 1C")
}

/// How long a link lasts, and what to do when one did not ask for it.
fn lasts(ru: &'static str, en: &'static str) -> Text {
    Text::new(
        format!("Ссылка сработает один раз, в течение {ru}."),
        format!("The link works once, within {en}."),
    )
}

pub(super) fn registration(name: &str, link: String, locale: Locale) -> Contents {
    let draft = Draft {
        subject: Text::new("Подтвердите адрес почты", "Confirm your e-mail address"),
        before: vec![
            Text::new(
                format!("На этот адрес зарегистрировались под именем «{name}»."),
                format!("Somebody registered with this address, by the name “{name}”."),
            ),
            Text::new(
                "Если это вы, подтвердите адрес, и учётная запись будет готова.",
                "If it was you, confirm the address and the account is ready.",
            ),
        ],
        link: Some((Text::new("Подтвердить адрес", "Confirm the address"), link)),
        after: vec![
            lasts("24 часов", "24 hours"),
            Text::new(
                "Если это не вы, не переходите по ссылке: учётная запись не появится.",
                "If it was not you, do not follow the link: there will be no account.",
            ),
        ],
    };
    draft.write(locale)
}

pub(super) fn already_registered(reset: String, locale: Locale) -> Contents {
    let draft = Draft {
        subject: Text::new("У вас уже есть учётная запись", "You have an account already"),
        before: vec![
            Text::new(
                "На ваш адрес попытались зарегистрироваться, но учётная запись с ним уже есть.",
                "Somebody tried to register with your address, which has an account already.",
            ),
            Text::new(
                "Если это вы, войдите как обычно; забытый пароль можно заменить новым.",
                "If it was you, log in as usual; a forgotten password can be replaced.",
            ),
        ],
        link: Some((Text::new("Забыли пароль?", "Forgotten password?"), reset)),
        after: vec![Text::new(
            "Если это не вы, ничего делать не нужно: ничего не изменилось.",
            "If it was not you, there is nothing to do: nothing has changed.",
        )],
    };
    draft.write(locale)
}

pub(super) fn verify_email(link: String, locale: Locale) -> Contents {
    let draft = Draft {
        subject: Text::new("Подтвердите адрес почты", "Confirm your e-mail address"),
        before: vec![Text::new(
            "Подтвердите, что этот адрес ваш.",
            "Confirm that this address is yours.",
        )],
        link: Some((Text::new("Подтвердить адрес", "Confirm the address"), link)),
        after: vec![lasts("24 часов", "24 hours")],
    };
    draft.write(locale)
}

pub(super) fn reset_password(link: String, locale: Locale) -> Contents {
    let draft = Draft {
        subject: Text::new("Сброс пароля", "Password reset"),
        before: vec![Text::new(
            "Вы попросили задать новый пароль.",
            "You asked to set a new password.",
        )],
        link: Some((Text::new("Задать новый пароль", "Set a new password"), link)),
        after: vec![
            lasts("30 минут", "30 minutes"),
            Text::new(
                "Если это не вы, ничего делать не нужно: прежний пароль действует.",
                "If it was not you, there is nothing to do: the password is as it was.",
            ),
        ],
    };
    draft.write(locale)
}

pub(super) fn change_email(link: String, locale: Locale) -> Contents {
    let draft = Draft {
        subject: Text::new("Подтвердите новый адрес почты", "Confirm your new e-mail address"),
        before: vec![Text::new(
            "Этот адрес указали как новый адрес вашей учётной записи. Входить вы будете с ним.",
            "This address was given as the new one of your account. You will log in with it.",
        )],
        link: Some((
            Text::new("Подтвердить новый адрес", "Confirm the new address"),
            link,
        )),
        after: vec![
            lasts("1 часа", "an hour"),
            Text::new(
                "Если это не вы, не переходите по ссылке: ничего не изменится.",
                "If it was not you, do not follow the link: nothing will change.",
            ),
        ],
    };
    draft.write(locale)
}

pub(super) fn invite(inviter: &str, role: &Text, link: String, locale: Locale) -> Contents {
    let draft = Draft {
        subject: Text::new("Вас приглашают", "You are invited"),
        before: vec![Text::new(
            format!(
                "{inviter} приглашает вас в систему «AI-ассистенты для 1С». Ваша роль: {}.",
                role.get(Locale::Ru)
            ),
            format!(
                "{inviter} invites you to AI Assistants for 1C. Your role: {}.",
                role.get(Locale::En)
            ),
        )],
        link: Some((Text::new("Принять приглашение", "Accept the invite"), link)),
        after: vec![lasts("3 дней", "3 days")],
    };
    draft.write(locale)
}

impl Draft {
    pub(super) fn write(self, locale: Locale) -> Contents {
        let subject = self.subject.get(locale);
        let product = product();
        let product = product.get(locale);
        let mut text = String::new();
        let mut html = String::new();
        for paragraph in &self.before {
            add_paragraph(paragraph.get(locale), &mut text, &mut html);
        }
        if let Some((label, address)) = &self.link {
            let (label, escaped) = (label.get(locale), escape(address));
            text.push_str(&format!("{label}:\n{address}\n\n"));
            html.push_str(&format!(
                "<p style=\"margin:24px 0\"><a href=\"{escaped}\" style=\"background:#1f5fbf;color:#fff;\
                 padding:12px 20px;border-radius:6px;text-decoration:none\">{}</a></p>\
                 <p style=\"color:#666;font-size:13px;word-break:break-all\">{escaped}</p>",
                escape(label)
            ));
        }
        for paragraph in &self.after {
            add_paragraph(paragraph.get(locale), &mut text, &mut html);
        }
        text.push_str(&format!("-- \n{product}\n"));
        let html = format!(
            "<!DOCTYPE html><html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width\"><title>{}</title></head><body style=\"margin:0;padding:24px;\
             font:16px/1.5 sans-serif;color:#222;max-width:560px\">{html}<hr style=\"border:0;border-top:1px \
             solid #ddd\"><p style=\"color:#666;font-size:13px\">{}</p></body></html>",
            locale.tag(),
            escape(subject),
            escape(product),
        );
        Contents {
            subject: format!("{subject} — {product}"),
            text,
            html,
            link: self.link.map(|(_, address)| address),
        }
    }
}

fn add_paragraph(paragraph: &str, text: &mut String, html: &mut String) {
    text.push_str(paragraph);
    text.push_str("\n\n");
    html.push_str(&format!("<p>{}</p>", escape(paragraph)));
}

/// Names and addresses are others' text.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_put_markup_into_a_letter() {
        let name = "<a href='https://evil.example'>Анна</a>";
        let letter = registration(name, "https://ai.example.org/x?token=abc".to_owned(), Locale::Ru);
        assert!(!letter.html.contains("<a href='"), "{}", letter.html);
        assert!(
            letter
                .html
                .contains("&lt;a href=&#39;https://evil.example&#39;&gt;Анна&lt;/a&gt;")
        );
        assert!(
            letter.text.contains("https://ai.example.org/x?token=abc\n"),
            "{}",
            letter.text
        );
        assert_eq!(letter.subject, "Подтвердите адрес почты — AI-ассистенты для 1С");
    }
}
