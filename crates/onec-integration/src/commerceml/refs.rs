//! References of objects that 1C pushes.

use uuid::Uuid;

/// The reference of an object: its `Ид` is a GUID of 1C, or else one is computed from it, the same
/// each time. `kind` keeps ids of different sorts of objects apart.
pub(crate) fn reference(infobase: Uuid, kind: &str, id: &str) -> Uuid {
    let id = id.trim();
    // The empty reference stands for nothing and is nobody's id.
    match Uuid::try_parse(id) {
        Ok(guid) if !guid.is_nil() => guid,
        _ => Uuid::new_v5(&infobase, format!("{kind}:{id}").as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_stay_and_other_ids_get_one_of_their_own() {
        let base = Uuid::from_u128(7);
        let guid = "bd72d910-55bc-11d9-848a-00112f43529a";
        assert_eq!(reference(base, "item", guid).to_string(), guid);
        let ours = reference(base, "item", "00-17");
        assert_eq!(ours, reference(base, "item", " 00-17 "));
        assert_ne!(ours, reference(base, "warehouse", "00-17"));
        assert_ne!(ours, reference(Uuid::from_u128(8), "item", "00-17"));
        assert!(!reference(base, "item", &Uuid::nil().to_string()).is_nil());
    }
}
