//! Whatever a client writes as a path, there is one reading of it.

use gateway::path::normalise;
use gateway::routing::{Access, TABLE, find};
use proptest::prelude::*;

/// Paths of the parts that readers disagree on, among parts of real routes.
fn paths() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("/"),
        Just("//"),
        Just("."),
        Just(".."),
        Just("%2e"),
        Just("%2E%2e"),
        Just("%2f"),
        Just("%5c"),
        Just("\\"),
        Just("%25"),
        Just("%"),
        Just("%41"),
        Just("%d0%B4"),
        Just("д"),
        Just(";"),
        Just("/api"),
        Just("/API"),
        Just("/users"),
        Just("/auth"),
        Just("/login"),
        Just("/.well-known"),
        Just("/ai"),
        Just("/health"),
        Just("/1c"),
        Just("/v1"),
        Just("x"),
    ];
    proptest::collection::vec(part, 0..12).prop_map(|parts| format!("/{}", parts.concat()))
}

/// Headers that the gateway reads, with parts of what stands in them.
fn fields() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let name = prop_oneof![
        Just("connection"),
        Just("host"),
        Just("x-forwarded-for"),
        Just("forwarded"),
        Just("x-user-id"),
        Just("x_user_id"),
        Just("transfer-encoding"),
        Just("te"),
        Just("cookie"),
        Just("cache-control"),
        Just("accept-encoding"),
        Just("if-none-match"),
        Just("via"),
    ];
    let part = prop_oneof![
        Just(","),
        Just(" "),
        Just("\""),
        Just(";q=0"),
        Just("="),
        Just("gzip"),
        Just("no-cache"),
        Just("max-age"),
        Just("x-user-id"),
        Just("cookie"),
        Just("192.0.2.1"),
        Just("::1"),
        Just("W/"),
        Just("-gzip\""),
        Just("close"),
        Just("x-forwarded-for"),
    ];
    let value = proptest::collection::vec(part, 0..6).prop_map(|parts| parts.concat());
    proptest::collection::vec((name, value), 0..8)
}

proptest! {
    #[test]
    fn the_normal_spelling_is_normal(path in paths()) {
        let Ok(normal) = normalise(&path) else { return Ok(()) };
        prop_assert_eq!(normalise(&normal), Ok(normal.clone()));
        prop_assert!(normal.starts_with('/') && !normal.contains("//"));
        prop_assert!(!normal.contains('\\') && normal.is_ascii());
        prop_assert!(normal.split('/').all(|segment| segment != "." && segment != ".."));
        let lower = normal.to_ascii_lowercase();
        prop_assert!(!lower.contains("%2f") && !lower.contains("%5c") && !lower.contains("%2e"));
    }

    #[test]
    fn a_request_has_one_meaning(path in paths(), fields in fields()) {
        let fields: Vec<(&str, &[u8])> = fields.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        prop_assert_eq!(gateway::fuzzing::request(&path, &fields), Ok(()));
    }

    #[test]
    fn a_route_is_the_longest_that_fits_and_the_rest_goes_through(path in paths()) {
        let Ok(normal) = normalise(&path) else { return Ok(()) };
        let lower = normal.to_ascii_lowercase();
        let fits = |outside: &str, exact: bool| {
            lower == outside || (!exact && lower.starts_with(&format!("{outside}/")))
        };
        let expected = TABLE
            .iter()
            .filter(|route| fits(&route.outside.to_ascii_lowercase(), route.exact))
            .max_by_key(|route| route.outside.len());
        let found = find(&normal);
        prop_assert_eq!(found.as_ref().map(|(route, _)| route.label), expected.map(|route| route.label));
        if let Some((route, inside)) = found {
            // What the service sees needs no second reading either, and is not a public path by accident.
            prop_assert_eq!(normalise(&inside), Ok(inside.as_str().into()));
            let rest = &normal[route.outside.len()..];
            prop_assert!(inside.ends_with(rest));
            prop_assert!(route.access == Access::Token || !route.exact || rest.is_empty());
        }
    }
}
