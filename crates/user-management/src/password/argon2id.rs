//! argon2id (RFC 9106) in memory that goes back to the system when it is freed.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use common::BoxError;

/// glibc keeps freed blocks of up to 32 MiB for later, one set for each thread that ever hashed:
/// with 19 MiB for each hash a service soon holds a hundred of them for nothing. Larger blocks are
/// mapped and unmapped at once. The rest of the block is never touched and takes no memory.
const ALWAYS_UNMAPPED_BYTES: usize = 33 << 20;

/// Memory for one hash at a time. What one hash leaves in it does not matter to the next.
#[derive(Default)]
pub(super) struct Memory(Vec<Block>);

impl Memory {
    fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.0.len() < count {
            // Not resized in place: nothing in it is worth copying.
            self.0 = Vec::new();
            self.0
                .reserve_exact(count.max(ALWAYS_UNMAPPED_BYTES / Block::SIZE));
            self.0.resize(count, Block::default());
        }
        self.0.get_mut(..count).unwrap_or_default()
    }
}

/// The PHC string of a password, with a new salt.
pub(super) fn hash(params: &Params, password: &[u8], memory: &mut Memory) -> Result<String, BoxError> {
    let salt = Salt::new(&rand::random::<[u8; 16]>())?;
    let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
    let argon2 = Argon2::new(algorithm, version, params.clone());
    let output = compute(&argon2, password, &salt, Params::DEFAULT_OUTPUT_LEN, memory)?;
    let hash = PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: ParamsString::try_from(params)?,
        salt: Some(salt),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

/// True when the hash is that of the password, whatever its parameters.
pub(super) fn matches(hash: &PasswordHash, password: &[u8], memory: &mut Memory) -> Result<bool, BoxError> {
    let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else {
        return Err("a stored password hash has no salt or no output".into());
    };
    let algorithm = Algorithm::try_from(hash.algorithm.as_str())?;
    let version = hash.version.map_or(Ok(Version::default()), Version::try_from)?;
    let argon2 = Argon2::new(algorithm, version, Params::try_from(hash)?);
    let computed = compute(&argon2, password, salt, expected.len(), memory)?;
    // `Output` compares in constant time.
    Ok(computed == *expected)
}

/// True when the hash is cheaper to guess against than one with these parameters.
pub(super) fn is_outdated(hash: &PasswordHash, wanted: &Params) -> bool {
    hash.algorithm != Algorithm::Argon2id.ident()
        || Params::try_from(hash).map_or(true, |used| {
            used.m_cost() < wanted.m_cost()
                || used.t_cost() < wanted.t_cost()
                || used.p_cost() < wanted.p_cost()
        })
}

fn compute(
    argon2: &Argon2<'_>,
    password: &[u8],
    salt: &[u8],
    length: usize,
    memory: &mut Memory,
) -> Result<Output, BoxError> {
    let mut output = vec![0; length];
    let blocks = memory.blocks(argon2.params().block_count());
    argon2.hash_password_into_with_memory(password, salt, &mut output, blocks)?;
    Ok(Output::new(&output)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_made_elsewhere_is_understood() {
        // What the reference implementation gives for `argon2 somesalt -id -t 2 -m 16 -p 1 -e`.
        let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let hash = PasswordHash::new(phc).unwrap();
        let mut memory = Memory::default();
        assert!(matches(&hash, b"password", &mut memory).unwrap());
        assert!(!matches(&hash, b"Password", &mut memory).unwrap());
    }

    #[test]
    fn equal_passwords_have_different_hashes() {
        let (params, mut memory) = (Params::new(64, 1, 1, None).unwrap(), Memory::default());
        let (one, other) = (
            hash(&params, b"otter", &mut memory).unwrap(),
            hash(&params, b"otter", &mut memory).unwrap(),
        );
        assert_ne!(one, other);
        assert!(one.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{one}");
        assert!(matches(&PasswordHash::new(&one).unwrap(), b"otter", &mut memory).unwrap());
    }

    #[test]
    fn only_cheaper_hashes_are_outdated() {
        let params = |m, t| Params::new(m, t, 1, None).unwrap();
        let of = |params: &Params| hash(params, b"otter", &mut Memory::default()).unwrap();
        let stored = of(&params(128, 2));
        let stored = PasswordHash::new(&stored).unwrap();
        for (wanted, outdated) in [
            ((128, 2), false),
            ((64, 1), false),
            ((256, 2), true),
            ((128, 3), true),
        ] {
            assert_eq!(
                is_outdated(&stored, &params(wanted.0, wanted.1)),
                outdated,
                "{wanted:?}"
            );
        }
    }
}
