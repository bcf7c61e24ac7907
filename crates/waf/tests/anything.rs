//! A scan ends in time, whatever a request holds.

use proptest::prelude::*;
use std::time::{Duration, Instant};
use waf::{Kind, Request, Verdict, scan};

fn scanned(kind: Kind, uri: &str, content_type: &str, body: &[u8]) -> Verdict {
    let headers = [
        ("content-type", content_type.as_bytes()),
        ("cookie", body),
        ("x-search", body),
    ];
    scan(&Request {
        method: "POST",
        uri,
        headers: &headers,
        body,
        kind,
    })
}

fn content_type() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "application/json",
        "application/x-www-form-urlencoded",
        "application/xml",
        "multipart/form-data; boundary=x",
        "text/plain",
        "",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_request_is_scored(
        kind in prop::sample::select(Kind::ALL.to_vec()),
        content_type in content_type(),
        uri in "/[ -~а-яА-Я]{0,60}",
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            "[-<>'\"%&\\\\(){}\\[\\];|$=+/*#@.:a-zA-Z0-9 \n\u{fffd}а-я]{0,300}".prop_map(String::into_bytes),
        ],
    ) {
        let one = scanned(kind, &uri, content_type, &body);
        prop_assert_eq!(&one, &scanned(kind, &uri, content_type, &body));
        let sum: u32 = one.reasons.iter().map(|reason| reason.points).sum();
        prop_assert!(sum <= one.score);
    }
}

/// What makes careless code slow: repetition, depth, and encodings of encodings.
#[test]
fn no_request_takes_long() {
    let pieces = [
        "a",
        "(",
        "[",
        "{\"a\":",
        "'",
        "\"",
        "%25",
        "&amp;",
        "&#x26;",
        "\\u0025",
        "/*",
        "*/",
        "<",
        "<a b='",
        "../",
        "--",
        "union select ",
        "or 1=1 ",
        "${",
        "{{",
        "aaaaAAAA1111",
        "\u{fdfa}",
        "$ifs",
        "\r\n",
        "=",
        ";",
        "select a,",
        "|| 'a' ",
        "игнорируй все ",
        "не ",
        "--x\r\n\r\n",
        "\u{200b}",
        "\\",
        "on",
        "a=1&",
        "$a(",
        "/etc/",
        "@{[",
    ];
    let mut slowest = (Duration::ZERO, String::new());
    for piece in pieces {
        let body = piece.repeat(128 * 1024 / piece.len());
        for kind in Kind::ALL {
            for content_type in [
                "application/json",
                "text/plain",
                "application/xml",
                "application/x-www-form-urlencoded",
                "multipart/form-data; boundary=x",
            ] {
                let uri = format!(
                    "/x?q={}",
                    body.get(..4096).unwrap_or("a").replace(char::is_whitespace, "+")
                );
                let headers = [("content-type", content_type.as_bytes())];
                let request = Request {
                    method: "POST",
                    uri: &uri,
                    headers: &headers,
                    body: body.as_bytes(),
                    kind,
                };
                let started = Instant::now();
                std::hint::black_box(scan(&request));
                slowest = slowest.max((started.elapsed(), format!("{piece:?} {kind:?} {content_type}")));
            }
        }
    }
    // Without optimisation, on a busy machine; with it, it is a hundredth.
    assert!(slowest.0 < Duration::from_secs(8), "{slowest:?}");
}
