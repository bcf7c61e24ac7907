//! What the gateway makes of a path and of the headers that it reads has one meaning, whatever they are.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: (&str, Vec<(&str, &[u8])>)| {
    let (path, headers) = input;
    assert_eq!(gateway::fuzzing::request(path, &headers), Ok(()));
});
