//! The test vector of the specification, and what is no answer of an authenticator.

use serde_json::json;

use super::*;

/// Web Authentication, Level 3, section 16.1 ("ES256 Credential with No Attestation").
const CHALLENGE: &str = "39c0e7521417ba54d43e8dc95174f423dee9bf3cd804ff6d65c857c9abf4d408";
const ATTESTATION_OBJECT: &str = "a363666d74646e6f6e656761747453746d74a068617574684461746158a4bfabc37432958b06\
    3360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b559000000008446ccb9ab1db374750b2367ff6f3a1f0020f91f391db4c9\
    b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4a5010203262001215820afefa16f97ca9b2d23eb86ccb64098d20d\
    b90856062eb249c33a9b672f26df61225820930a56b87a2fca66334b03458abf879717c12cc68ed73290af2e2664796b9220";
const AUTHENTICATOR_DATA: &str = "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b51900000000";
const CLIENT_DATA: &str = "7b2274797065223a22776562617574686e2e676574222c226368616c6c656e6765223a224f63446e\
    55685158756c5455506f334a5558543049393770767a7a59425039745a63685879617630314167222c226f726967696e223a\
    2268747470733a2f2f6578616d706c652e6f7267222c2263726f73734f726967696e223a66616c73657d";
const SIGNATURE: &str = "3046022100f50a4e2e4409249c4a853ba361282f09841df4dd4547a13a87780218deffcd380221008480ac0f\
    0b93538174f575bf11a1dd5d78c6e486013f937295ea13653e331e87";

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

fn relying_party() -> RelyingParty {
    RelyingParty::of(&"https://example.org/path".parse().unwrap()).unwrap()
}

#[test]
fn the_vector_of_the_specification_is_read_and_verified() {
    let data = authenticator_data_of(&bytes(ATTESTATION_OBJECT)).unwrap();
    let data = AuthenticatorData::parse(&data).unwrap();
    let credential = data.credential.unwrap();
    assert_eq!(
        credential.aaguid.to_string(),
        "8446ccb9-ab1d-b374-750b-2367ff6f3a1f"
    );
    assert_eq!(hex::encode(&credential.id[..4]), "f91f391d");
    let key = PublicKey::parse(&credential.public_key).unwrap();
    let hash = digest(&SHA256, &bytes(CLIENT_DATA));
    let mut signed = [bytes(AUTHENTICATOR_DATA), hash.as_ref().to_vec()].concat();
    assert_eq!(key.verify(&signed, &bytes(SIGNATURE)), Ok(()));
    signed[36] ^= 1;
    assert_eq!(
        key.verify(&signed, &bytes(SIGNATURE)),
        Err(Refused::WrongSignature)
    );
    let ours = client_data::verify(
        &bytes(CLIENT_DATA),
        Ceremony::Get,
        &bytes(CHALLENGE),
        "https://example.org",
    );
    assert_eq!(ours, Ok(()));
}

#[test]
fn an_authenticator_that_did_not_verify_its_user_is_refused() {
    let encode = |text| URL_SAFE_NO_PAD.encode(bytes(text));
    let assertion: Assertion = serde_json::from_value(json!({
        "id": "unused", "rawId": "AA", "type": "public-key",
        "response": {
            "clientDataJSON": encode(CLIENT_DATA),
            "authenticatorData": encode(AUTHENTICATOR_DATA),
            "signature": encode(SIGNATURE),
        },
    }))
    .unwrap();
    let data = authenticator_data_of(&bytes(ATTESTATION_OBJECT)).unwrap();
    let key = AuthenticatorData::parse(&data)
        .unwrap()
        .credential
        .unwrap()
        .public_key;
    let refused = relying_party().verify(&bytes(CHALLENGE), &assertion, Uuid::nil(), &key, 0);
    assert_eq!(refused, Err(Refused::UserNotVerified));
}

#[test]
fn what_breaks_off_or_goes_on_is_malformed() {
    let whole = authenticator_data_of(&bytes(ATTESTATION_OBJECT)).unwrap();
    for length in 0..whole.len() {
        assert!(AuthenticatorData::parse(&whole[..length]).is_err(), "{length}");
    }
    let longer = [whole.as_slice(), &[0]].concat();
    assert!(AuthenticatorData::parse(&longer).is_err());
    for wrong in [
        b"".as_slice(),
        b"\xa0",
        b"\xff",
        &[0x9f; 100_000],
        &[0x81; 10_000],
    ] {
        assert!(authenticator_data_of(wrong).is_err());
    }
}

#[test]
fn an_address_without_a_name_is_no_relying_party() {
    let of = |url: &str| RelyingParty::of(&url.parse().unwrap());
    assert!(of("http://127.0.0.1:3000").is_none());
    let local = of("http://localhost:3000/").unwrap();
    assert_eq!(
        (local.id.as_str(), local.origin.as_str()),
        ("localhost", "http://localhost:3000")
    );
}
