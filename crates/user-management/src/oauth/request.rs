//! A request of a client that its user be logged in (RFC 6749, section 4.1.1; OpenID Connect Core,
//! section 3.1.2.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use common::{Locale, Text};

use super::client::OAuthClient;
use super::params::Params;
use super::{redirect, scope};

/// A request that can be fulfilled.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizeRequest {
    pub(crate) answer: Answer,
    /// The redirect address as it was given; `None` when the client has only one and gave none.
    pub(crate) redirect_uri: Option<String>,
    /// What the client asks for and may ask for.
    pub(crate) scopes: Vec<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) code_challenge: String,
    pub(crate) prompt: Prompt,
    /// The user must have proved who they are no longer ago than this.
    pub(crate) max_age: Option<Duration>,
    pub(crate) login_hint: Option<String>,
}

/// What the client wants the user to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Prompt {
    /// Nothing at all.
    pub(crate) none: bool,
    /// To log in again.
    pub(crate) login: bool,
    /// To consent again.
    pub(crate) consent: bool,
}

/// How the client is answered: by sending the browser back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    redirect_uri: String,
    state: Option<String>,
    issuer: String,
}

/// Why a request is not fulfilled.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Nobody can be sent anywhere: the person is told.
    Told(Text),
    /// The client is told: error and description.
    Sent(Answer, &'static str, &'static str),
}

/// A longer value is refused; none that a client makes is as long.
const MAX_VALUE_BYTES: usize = 2048;

impl Answer {
    /// Where the browser goes with a code. `iss` tells the client whose answer it is (RFC 9207).
    pub(crate) fn with_code(&self, code: &str) -> String {
        self.address(&[("code", code)])
    }

    /// Where the browser goes with an error.
    pub(crate) fn with_error(&self, error: &str, description: &str) -> String {
        self.address(&[("error", error), ("error_description", description)])
    }

    /// What `form-action` of a page has to allow, so that a form may end at the client.
    pub(crate) fn form_target(&self) -> Option<String> {
        redirect::form_target(&self.redirect_uri)
    }

    /// Where the answer goes, as a person recognises it.
    pub(crate) fn destination(&self) -> String {
        redirect::form_target(&self.redirect_uri).unwrap_or_default()
    }

    /// True when the answer reaches nobody but the program that registered the address.
    pub(crate) fn is_owned(&self) -> bool {
        redirect::is_owned(&self.redirect_uri)
    }

    fn address(&self, pairs: &[(&str, &str)]) -> String {
        let mut pairs = pairs.to_vec();
        if let Some(state) = &self.state {
            pairs.push(("state", state));
        }
        pairs.push(("iss", &self.issuer));
        redirect::with_query(&self.redirect_uri, &pairs)
    }
}

impl AuthorizeRequest {
    /// Checks the parameters. First of all that the client may be answered at that address; until
    /// that is sure nobody is sent anywhere.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(crate) fn read(params: &Params, client: &OAuthClient, issuer: &str) -> Result<Self, Refusal> {
        let given = params.get("redirect_uri");
        let redirect_uri = match (given, client.redirect_uris.as_slice()) {
            (Some(uri), registered) if redirect::is_registered(uri, registered) => uri,
            (None, [only]) => only,
            _ => {
                return Err(Refusal::Told(Text::new(
                    "Программа указала адрес возврата, который для неё не зарегистрирован.",
                    "The program named a return address that is not registered for it.",
                )));
            }
        };
        if params.repeated() == Some("redirect_uri") || params.repeated() == Some("client_id") {
            return Err(Refusal::Told(Text::new(
                "Адрес возврата или программа указаны дважды.",
                "The return address or the program is named twice.",
            )));
        }
        let answer = Answer {
            redirect_uri: redirect_uri.to_owned(),
            state: params.get("state").map(str::to_owned),
            issuer: issuer.to_owned(),
        };
        Self::read_rest(params, client, answer.clone(), given)
            .map_err(|(error, description)| Refusal::Sent(answer, error, description))
    }

    fn read_rest(
        params: &Params,
        client: &OAuthClient,
        answer: Answer,
        redirect_uri: Option<&str>,
    ) -> Result<Self, (&'static str, &'static str)> {
        if params.repeated().is_some() {
            return Err(("invalid_request", "a parameter is repeated"));
        }
        for (name, error) in [
            ("request", "request_not_supported"),
            ("request_uri", "request_uri_not_supported"),
            ("registration", "registration_not_supported"),
        ] {
            if params.get(name).is_some() {
                return Err((error, "not supported"));
            }
        }
        match params.get("response_type") {
            Some("code") => {}
            Some(_) => {
                return Err((
                    "unsupported_response_type",
                    "only response_type=code is supported",
                ));
            }
            None => return Err(("invalid_request", "response_type is missing")),
        }
        if params.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(("invalid_request", "only response_mode=query is supported"));
        }
        let code_challenge = match (params.get("code_challenge"), params.get("code_challenge_method")) {
            (Some(challenge), Some("S256")) if is_digest(challenge) => challenge.to_owned(),
            (None, _) => return Err(("invalid_request", "PKCE is required: code_challenge is missing")),
            (_, Some("S256")) => {
                return Err(("invalid_request", "code_challenge is not a SHA-256 in base64url"));
            }
            _ => return Err(("invalid_request", "code_challenge_method must be S256")),
        };
        let too_long = ["state", "nonce", "login_hint"].into_iter().any(|name| {
            params
                .get(name)
                .is_some_and(|value| value.len() > MAX_VALUE_BYTES)
        });
        if too_long {
            return Err(("invalid_request", "a parameter is too long"));
        }
        let scopes = scope::requested(params.get("scope"), &client.scopes);
        if scopes.is_empty() {
            return Err(("invalid_scope", "none of the scopes is allowed for this client"));
        }
        let max_age = match params.get("max_age").map(str::parse::<u32>) {
            None => None,
            Some(Ok(seconds)) => Some(Duration::seconds(seconds.into())),
            Some(Err(_)) => return Err(("invalid_request", "max_age is not a number of seconds")),
        };
        Ok(Self {
            answer,
            redirect_uri: redirect_uri.map(str::to_owned),
            scopes,
            nonce: params.get("nonce").map(str::to_owned),
            code_challenge,
            prompt: Prompt::read(params.get("prompt"))?,
            max_age,
            login_hint: params.get("login_hint").map(str::to_owned),
        })
    }

    /// True when a proof of that time is recent enough.
    pub(crate) fn accepts_proof_of(&self, auth_time: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        !self.prompt.login && self.max_age.is_none_or(|age| now - auth_time <= age)
    }
}

impl Prompt {
    fn read(text: Option<&str>) -> Result<Self, (&'static str, &'static str)> {
        let mut prompt = Self::default();
        let mut words = 0;
        for word in text
            .unwrap_or_default()
            .split(' ')
            .filter(|word| !word.is_empty())
        {
            words += 1;
            match word {
                "none" => prompt.none = true,
                // There is one account in a browser: to choose means to log in.
                "login" | "select_account" => prompt.login = true,
                "consent" => prompt.consent = true,
                // For others there is nothing to show (Core, section 3.1.2.1).
                _ => {}
            }
        }
        if prompt.none && words > 1 {
            return Err(("invalid_request", "prompt=none goes with nothing else"));
        }
        Ok(prompt)
    }
}

/// The parameters of a request whose demand for another login has been met.
pub(crate) fn after_login(params: &Params) -> Params {
    let prompt = params.get("prompt").unwrap_or_default();
    let rest: Vec<&str> = prompt
        .split(' ')
        .filter(|word| !matches!(*word, "" | "login" | "select_account"))
        .collect();
    let rest = rest.join(" ");
    let params = params.with("prompt", Some(rest.as_str()).filter(|rest| !rest.is_empty()));
    // The way back takes a moment, too.
    match params.get("max_age").map(str::parse::<u32>) {
        Some(Ok(..60)) => params.with("max_age", Some("60")),
        _ => params,
    }
}

/// The language of the pages: of `ui_locales` when it names one of ours, otherwise the browser's.
pub(crate) fn locale(params: &Params, of_browser: Locale) -> Locale {
    let wanted = params.get("ui_locales").unwrap_or_default().split(' ');
    let ours = wanted.filter_map(|tag| match tag.split('-').next().unwrap_or_default() {
        "ru" => Some(Locale::Ru),
        "en" => Some(Locale::En),
        _ => None,
    });
    ours.into_iter().next().unwrap_or(of_browser)
}

fn is_digest(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

#[cfg(test)]
mod tests {
    use super::super::client::{AuthMethod, IdTokenAlg};
    use super::*;

    const GOOD: &str = "response_type=code&client_id=app&redirect_uri=https%3A%2F%2Fapp.example.ru%2Fcb&scope=openid+email\
        &state=a%26b&nonce=n&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

    fn client() -> OAuthClient {
        OAuthClient {
            id: "app".to_owned(),
            name: "App".to_owned(),
            auth_method: AuthMethod::None,
            secret_hash: None,
            previous_secret_hash: None,
            previous_secret_until: None,
            keys: None,
            service_account: None,
            redirect_uris: vec!["https://app.example.ru/cb".to_owned()],
            post_logout_redirect_uris: Vec::new(),
            grant_types: Vec::new(),
            scopes: ["openid", "email", "chat"].map(str::to_owned).to_vec(),
            id_token_alg: IdTokenAlg::Rs256,
            first_party: false,
            created_by: None,
            created_at: DateTime::UNIX_EPOCH,
            last_used_at: None,
        }
    }

    fn read(params: &Params) -> Result<AuthorizeRequest, Refusal> {
        AuthorizeRequest::read(params, &client(), "https://id.example.ru")
    }

    #[test]
    fn a_good_request_is_understood_and_answered_with_state_and_issuer() {
        let request = read(&Params::parse(GOOD.as_bytes())).unwrap();
        assert_eq!(request.scopes, ["openid", "email"]);
        assert_eq!(
            request.answer.with_code("c"),
            "https://app.example.ru/cb?code=c&state=a%26b&iss=https%3A%2F%2Fid.example.ru"
        );
        let without = Params::parse(GOOD.as_bytes()).with("redirect_uri", None);
        assert_eq!(read(&without).unwrap().redirect_uri, None);
    }

    #[test]
    fn what_is_wrong_is_told_to_the_client_and_only_to_the_client() {
        let good = Params::parse(GOOD.as_bytes());
        for (name, value, error) in [
            ("response_type", Some("token"), "unsupported_response_type"),
            (
                "response_type",
                Some("code id_token"),
                "unsupported_response_type",
            ),
            ("response_type", None, "invalid_request"),
            ("response_mode", Some("fragment"), "invalid_request"),
            ("code_challenge", None, "invalid_request"),
            ("code_challenge", Some("short"), "invalid_request"),
            ("code_challenge_method", Some("plain"), "invalid_request"),
            ("code_challenge_method", None, "invalid_request"),
            ("scope", Some("users:admin"), "invalid_scope"),
            ("request", Some("eyJ"), "request_not_supported"),
            ("request_uri", Some("https://x"), "request_uri_not_supported"),
            ("prompt", Some("none login"), "invalid_request"),
            ("max_age", Some("soon"), "invalid_request"),
            ("nonce", Some(&"x".repeat(3000)), "invalid_request"),
        ] {
            match read(&good.with(name, value)) {
                Err(Refusal::Sent(_, told, _)) => assert_eq!(told, error, "{name} {value:?}"),
                other => panic!("{name} {value:?}: {other:?}"),
            }
        }
        for query in [
            GOOD.replace("app.example.ru", "evil.example"),
            format!("{GOOD}&redirect_uri=https://evil.example"),
            format!("{GOOD}&client_id=other"),
        ] {
            assert!(
                matches!(read(&Params::parse(query.as_bytes())), Err(Refusal::Told(_))),
                "{query}"
            );
        }
        let twice = format!("{GOOD}&scope=chat");
        assert!(matches!(
            read(&Params::parse(twice.as_bytes())),
            Err(Refusal::Sent(_, "invalid_request", _))
        ));
    }

    #[test]
    fn a_login_that_was_asked_for_is_not_asked_for_again() {
        let good = Params::parse(GOOD.as_bytes());
        let now = DateTime::UNIX_EPOCH + Duration::hours(1);
        let aged = read(&good.with("max_age", Some("60"))).unwrap();
        assert!(aged.accepts_proof_of(now - Duration::seconds(60), now));
        assert!(!aged.accepts_proof_of(now - Duration::seconds(61), now));
        let again = good.with("prompt", Some("login consent"));
        assert!(!read(&again).unwrap().accepts_proof_of(now, now));
        let after = after_login(&again);
        assert_eq!(after.get("prompt"), Some("consent"));
        assert!(read(&after).unwrap().accepts_proof_of(now, now));
        assert_eq!(
            after_login(&good.with("prompt", Some("login"))).get("prompt"),
            None
        );
        let at_once = after_login(&good.with("max_age", Some("0")));
        assert!(
            read(&at_once)
                .unwrap()
                .accepts_proof_of(now - Duration::seconds(1), now)
        );
    }

    #[test]
    fn the_client_may_choose_the_language() {
        let of = |locales| locale(&Params::default().with("ui_locales", locales), Locale::Ru);
        assert_eq!(of(Some("de en-GB ru")), Locale::En);
        assert_eq!(of(Some("de")), Locale::Ru);
        assert_eq!(of(None), Locale::Ru);
    }
}
