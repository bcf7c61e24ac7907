//! What the owner of an account is told of afterwards.

use chrono::{DateTime, Utc};
use common::{Locale, Text};
use serde::{Deserialize, Serialize};

use super::contents::{Contents, Draft};
use crate::account::Email;

/// What has happened to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Notice {
    PasswordChanged,
    EmailChangeAsked,
    EmailChanged,
    Deactivated,
    Reactivated,
    /// A login from where none came before.
    NewDevice,
    TotpAdded,
    TotpRemoved,
    PasskeyAdded,
    PasskeyRemoved,
    RecoveryCodesMade,
    RecoveryCodeUsed,
    /// By an administrator.
    SecondFactorsReset,
    ApiKeyCreated,
    ApiKeyRotated,
    ApiKeyRevoked,
    IdentityLinked,
    IdentityUnlinked,
}

/// One thing that has happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) notice: Notice,
    /// What it was done with: the name of a key, of a provider, of a program.
    pub(super) about: Option<&'a str>,
    pub(super) at: DateTime<Utc>,
    pub(super) ip: Option<&'a str>,
}

impl Notice {
    fn subject(self) -> Text {
        match self {
            Self::PasswordChanged => Text::new("Пароль изменён", "Your password was changed"),
            Self::EmailChangeAsked => Text::new(
                "Запрошена смена адреса почты",
                "A change of your e-mail address was asked for",
            ),
            Self::EmailChanged => Text::new("Адрес почты изменён", "Your e-mail address was changed"),
            Self::Deactivated => Text::new("Учётная запись отключена", "Your account was shut"),
            Self::Reactivated => Text::new("Учётная запись включена", "Your account was opened again"),
            Self::NewDevice => Text::new("Вход с нового устройства", "A login from a new device"),
            Self::TotpAdded => Text::new("Подключено приложение с кодами", "An authenticator was added"),
            Self::TotpRemoved => Text::new("Отключено приложение с кодами", "An authenticator was removed"),
            Self::PasskeyAdded => Text::new("Подключён ключ доступа", "A passkey was added"),
            Self::PasskeyRemoved => Text::new("Отключён ключ доступа", "A passkey was removed"),
            Self::RecoveryCodesMade => Text::new(
                "Созданы новые коды восстановления",
                "New recovery codes were made",
            ),
            Self::RecoveryCodeUsed => Text::new("Использован код восстановления", "A recovery code was used"),
            Self::SecondFactorsReset => {
                Text::new("Второй фактор сброшен", "Your second factors were removed")
            }
            Self::ApiKeyCreated => Text::new("Создан ключ API", "An API key was made"),
            Self::ApiKeyRotated => Text::new("Заменён ключ API", "An API key was rotated"),
            Self::ApiKeyRevoked => Text::new("Отозван ключ API", "An API key was revoked"),
            Self::IdentityLinked => Text::new("Подключён внешний вход", "An outside login was linked"),
            Self::IdentityUnlinked => Text::new("Отключён внешний вход", "An outside login was unlinked"),
        }
    }

    fn what(self) -> Text {
        match self {
            Self::PasswordChanged => Text::new(
                "Пароль вашей учётной записи изменён. На других устройствах нужно войти снова.",
                "The password of your account was changed. Other devices have to log in again.",
            ),
            Self::EmailChangeAsked => Text::new(
                "Для вашей учётной записи запросили другой адрес почты. Он заменит этот, когда его подтвердят.",
                "Another e-mail address was asked for your account. It replaces this one when it is confirmed.",
            ),
            Self::EmailChanged => Text::new(
                "У вашей учётной записи теперь другой адрес почты. На этот адрес писем больше не будет.",
                "Your account has another e-mail address now. No more letters will come to this one.",
            ),
            Self::Deactivated => Text::new(
                "Администратор отключил вашу учётную запись.",
                "An administrator has shut your account.",
            ),
            Self::Reactivated => Text::new(
                "Администратор снова включил вашу учётную запись.",
                "An administrator has opened your account again.",
            ),
            Self::NewDevice => Text::new(
                "В вашу учётную запись вошли с устройства или из сети, откуда раньше не входили.",
                "Somebody logged in to your account from a device or a network that was not used before.",
            ),
            Self::TotpAdded => Text::new(
                "Для входа теперь нужен и код из приложения.",
                "Logging in now asks for a code of the authenticator application, too.",
            ),
            Self::TotpRemoved => Text::new(
                "Приложение с кодами больше не подтверждает вход.",
                "The authenticator application confirms logins no more.",
            ),
            Self::PasskeyAdded => Text::new(
                "С этим ключом доступа теперь можно войти.",
                "This passkey can log in from now on.",
            ),
            Self::PasskeyRemoved => Text::new(
                "С этим ключом доступа больше не войти.",
                "This passkey logs in no more.",
            ),
            Self::RecoveryCodesMade => Text::new(
                "Прежние коды больше не действуют.",
                "The former codes are worth nothing.",
            ),
            Self::RecoveryCodeUsed => Text::new(
                "Вместо второго фактора ввели код восстановления. Повторно он не сработает.",
                "A recovery code stood in for the second factor. It does not work twice.",
            ),
            Self::SecondFactorsReset => Text::new(
                "Администратор отключил ваш второй фактор и завершил сеансы. Для входа достаточно пароля.",
                "An administrator removed your second factors and ended your sessions. The password alone logs in.",
            ),
            Self::ApiKeyCreated => Text::new(
                "С этим ключом программа может действовать от вашего имени.",
                "With this key a program can act for you.",
            ),
            Self::ApiKeyRotated => Text::new(
                "Ключ заменён новым; прежний скоро перестанет действовать.",
                "The key was replaced by a new one; the former one ends soon.",
            ),
            Self::ApiKeyRevoked => Text::new(
                "Этот ключ больше не действует.",
                "This key is worth nothing any more.",
            ),
            Self::IdentityLinked => Text::new(
                "Через этого поставщика теперь можно войти в вашу учётную запись.",
                "Your account can be logged in to by this provider from now on.",
            ),
            Self::IdentityUnlinked => Text::new(
                "Через этого поставщика в вашу учётную запись больше не войти.",
                "Your account can be logged in to by this provider no more.",
            ),
        }
    }

    /// What `about` names.
    fn label(self) -> Text {
        match self {
            Self::NewDevice => Text::new("Программа", "Program"),
            Self::IdentityLinked | Self::IdentityUnlinked => Text::new("Поставщик", "Provider"),
            _ => Text::new("Название", "Name"),
        }
    }

    fn is_by_administrator(self) -> bool {
        matches!(
            self,
            Self::Deactivated | Self::Reactivated | Self::SecondFactorsReset
        )
    }
}

impl Told<'_> {
    pub(super) fn contents(self, recipient: &Email, locale: Locale) -> Contents {
        let Self {
            notice,
            about,
            at,
            ip,
        } = self;
        let when = at.format("%d.%m.%Y %H:%M");
        let account = recipient.as_str();
        let facts = match (locale, ip) {
            (Locale::Ru, None) => format!("Учётная запись: {account}. Время: {when} UTC."),
            (Locale::Ru, Some(ip)) => {
                format!("Учётная запись: {account}. Время: {when} UTC, с адреса {ip}.")
            }
            (Locale::En, None) => format!("Account: {account}. Time: {when} UTC."),
            (Locale::En, Some(ip)) => {
                format!("Account: {account}. Time: {when} UTC, from the address {ip}.")
            }
        };
        let mut before = vec![notice.what()];
        if let Some(about) = about {
            before.push(Text::same(format!("{}: {about}", notice.label().get(locale))));
        }
        before.push(Text::same(facts));
        let after = if notice.is_by_administrator() {
            Text::new(
                "С вопросами обратитесь к администратору.",
                "Ask your administrator if you have questions.",
            )
        } else {
            Text::new(
                "Если это были не вы, сразу сбросьте пароль и сообщите администратору.",
                "If it was not you, reset your password at once and tell your administrator.",
            )
        };
        let draft = Draft {
            subject: notice.subject(),
            before,
            link: None,
            after: vec![after],
        };
        draft.write(locale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(notice: Notice, about: Option<&str>, locale: Locale) -> Contents {
        let email = "anna@example.com".parse().unwrap();
        let told = Told {
            notice,
            about,
            at: DateTime::UNIX_EPOCH,
            ip: Some("192.0.2.1"),
        };
        told.contents(&email, locale)
    }

    #[test]
    fn the_reader_chooses_the_language() {
        let ru = written(Notice::PasswordChanged, None, Locale::Ru);
        let en = written(Notice::PasswordChanged, None, Locale::En);
        assert!(
            ru.text
                .contains("Время: 01.01.1970 00:00 UTC, с адреса 192.0.2.1."),
            "{}",
            ru.text
        );
        assert!(
            en.text
                .contains("Time: 01.01.1970 00:00 UTC, from the address 192.0.2.1.")
        );
        assert!(en.html.contains("lang=\"en\""));
    }

    #[test]
    fn the_name_of_a_program_is_told_as_text() {
        let letter = written(Notice::NewDevice, Some("<b>curl</b>"), Locale::Ru);
        assert!(
            letter.text.contains("Программа: <b>curl</b>\n"),
            "{}",
            letter.text
        );
        assert!(!letter.html.contains("<b>"), "{}", letter.html);
    }
}
