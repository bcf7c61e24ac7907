//! What is understood of a filter is written so that it is understood as the same.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    assert_ne!(onec_integration::fuzzing::filter(text), Some(false));
});
