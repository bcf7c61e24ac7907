//! What a person confirms a login with: an application that makes codes, and a device with passkeys.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use ciborium::{Value as Cbor, cbor};
use serde_json::{Value, json};

/// The code of an application that was given this secret (RFC 6238).
pub(crate) fn code(secret: &str, now: DateTime<Utc>) -> String {
    let (mut bytes, mut buffer, mut bits) = (Vec::new(), 0_u32, 0);
    for digit in secret.bytes() {
        let value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
            .bytes()
            .position(|c| c == digit)
            .unwrap();
        buffer = buffer << 5 | u32::try_from(value).unwrap();
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(buffer >> bits & 0xff).unwrap());
        }
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    let mac = hmac::sign(&key, &(now.timestamp() / 30).to_be_bytes());
    let offset = usize::from(mac.as_ref()[19] & 15);
    let word: [u8; 4] = mac.as_ref()[offset..offset + 4].try_into().unwrap();
    format!("{:06}", (u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000)
}

/// The kind of key that a device makes.
#[derive(Clone, Copy)]
pub(crate) enum Algorithm {
    Es256,
    EdDsa,
    Rs256,
}

enum Key {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

/// A device with one passkey. Its members are what a test makes it lie about.
pub(crate) struct Device {
    key: Key,
    pub(crate) id: Vec<u8>,
    pub(crate) user: Vec<u8>,
    pub(crate) sign_count: u32,
    pub(crate) origin: String,
    pub(crate) rp_id: String,
    /// User present, user verified.
    pub(crate) flags: u8,
}

impl Device {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let key = match algorithm {
            Algorithm::Es256 => Key::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()),
            Algorithm::EdDsa => Key::EdDsa(Ed25519KeyPair::generate().unwrap()),
            Algorithm::Rs256 => Key::Rs256(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
        };
        Self {
            key,
            id: rand::random::<[u8; 32]>().to_vec(),
            user: Vec::new(),
            sign_count: 1,
            origin: "http://localhost:3000".to_owned(),
            rp_id: "localhost".to_owned(),
            flags: 0b101,
        }
    }

    fn cose_key(&self) -> Cbor {
        let bytes = |bytes: &[u8]| Cbor::Bytes(bytes.to_vec());
        match &self.key {
            Key::Es256(pair) => {
                let point = pair.public_key().as_ref();
                cbor!({ 1 => 2, 3 => -7, -1 => 1, -2 => bytes(&point[1..33]), -3 => bytes(&point[33..]) })
            }
            Key::EdDsa(pair) => {
                cbor!({ 1 => 1, 3 => -8, -1 => 6, -2 => bytes(pair.public_key().as_ref()) })
            }
            Key::Rs256(pair) => {
                let parts = PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                cbor!({ 1 => 3, 3 => -257, -1 => bytes(&parts.n), -2 => bytes(&parts.e) })
            }
        }
        .unwrap()
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let data = json!({
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": false,
        });
        data.to_string().into_bytes()
    }

    fn authenticator_data(&self, flags: u8) -> Vec<u8> {
        let mut data = digest(&SHA256, self.rp_id.as_bytes()).as_ref().to_vec();
        data.push(flags);
        data.extend_from_slice(&self.sign_count.to_be_bytes());
        data
    }

    /// `navigator.credentials.create()`.
    pub(crate) fn create(&mut self, options: &Value) -> Value {
        self.user = URL_SAFE_NO_PAD
            .decode(options["user"]["id"].as_str().unwrap())
            .unwrap();
        let mut data = self.authenticator_data(self.flags | 1 << 6);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend_from_slice(&self.id);
        ciborium::into_writer(&self.cose_key(), &mut data).unwrap();
        let object = cbor!({ "fmt" => "none", "attStmt" => {}, "authData" => Cbor::Bytes(data) }).unwrap();
        let mut attestation = Vec::new();
        ciborium::into_writer(&object, &mut attestation).unwrap();
        json!({
            "id": URL_SAFE_NO_PAD.encode(&self.id),
            "rawId": URL_SAFE_NO_PAD.encode(&self.id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(self.client_data("webauthn.create", options)),
                "attestationObject": URL_SAFE_NO_PAD.encode(attestation),
                "transports": ["internal", "hybrid"],
            },
        })
    }

    /// `navigator.credentials.get()`.
    pub(crate) fn get(&mut self, options: &Value) -> Value {
        self.sign_count += 1;
        let client_data = self.client_data("webauthn.get", options);
        let data = self.authenticator_data(self.flags);
        let message = [data.as_slice(), digest(&SHA256, &client_data).as_ref()].concat();
        let random = SystemRandom::new();
        let signature = match &self.key {
            Key::Es256(pair) => pair.sign(&random, &message).unwrap().as_ref().to_vec(),
            Key::EdDsa(pair) => pair.sign(&message).as_ref().to_vec(),
            Key::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, &message, &mut signature)
                    .unwrap();
                signature
            }
        };
        json!({
            "id": URL_SAFE_NO_PAD.encode(&self.id),
            "rawId": URL_SAFE_NO_PAD.encode(&self.id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(client_data),
                "authenticatorData": URL_SAFE_NO_PAD.encode(data),
                "signature": URL_SAFE_NO_PAD.encode(signature),
                "userHandle": URL_SAFE_NO_PAD.encode(&self.user),
            },
        })
    }
}
