//! Hashes that other systems made: bcrypt and PBKDF2. They are compared with until their owner logs
//! in, and then replaced by ours.

use argon2::Params;
use argon2::password_hash::phc::PasswordHash;
use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use common::Text;

/// The dearest hashes that are taken over: a login must not keep a processor busy for seconds.
const MAX_BCRYPT_COST: u32 = 14;
const MAX_PBKDF2_ITERATIONS: u32 = 2_000_000;
const MAX_ARGON2_KIB: u32 = 262_144;
const MAX_ARGON2_ITERATIONS: u32 = 16;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// A hash that is not of argon2.
pub(super) enum Imported<'a> {
    /// `$2a$`, `$2b$`, `$2x$` or `$2y$`.
    Bcrypt(&'a str),
    Pbkdf2(Pbkdf2),
}

pub(super) struct Pbkdf2 {
    algorithm: pbkdf2::Algorithm,
    iterations: std::num::NonZeroU32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl<'a> Imported<'a> {
    /// The hash, when it is one of another system's kinds; `None` for argon2 and for what is unknown.
    pub(super) fn parse(stored: &'a str) -> Option<Self> {
        if ["$2a$", "$2b$", "$2x$", "$2y$"]
            .iter()
            .any(|prefix| stored.starts_with(prefix))
        {
            return Some(Self::Bcrypt(stored));
        }
        Pbkdf2::parse(stored).map(Self::Pbkdf2)
    }

    /// True when the hash is that of the password.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        match self {
            // A password beyond 72 bytes was cut by whoever hashed it.
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Self::Pbkdf2(stored) => {
                let Pbkdf2 {
                    algorithm,
                    iterations,
                    salt,
                    hash,
                } = stored;
                pbkdf2::verify(*algorithm, *iterations, salt, password, hash).is_ok()
            }
        }
    }
}

impl Pbkdf2 {
    /// Django's `pbkdf2_sha256$<iterations>$<salt>$<Base64>`, passlib's
    /// `$pbkdf2-sha256$<iterations>$<ab64>$<ab64>` and the PHC string
    /// `$pbkdf2-sha256$i=<iterations>[,l=…]$<Base64>$<Base64>`, with SHA-1, SHA-256 or SHA-512.
    fn parse(stored: &str) -> Option<Self> {
        let (is_django, rest) = match stored.strip_prefix('$') {
            Some(rest) => (false, rest),
            None => (true, stored),
        };
        let mut parts = rest.split('$');
        let algorithm = match (is_django, parts.next()?) {
            (true, "pbkdf2_sha1") | (false, "pbkdf2" | "pbkdf2-sha1") => pbkdf2::PBKDF2_HMAC_SHA1,
            (true, "pbkdf2_sha256") | (false, "pbkdf2-sha256") => pbkdf2::PBKDF2_HMAC_SHA256,
            (false, "pbkdf2-sha512") => pbkdf2::PBKDF2_HMAC_SHA512,
            _ => return None,
        };
        let parameters = parts.next()?;
        let iterations = match parameters.strip_prefix("i=") {
            Some(parameters) => parameters.split(',').next()?,
            None => parameters,
        };
        let (salt, hash) = (parts.next()?, parts.next()?);
        // passlib writes `.` for `+`.
        let decode = |text: &str| STANDARD.decode(text.replace('.', "+")).ok();
        let salt = if is_django {
            salt.as_bytes().to_vec()
        } else {
            decode(salt)?
        };
        let hash = decode(hash).filter(|hash| hash.len() >= 16)?;
        let iterations = iterations.parse().ok()?;
        parts.next().is_none().then_some(Self {
            algorithm,
            iterations,
            salt,
            hash,
        })
    }
}

/// What is wrong with a hash that is to be taken over.
pub(crate) fn objection(stored: &str) -> Option<Text> {
    let dear = Text::new(
        "Такой хеш слишком долго вычислять при входе.",
        "Such a hash would take too long to compute at a login.",
    );
    let costs_too_much = match Imported::parse(stored) {
        Some(Imported::Bcrypt(hash)) => {
            let Ok(parts) = hash.parse::<bcrypt::HashParts>() else {
                return Some(unknown());
            };
            parts.get_cost() > MAX_BCRYPT_COST
        }
        Some(Imported::Pbkdf2(hash)) => hash.iterations.get() > MAX_PBKDF2_ITERATIONS,
        None => {
            let hash = PasswordHash::new(stored).ok().filter(|hash| hash.hash.is_some());
            let params = hash
                .filter(|hash| hash.algorithm.as_str().starts_with("argon2"))
                .and_then(|hash| Params::try_from(&hash).ok());
            let Some(params) = params else {
                return Some(unknown());
            };
            params.m_cost() > MAX_ARGON2_KIB || params.t_cost() > MAX_ARGON2_ITERATIONS
        }
    };
    costs_too_much.then_some(dear)
}

fn unknown() -> Text {
    Text::new(
        "Это не хеш argon2, bcrypt или PBKDF2 в известной записи.",
        "This is not a hash of argon2, bcrypt or PBKDF2 in a known form.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `gentle otters sing`, made by crypt(3) and by Python's hashlib in the notations of Django and
    /// passlib and as a PHC string.
    const MADE_ELSEWHERE: [&str; 4] = [
        "$2b$04$abcdefghijklmnopqrstuuM3Q7zqm9FwHBToMlMEzGwiZiCtFOqfq",
        "pbkdf2_sha256$1000$saltsaltsalt$jjlF6yjJMTMiPalmPn+TX2WkVXrDHrJ9zVCNAQE6wxY=",
        "$pbkdf2-sha512$1000$AAECAwQFBgcICQoLDA0ODw$fitHRNr5VEKp5WdI5QCbt0YO2KmZNavNLMIh15CVWy2isQQAI1QqVF0p2FTP69CYbT/fGCCRpRFOf/XYCbs2LA",
        "$pbkdf2-sha256$i=1000,l=32$AAECAwQFBgcICQoLDA0ODw$TiNNnUC1T0ZsBvYwxtcI8v9ICx0KVldjDdCKiqyk1vE",
    ];

    #[test]
    fn hashes_made_elsewhere_are_understood() {
        for stored in MADE_ELSEWHERE {
            let imported = Imported::parse(stored).unwrap();
            assert!(imported.matches(b"gentle otters sing"), "{stored}");
            assert!(!imported.matches(b"gentle otters sin"), "{stored}");
            assert!(!imported.matches(b""), "{stored}");
            assert_eq!(objection(stored), None, "{stored}");
        }
    }

    #[test]
    fn what_is_unknown_or_too_dear_is_refused() {
        for stored in [
            "",
            "gentle otters sing",
            "5f4dcc3b5aa765d61d8327deb882cf99",
            "$1$abc$def",
            "$2b$04$short",
            "$2b$15$abcdefghijklmnopqrstuuM3Q7zqm9FwHBToMlMEzGwiZiCtFOqfq",
            "pbkdf2_sha256$0$salt$jjlF6yjJMTMiPalmPn+TX2WkVXrDHrJ9zVCNAQE6wxY=",
            "pbkdf2_sha256$9000000$salt$jjlF6yjJMTMiPalmPn+TX2WkVXrDHrJ9zVCNAQE6wxY=",
            "pbkdf2_sha256$1000$salt$",
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ",
            "$argon2id$v=19$m=1048576,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        ] {
            assert!(objection(stored).is_some(), "{stored}");
        }
        let argon2 = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert_eq!(objection(argon2), None);
    }
}
