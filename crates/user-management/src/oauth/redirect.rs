//! Where a browser is sent back to.

use std::net::IpAddr;

use common::Text;
use url::{Host, Url};

/// Schemes that run something or show something of ours instead of calling a program.
const DANGEROUS: [&str; 9] = [
    "javascript",
    "data",
    "vbscript",
    "file",
    "blob",
    "about",
    "filesystem",
    "view-source",
    "ws",
];

/// Checks an address that a client wants to register. A plain http address elsewhere than on the
/// user's own machine is accepted only when we are reached by plain http ourselves (`plain`).
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(uri: &str, public: bool, plain: bool) -> Result<(), Text> {
    let wrong = |ru: &'static str, en: &'static str| Err(Text::new(ru, en));
    if uri.len() > 2000 || !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
        return wrong(
            "Адрес длиннее 2000 символов или содержит недопустимые.",
            "The address is too long or has characters that none may have.",
        );
    }
    let Ok(url) = Url::parse(uri) else {
        return wrong("Это не полный адрес.", "This is not an absolute address.");
    };
    if uri.contains('#') {
        return wrong(
            "В адресе не может быть части после «#».",
            "The address must have no fragment.",
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong(
            "В адресе не может быть логина и пароля.",
            "The address must not hold a login.",
        );
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if plain || is_loopback(&url) => Ok(()),
        "http" => wrong(
            "Без TLS (http) можно вернуться только на этот же компьютер: localhost, 127.0.0.1 или [::1].",
            "Without TLS (http) only the user's own machine may be named: localhost, 127.0.0.1 or [::1].",
        ),
        scheme if DANGEROUS.contains(&scheme) => {
            wrong("Такая схема адреса не разрешена.", "This scheme is not allowed.")
        }
        _ if public => Ok(()),
        _ => wrong(
            "Собственная схема адреса возможна только у программы без секрета.",
            "A scheme of its own is for programs without a secret.",
        ),
    }
}

/// True when the address is one of the registered ones: byte for byte, but for the port of a
/// loopback address, which a program on the user's machine cannot know beforehand (RFC 8252,
/// section 7.3).
pub(crate) fn is_registered(uri: &str, registered: &[String]) -> bool {
    registered
        .iter()
        .any(|known| known == uri || differs_in_loopback_port(uri, known))
}

fn differs_in_loopback_port(uri: &str, known: &str) -> bool {
    let parts = |text: &str| {
        let rest = text.strip_prefix("http://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let host_end = if authority.starts_with('[') {
            authority.find(']')? + 1
        } else {
            authority.find(':').unwrap_or(authority.len())
        };
        let (host, port) = authority.split_at(host_end);
        let port_is_fine = port.is_empty() || port.strip_prefix(':')?.parse::<u16>().is_ok();
        let loopback = matches!(host, "127.0.0.1" | "[::1]");
        (loopback && port_is_fine).then(|| (host.to_owned(), path.to_owned()))
    };
    parts(known).is_some_and(|known| parts(uri) == Some(known))
}

/// True when the address is on the user's own machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// True when nobody but the program that registered the address can be behind it.
pub(crate) fn is_owned(uri: &str) -> bool {
    uri.starts_with("https://")
}

/// What a form of ours may lead to in the end, for `form-action` of the content security policy:
/// browsers apply it to redirects as well.
pub(crate) fn form_target(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    match url.scheme() {
        "http" | "https" => Some(url.origin().ascii_serialization()),
        scheme => Some(format!("{scheme}:")),
    }
}

/// An address with more parameters in its query.
pub(crate) fn with_query(uri: &str, pairs: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    if query.is_empty() {
        return uri.to_owned();
    }
    let joint = match uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{uri}{joint}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_can_be_registered() {
        for (uri, public, plain) in [
            ("https://grafana.example.ru/login/generic_oauth", false, false),
            ("https://app.example.ru/cb?tenant=1", true, false),
            ("http://localhost:3001/login/generic_oauth", false, false),
            ("http://127.0.0.1/callback", true, false),
            ("http://[::1]:8080/callback", true, false),
            ("cursor://anysphere.cursor/oauth/callback", true, false),
            ("http://grafana.office/cb", false, true),
        ] {
            assert_eq!(check(uri, public, plain), Ok(()), "{uri}");
        }
        for (uri, public) in [
            ("http://grafana.example.ru/cb", false),
            ("http://localhost.evil.example/cb", false),
            ("https://app.example.ru/cb#x", false),
            ("https://user:pw@app.example.ru/cb", false),
            ("/callback", true),
            ("", true),
            ("javascript:alert(1)", true),
            ("data:text/html,x", true),
            ("file:///etc/passwd", true),
            ("cursor://callback", false),
            ("https://app.example.ru/c b", false),
            ("https://app.example.ru/\r\nSet-Cookie:x=1", false),
        ] {
            assert!(check(uri, public, false).is_err(), "{uri}");
        }
    }

    #[test]
    fn tricks_with_addresses_do_not_match() {
        let registered = [
            "https://app.example.ru/cb".to_owned(),
            "http://127.0.0.1:7777/cb".to_owned(),
            "http://localhost:7777/cb".to_owned(),
        ];
        for uri in [
            "https://app.example.ru/cb",
            "http://127.0.0.1:7777/cb",
            "http://127.0.0.1:50123/cb",
            "http://127.0.0.1/cb",
            "http://localhost:7777/cb",
        ] {
            assert!(is_registered(uri, &registered), "{uri}");
        }
        for uri in [
            "https://app.example.ru/cb/",
            "https://app.example.ru/cb?x=1",
            "https://app.example.ru/cb#x",
            "https://app.example.ru/cb/../evil",
            "https://app.example.ru/CB",
            "https://APP.example.ru/cb",
            "https://app.example.ru:443/cb",
            "https://app.example.ru.evil.example/cb",
            "https://app.example.ru@evil.example/cb",
            "https://evil.example/https://app.example.ru/cb",
            "https://app.example.ru%2f@evil.example/cb",
            "https://app.example.ru\\@evil.example/cb",
            "https:app.example.ru/cb",
            "//app.example.ru/cb",
            "http://app.example.ru/cb",
            "http://127.0.0.1:7777/cb/x",
            "http://127.0.0.1:7777@evil.example/cb",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.2/cb",
            "http://[::1]/cb",
            "http://localhost:7778/cb",
            "https://127.0.0.1:7777/cb",
        ] {
            assert!(!is_registered(uri, &registered), "{uri}");
        }
    }

    #[test]
    fn parameters_are_added_to_what_is_there() {
        assert_eq!(
            with_query("https://a/cb", &[("code", "x y")]),
            "https://a/cb?code=x+y"
        );
        assert_eq!(
            with_query("https://a/cb?t=1", &[("code", "x")]),
            "https://a/cb?t=1&code=x"
        );
        assert_eq!(
            with_query("https://a/cb?", &[("code", "x")]),
            "https://a/cb?code=x"
        );
        assert_eq!(form_target("https://a:8443/cb").unwrap(), "https://a:8443");
        assert_eq!(form_target("cursor://x/cb").unwrap(), "cursor:");
    }
}
