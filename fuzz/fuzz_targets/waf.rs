//! A scan ends, whatever the request holds, and says the same of the same.

#![no_main]

use waf::{Kind, Request, scan};

libfuzzer_sys::fuzz_target!(|input: (&str, &str, &[u8], usize)| {
    let (uri, content_type, body, kind) = input;
    let headers = [("content-type", content_type.as_bytes()), ("cookie", body), ("x-search", body)];
    let request = Request {
        method: "POST",
        uri,
        headers: &headers,
        body,
        kind: Kind::ALL[kind % Kind::ALL.len()],
    };
    assert_eq!(scan(&request), scan(&request));
});
