//! What the authenticator itself says (section 6.1).

use ciborium::Value;
use uuid::Uuid;

use super::Refused;

/// The bits of the byte of flags.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flags(u8);

impl Flags {
    pub(super) fn user_present(self) -> bool {
        self.0 & 1 != 0
    }

    pub(super) fn user_verified(self) -> bool {
        self.0 & 1 << 2 != 0
    }

    pub(super) fn backup_eligible(self) -> bool {
        self.0 & 1 << 3 != 0
    }

    pub(super) fn backed_up(self) -> bool {
        self.0 & 1 << 4 != 0
    }

    fn has_credential(self) -> bool {
        self.0 & 1 << 6 != 0
    }

    fn has_extensions(self) -> bool {
        self.0 & 1 << 7 != 0
    }
}

#[derive(Debug)]
pub(super) struct AuthenticatorData<'a> {
    pub(super) rp_id_hash: &'a [u8],
    pub(super) flags: Flags,
    pub(super) sign_count: u32,
    pub(super) credential: Option<Credential<'a>>,
}

/// Attested credential data (section 6.5.1).
#[derive(Debug)]
pub(super) struct Credential<'a> {
    pub(super) aaguid: Uuid,
    pub(super) id: &'a [u8],
    /// COSE_Key, in the authenticator's own bytes.
    pub(super) public_key: Vec<u8>,
}

impl<'a> AuthenticatorData<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Refused> {
        let malformed = Refused::Malformed("authenticator data");
        let (rp_id_hash, rest) = bytes.split_at_checked(32).ok_or(malformed)?;
        let (&flags, rest) = rest.split_first().ok_or(malformed)?;
        let (sign_count, mut rest) = rest.split_first_chunk::<4>().ok_or(malformed)?;
        let flags = Flags(flags);
        let credential = if flags.has_credential() {
            let (aaguid, after) = rest.split_first_chunk::<16>().ok_or(malformed)?;
            let (length, after) = after.split_first_chunk::<2>().ok_or(malformed)?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (id, after) = after.split_at_checked(length).ok_or(malformed)?;
            let public_key = first_item(after)?;
            rest = after.get(public_key.len()..).unwrap_or_default();
            Some(Credential {
                aaguid: Uuid::from_bytes(*aaguid),
                id,
                public_key: public_key.to_vec(),
            })
        } else {
            None
        };
        if flags.has_extensions() {
            rest = rest.get(first_item(rest)?.len()..).unwrap_or_default();
        }
        if !rest.is_empty() {
            return Err(malformed);
        }
        Ok(Self {
            rp_id_hash,
            flags,
            sign_count: u32::from_be_bytes(*sign_count),
            credential,
        })
    }
}

/// The bytes of the CBOR item with which `bytes` begin.
fn first_item(bytes: &[u8]) -> Result<&[u8], Refused> {
    let mut rest = bytes;
    let read: Result<Value, _> = ciborium::from_reader(&mut rest);
    read.map_err(|_| Refused::Malformed("CBOR"))?;
    Ok(bytes.get(..bytes.len() - rest.len()).unwrap_or_default())
}
