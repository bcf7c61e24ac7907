//! The pages one by one. Addresses in them are relative to `/oauth2/`, wherever that is published.

use common::{Locale, Text};

use super::html::{Escaped, hidden};
use super::{Page, in_locale};
use crate::account::User;

/// The page that asks for e-mail address and password.
#[derive(Debug)]
pub(crate) struct Login<'a> {
    pub(crate) locale: Locale,
    /// The program that asks.
    pub(crate) client_name: &'a str,
    /// What was typed before, or what the program suggests.
    pub(crate) email: &'a str,
    pub(crate) form_token: &'a str,
    /// The query of the request that is gone on with afterwards.
    pub(crate) request: &'a str,
    pub(crate) failure: Option<Text>,
    /// Names of other identity providers, and where logins at them begin.
    pub(crate) providers: Vec<(&'a str, String)>,
    /// Where a forgotten password is replaced, if letters are sent.
    pub(crate) forgotten: Option<String>,
}

impl Login<'_> {
    pub(crate) fn page(&self) -> Page {
        let say = |ru, en| in_locale(self.locale, ru, en);
        let heading = say("Вход", "Log in");
        let why = match self.locale {
            Locale::Ru => format!("Чтобы продолжить в «{}».", Escaped(self.client_name)),
            Locale::En => format!("To go on to {}.", Escaped(self.client_name)),
        };
        let failure = failure(self.locale, self.failure.as_ref());
        let fields = hidden("form", self.form_token) + &hidden("request", self.request);
        let (email, typed) = (say("Электронная почта", "E-mail address"), Escaped(self.email));
        let (password, button) = (say("Пароль", "Password"), say("Войти", "Log in"));
        let mut elsewhere = String::new();
        for (title, start) in &self.providers {
            let (title, start) = (Escaped(title), Escaped(start));
            let by = say("Войти через", "Log in by");
            elsewhere += &format!("<p><a href=\"{start}\">{by} {title}</a></p>\n");
        }
        if let Some(page) = &self.forgotten {
            let forgotten = say("Забыли пароль?", "Forgotten password?");
            elsewhere += &format!("<p><a href=\"{}\">{forgotten}</a></p>\n", Escaped(page));
        }
        let body = format!(
            "<h1>{heading}</h1>\n<p>{why}</p>\n{failure}<form method=\"post\" action=\"login\">\n{fields}\
             <label>{email}\n<input name=\"email\" type=\"email\" value=\"{typed}\" autocomplete=\"username\" \
             maxlength=\"254\" required autofocus></label>\n\
             <label>{password}\n<input name=\"password\" type=\"password\" autocomplete=\"current-password\" \
             maxlength=\"1024\" required></label>\n\
             <button>{button}</button>\n</form>\n{elsewhere}"
        );
        Page::new(self.locale, heading, body)
    }
}

/// The page that asks for a second factor.
#[derive(Debug)]
pub(crate) struct SecondFactor<'a> {
    pub(crate) locale: Locale,
    /// Names the login that has been begun.
    pub(crate) challenge: &'a str,
    pub(crate) form_token: &'a str,
    pub(crate) request: &'a str,
    pub(crate) failure: Option<Text>,
}

impl SecondFactor<'_> {
    pub(crate) fn page(&self) -> Page {
        let say = |ru, en| in_locale(self.locale, ru, en);
        let heading = say("Подтвердите вход", "Confirm the login");
        let failure = failure(self.locale, self.failure.as_ref());
        let fields = hidden("form", self.form_token)
            + &hidden("request", self.request)
            + &hidden("challenge", self.challenge);
        let code = say("Код из приложения", "Code of the application");
        let recovery = say("Код восстановления", "Recovery code");
        let lost = say("Нет доступа к приложению", "The application is not at hand");
        let button = say("Продолжить", "Go on");
        let body = format!(
            "<h1>{heading}</h1>\n{failure}<form method=\"post\" action=\"second-factor\">\n{fields}\
             <label>{code}\n<input name=\"code\" inputmode=\"numeric\" autocomplete=\"one-time-code\" \
             maxlength=\"16\" autofocus></label>\n<button>{button}</button>\n</form>\n\
             <details><summary>{lost}</summary>\n<form method=\"post\" action=\"second-factor\">\n{fields}\
             <label>{recovery}\n<input name=\"recovery_code\" autocomplete=\"off\" maxlength=\"32\"></label>\n\
             <button>{button}</button>\n</form>\n</details>\n"
        );
        Page::new(self.locale, heading, body)
    }
}

/// The page that asks whether a program may have what it wants.
#[derive(Debug)]
pub(crate) struct Consent<'a> {
    pub(crate) locale: Locale,
    pub(crate) client_name: &'a str,
    /// Where the browser goes afterwards; it tells who is behind the name.
    pub(crate) destination: &'a str,
    pub(crate) user: &'a User,
    /// What the program will be able to do.
    pub(crate) meanings: Vec<Text>,
    pub(crate) form_token: &'a str,
    pub(crate) request: &'a str,
}

impl Consent<'_> {
    pub(crate) fn page(&self) -> Page {
        let say = |ru, en| in_locale(self.locale, ru, en);
        let name = Escaped(self.client_name);
        let heading = say("Разрешить доступ?", "Allow access?");
        let asks = match self.locale {
            Locale::Ru => format!("Программа «{name}» сможет:"),
            Locale::En => format!("{name} will be able to:"),
        };
        let mut meanings: Vec<String> = self
            .meanings
            .iter()
            .map(|meaning| format!("<li>{}</li>\n", Escaped(meaning.get(self.locale))))
            .collect();
        meanings.dedup();
        if meanings.is_empty() {
            meanings.push(format!(
                "<li>{}</li>\n",
                say("узнать, что это вы", "learn that it is you")
            ));
        }
        let who = match self.locale {
            Locale::Ru => format!(
                "Вы вошли как {} ({}).",
                Escaped(&self.user.name),
                Escaped(self.user.email.as_str())
            ),
            Locale::En => format!(
                "You are logged in as {} ({}).",
                Escaped(&self.user.name),
                Escaped(self.user.email.as_str())
            ),
        };
        let then = match self.locale {
            Locale::Ru => format!("После ответа откроется {}", Escaped(self.destination)),
            Locale::En => format!("After your answer, {} opens", Escaped(self.destination)),
        };
        let fields = hidden("form", self.form_token) + &hidden("request", self.request);
        let (allow, deny) = (say("Разрешить", "Allow"), say("Отказать", "Deny"));
        let list = meanings.concat();
        let body = format!(
            "<h1>{heading}</h1>\n<p>{asks}</p>\n<ul>\n{list}</ul>\n<p>{who}</p>\n\
             <form method=\"post\" action=\"consent\">\n{fields}\
             <button name=\"answer\" value=\"allow\">{allow}</button>\n\
             <button name=\"answer\" value=\"deny\" class=\"quiet\">{deny}</button>\n</form>\n\
             <p class=\"soft\">{then}</p>\n"
        );
        Page::new(self.locale, heading, body)
    }
}

/// The page that asks whether to log out: a link of any other site could lead there.
pub(crate) fn confirm_logout(locale: Locale, user: &User, form_token: &str, request: &str) -> Page {
    let say = |ru, en| in_locale(locale, ru, en);
    let heading = say("Выйти?", "Log out?");
    let who = match locale {
        Locale::Ru => format!("Вы вошли как {}.", Escaped(&user.name)),
        Locale::En => format!("You are logged in as {}.", Escaped(&user.name)),
    };
    let fields = hidden("form", form_token) + &hidden("request", request);
    let button = say("Выйти", "Log out");
    let body = format!(
        "<h1>{heading}</h1>\n<p>{who}</p>\n<form method=\"post\" action=\"logout-confirm\">\n{fields}\
         <button>{button}</button>\n</form>\n"
    );
    Page::new(locale, heading, body)
}

/// A page that only says something; `number` helps whoever runs the system to find it in the log.
pub(crate) fn message(locale: Locale, title: &str, text: &str, number: Option<&str>) -> Page {
    let (heading, text) = (Escaped(title), Escaped(text));
    let number = number.map_or_else(String::new, |number| {
        let word = in_locale(locale, "Номер запроса", "Request id");
        format!("<p class=\"soft\">{word}: {}</p>\n", Escaped(number))
    });
    let body = format!("<h1>{heading}</h1>\n<p>{text}</p>\n{number}");
    Page::new(locale, title.to_owned(), body)
}

fn failure(locale: Locale, failure: Option<&Text>) -> String {
    failure.map_or_else(String::new, |text| {
        format!(
            "<p class=\"bad\" role=\"alert\">{}</p>\n",
            Escaped(text.get(locale))
        )
    })
}
