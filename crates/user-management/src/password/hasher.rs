//! Hashing and comparing, a bounded number at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use argon2::Params;
use argon2::password_hash::phc::PasswordHash;
use common::{BoxError, Text};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use super::Policy;
use super::argon2id::{self, Memory};
use super::imported::Imported;
use super::leaked::LeakedPasswords;
use super::policy::normalised;
use crate::account::Email;
use crate::config::PasswordSettings;
use crate::metrics;

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashError {
    /// As many requests wait as may wait.
    #[error("too many password hashes are wanted at the same time")]
    Overloaded,
    /// The library or the runtime failed.
    #[error("a password could not be hashed")]
    Failed(#[source] BoxError),
}

/// Whether a password is that of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is; `outdated` when it was hashed more cheaply than is configured now.
    Right {
        /// Whether to hash it anew.
        outdated: bool,
    },
    /// It is not, or there is no such account.
    Wrong,
}

/// Hashes and compares passwords. Cheap to clone.
///
/// One hash takes some 20 MB and 20 ms of a processor, so that only as many run as there are
/// processors, some wait, and the rest are turned away at once.
#[derive(Debug, Clone)]
pub(crate) struct Passwords(Arc<Inner>);

struct Inner {
    params: Params,
    policy: Policy,
    /// Passwords that have leaked somewhere.
    leaked: Option<LeakedPasswords>,
    /// Hash of nobody's password, compared with when there is no account, so that the answer takes
    /// as long.
    dummy: String,
    /// Those that run or wait.
    admitted: Arc<Semaphore>,
    /// How many may run or wait.
    capacity: usize,
    /// How many may run.
    concurrency: usize,
    /// Those that run.
    running: Arc<Semaphore>,
    /// Memory of hashes that have ended, for the next ones: making it anew takes a good part of the
    /// time of a hash. Freed when nobody waits for it.
    memory: Mutex<Vec<Memory>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passwords")
            .field("params", &self.params)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl Passwords {
    pub(crate) fn new(settings: &PasswordSettings) -> Result<Self, BoxError> {
        let params = Params::new(
            settings.memory_kib,
            settings.iterations,
            settings.parallelism,
            None,
        )?;
        let leaked = match &settings.leaked {
            None => None,
            Some(path) => {
                let leaked = LeakedPasswords::open(path)
                    .map_err(|error| format!("PASSWORD_FILTER_FILE {}: {error}", path.display()))?;
                tracing::info!("{} leaked passwords are refused", leaked.count());
                Some(leaked)
            }
        };
        let dummy = argon2id::hash(&params, &rand::random::<[u8; 32]>(), &mut Memory::default())?;
        Ok(Self(Arc::new(Inner {
            params,
            policy: Policy::new(settings.min_length, settings.min_length_with_second_factor),
            leaked,
            dummy,
            admitted: Arc::new(Semaphore::new(settings.concurrency + settings.queue)),
            capacity: settings.concurrency + settings.queue,
            concurrency: settings.concurrency,
            running: Arc::new(Semaphore::new(settings.concurrency)),
            memory: Mutex::default(),
        })))
    }

    /// The PHC string of a new password.
    pub(crate) async fn hash(&self, password: &SecretString) -> Result<String, HashError> {
        let password = normalised(password.expose_secret());
        self.run(move |inner, memory| argon2id::hash(&inner.params, password.as_bytes(), memory))
            .await
    }

    /// The least length of a password that is the only factor, or is not.
    pub(crate) fn min_length(&self, only_factor: bool) -> usize {
        self.0.policy.min_length(only_factor)
    }

    /// True for a password that is too short to be the only factor.
    pub(crate) fn needs_second_factor(&self, password: &SecretString) -> bool {
        self.0.policy.needs_second_factor(password.expose_secret())
    }

    /// Everything that is wrong with a new password for the account of `email`, of which it is the
    /// only factor or is not; nothing when it is accepted.
    pub(crate) async fn objections(
        &self,
        password: &SecretString,
        email: &Email,
        only_factor: bool,
    ) -> Result<Vec<Text>, HashError> {
        let mut objections = self
            .0
            .policy
            .objections(password.expose_secret(), email, only_factor);
        if objections.is_empty() && self.is_leaked(password).await? {
            objections.push(Text::new(
                "Этот пароль есть в известных утечках: его подберут.",
                "This password is in known leaks: it will be guessed.",
            ));
        }
        Ok(objections)
    }

    async fn is_leaked(&self, password: &SecretString) -> Result<bool, HashError> {
        if self.0.leaked.is_none() {
            return Ok(false);
        }
        let (inner, password) = (Arc::clone(&self.0), password.clone());
        let found = tokio::task::spawn_blocking(move || {
            let normalised = normalised(password.expose_secret());
            let forms = [password.expose_secret(), &normalised, &normalised.to_lowercase()];
            let Some(leaked) = &inner.leaked else {
                return Ok(false);
            };
            for form in forms {
                if leaked.contains(form)? {
                    return Ok(true);
                }
            }
            Ok::<bool, std::io::Error>(false)
        });
        let found = found.await.map_err(|error| HashError::Failed(error.into()))?;
        found.map_err(|error| HashError::Failed(error.into()))
    }

    /// Compares a password with the hash of an account. It takes the same time without an account
    /// and for a password that no account can have.
    pub(crate) async fn verify(
        &self,
        password: &SecretString,
        stored: Option<String>,
    ) -> Result<Verdict, HashError> {
        let typed = password.clone();
        let password = password.expose_secret();
        // No account has such a password; a long one would also be costly to normalise.
        let impossible = password.is_empty() || password.len() > 4 * Policy::MAX_LENGTH;
        let password = if impossible {
            String::new()
        } else {
            normalised(password)
        };
        self.run(move |inner, memory| {
            let stored = stored.filter(|_| !impossible);
            if let Some(imported) = stored.as_deref().and_then(Imported::parse) {
                // Other systems hash a password as it was typed.
                let same = imported.matches(typed.expose_secret().as_bytes())
                    || (typed.expose_secret() != password && imported.matches(password.as_bytes()));
                return Ok(if same {
                    Verdict::Right { outdated: true }
                } else {
                    Verdict::Wrong
                });
            }
            let known = stored.is_some();
            let hash = PasswordHash::new(stored.as_deref().unwrap_or(&inner.dummy))?;
            // Always computed, also when the result cannot count.
            let same = argon2id::matches(&hash, password.as_bytes(), memory)?;
            Ok(if same && known {
                Verdict::Right {
                    outdated: argon2id::is_outdated(&hash, &inner.params),
                }
            } else {
                Verdict::Wrong
            })
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner, &mut Memory) -> Result<T, BoxError> + Send + 'static,
    ) -> Result<T, HashError> {
        let inner = Arc::clone(&self.0);
        let Ok(admitted) = Arc::clone(&inner.admitted).try_acquire_owned() else {
            metrics::password_hash_shed();
            return Err(HashError::Overloaded);
        };
        let running = Arc::clone(&inner.running)
            .acquire_owned()
            .await
            .map_err(|error| HashError::Failed(error.into()))?;
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work itself: a client that gives up does not make room before it ends.
            let permits = (admitted, running);
            let started = Instant::now();
            let mut memory = inner.take_memory();
            let result = work(&inner, &mut memory);
            metrics::password_hashed(started.elapsed());
            // Before the memory: of several that end at once, the last to come sees that it is alone.
            drop(permits);
            inner.give_back(memory);
            result
        });
        done.await
            .map_err(|error| HashError::Failed(error.into()))?
            .map_err(HashError::Failed)
    }
}

impl Inner {
    fn take_memory(&self) -> Memory {
        let mut spare = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        spare.pop().unwrap_or_default()
    }

    fn give_back(&self, memory: Memory) {
        let mut spare = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if self.admitted.available_permits() == self.capacity {
            spare.clear();
        } else if spare.len() < self.concurrency {
            spare.push(memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords(memory_kib: u32, concurrency: usize, queue: usize) -> Passwords {
        Passwords::new(&PasswordSettings {
            min_length: 15,
            min_length_with_second_factor: 8,
            memory_kib,
            iterations: 1,
            parallelism: 1,
            concurrency,
            queue,
            leaked: None,
        })
        .unwrap()
    }

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[tokio::test]
    async fn only_the_right_password_is_right() {
        let passwords = passwords(64, 1, 8);
        let hash = passwords.hash(&secret("gentle otters sing")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        let right = passwords
            .verify(&secret("gentle otters sing"), Some(hash.clone()))
            .await;
        assert_eq!(right.unwrap(), Verdict::Right { outdated: false });
        for wrong in ["", "gentle otters sing ", "Gentle otters sing", &"x".repeat(5000)] {
            let verdict = passwords
                .verify(&secret(wrong), Some(hash.clone()))
                .await
                .unwrap();
            assert_eq!(verdict, Verdict::Wrong);
        }
        let nobody = passwords
            .verify(&secret("gentle otters sing"), None)
            .await
            .unwrap();
        assert_eq!(nobody, Verdict::Wrong);
    }

    #[tokio::test]
    async fn one_password_typed_on_two_systems_is_one() {
        let passwords = passwords(64, 1, 8);
        let composed = secret("й\u{451}ж спит под крыльцом");
        let decomposed = secret("и\u{306}е\u{308}ж спит под крыльцом");
        let hash = passwords.hash(&composed).await.unwrap();
        let verdict = passwords.verify(&decomposed, Some(hash)).await.unwrap();
        assert_eq!(verdict, Verdict::Right { outdated: false });
    }

    #[tokio::test]
    async fn a_cheaper_hash_is_outdated_and_a_dearer_one_is_not() {
        let password = secret("gentle otters sing");
        let (cheap, dear) = (passwords(64, 1, 8), passwords(128, 1, 8));
        let (cheap_hash, dear_hash) = (
            cheap.hash(&password).await.unwrap(),
            dear.hash(&password).await.unwrap(),
        );
        let verdict = dear.verify(&password, Some(cheap_hash)).await.unwrap();
        assert_eq!(verdict, Verdict::Right { outdated: true });
        let verdict = cheap.verify(&password, Some(dear_hash)).await.unwrap();
        assert_eq!(verdict, Verdict::Right { outdated: false });
    }

    #[tokio::test]
    async fn a_hash_of_another_system_opens_once_and_is_to_be_replaced() {
        let passwords = passwords(64, 1, 8);
        let bcrypt = "$2b$04$abcdefghijklmnopqrstuuM3Q7zqm9FwHBToMlMEzGwiZiCtFOqfq".to_owned();
        let password = secret("gentle otters sing");
        let verdict = passwords.verify(&password, Some(bcrypt.clone())).await.unwrap();
        assert_eq!(verdict, Verdict::Right { outdated: true });
        let wrong = passwords
            .verify(&secret("gentle otters"), Some(bcrypt))
            .await
            .unwrap();
        assert_eq!(wrong, Verdict::Wrong);
    }

    #[tokio::test]
    async fn more_requests_than_may_wait_are_turned_away() {
        let passwords = passwords(64, 1, 1);
        let held = Arc::clone(&passwords.0.running).try_acquire_owned().unwrap();
        let waiting = [passwords.clone(), passwords.clone()];
        let [one, other] = &waiting;
        let password = secret("gentle otters sing");
        let mut one = Box::pin(one.hash(&password));
        let mut other = Box::pin(other.hash(&password));
        assert!(futures_util::poll!(&mut one).is_pending());
        assert!(futures_util::poll!(&mut other).is_pending());
        let refused = passwords.hash(&password).await;
        assert!(matches!(refused, Err(HashError::Overloaded)), "{refused:?}");
        drop(held);
        assert!(one.await.is_ok() && other.await.is_ok());
        assert!(
            passwords.0.memory.lock().unwrap().is_empty(),
            "memory is given back in the end"
        );
        assert!(passwords.hash(&password).await.is_ok(), "there is room again");
    }
}
