//! How a person has proved who they are.

use chrono::{DateTime, Duration, Utc};

/// One way of proving it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// The password.
    Pwd,
    /// A code of an authenticator application (TOTP).
    Otp,
    /// A recovery code, which stands in for a lost second factor.
    Recovery,
    /// A passkey that has verified its user, by a PIN or a fingerprint: two factors in one.
    Passkey,
    /// An identity provider that is not ours.
    Federated,
}

impl Method {
    /// The name in tokens: a value of RFC 8176 where there is one.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pwd => "pwd",
            Self::Otp => "otp",
            Self::Recovery => "recovery",
            Self::Passkey => "pop",
            Self::Federated => "fed",
        }
    }

    /// The method of a stored name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let all = [
            Self::Pwd,
            Self::Otp,
            Self::Recovery,
            Self::Passkey,
            Self::Federated,
        ];
        all.into_iter().find(|method| method.as_str() == name)
    }

    /// True when it can come after a password.
    pub(crate) fn is_second_factor(self) -> bool {
        match self {
            Self::Otp | Self::Recovery | Self::Passkey => true,
            Self::Pwd | Self::Federated => false,
        }
    }
}

/// What a person has proved, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) methods: Vec<Method>,
    pub(crate) at: DateTime<Utc>,
    /// Version of the password, when it was one: it proves nothing once there is another.
    pub(crate) password: Option<i64>,
}

impl Proof {
    /// A proof by one method.
    pub(crate) fn by(method: Method, at: DateTime<Utc>) -> Self {
        Self {
            methods: vec![method],
            at,
            password: None,
        }
    }

    /// Nothing proved yet.
    pub(crate) fn nothing(at: DateTime<Utc>) -> Self {
        Self {
            methods: Vec::new(),
            at,
            password: None,
        }
    }

    /// The proof of stored names.
    pub(crate) fn from_names(names: &[String], at: DateTime<Utc>) -> Self {
        Self {
            methods: names.iter().filter_map(|name| Method::from_name(name)).collect(),
            at,
            password: None,
        }
    }

    /// The same with one more method.
    pub(crate) fn and(mut self, method: Method, at: DateTime<Utc>) -> Self {
        if !self.methods.contains(&method) {
            self.methods.push(method);
        }
        self.at = at;
        self
    }

    /// True when a second factor is among the methods.
    pub(crate) fn has_second_factor(&self) -> bool {
        self.methods.iter().any(|method| method.is_second_factor())
    }

    /// The names for a token.
    pub(crate) fn amr(&self) -> Vec<String> {
        self.methods
            .iter()
            .map(|method| method.as_str().to_owned())
            .collect()
    }
}

/// What is delicate must have been preceded by a proof no longer ago than this.
pub(crate) const FRESH_FOR: Duration = Duration::minutes(10);

/// True when the proof that a token tells of is recent enough and strong enough for an account that
/// has, or has not, a second factor.
pub(crate) fn is_fresh(proof: &Proof, has_second_factor: bool, now: DateTime<Utc>) -> bool {
    // Tokens tell of whole seconds. Where nobody has proved anything, as with keys and service
    // accounts, there is nothing to be fresh.
    !proof.methods.is_empty()
        && now.timestamp() - proof.at.timestamp() <= FRESH_FOR.num_seconds()
        && (!has_second_factor || proof.has_second_factor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_with_a_second_factor_needs_one_and_every_proof_ages() {
        let at = |minutes| DateTime::UNIX_EPOCH + Duration::minutes(minutes);
        let password = Proof::by(Method::Pwd, at(0));
        assert!(is_fresh(&password, false, at(10)));
        assert!(!is_fresh(&password, false, at(11)));
        assert!(!is_fresh(&password, true, at(1)));
        let both = password.and(Method::Otp, at(5));
        assert_eq!(both.amr(), ["pwd", "otp"]);
        assert!(is_fresh(&both, true, at(15)));
        assert!(is_fresh(&Proof::by(Method::Passkey, at(0)), true, at(1)));
        assert!(!is_fresh(&Proof::by(Method::Federated, at(0)), true, at(1)));
        assert!(!is_fresh(&Proof::from_names(&[], at(0)), false, at(0)), "nobody");
    }

    #[test]
    fn names_lead_back_to_methods_and_unknown_ones_prove_nothing() {
        let names = ["pwd", "otp", "recovery", "pop", "fed", "telepathy"].map(str::to_owned);
        let proof = Proof::from_names(&names, DateTime::UNIX_EPOCH);
        assert_eq!(proof.amr(), names[..5]);
    }
}
