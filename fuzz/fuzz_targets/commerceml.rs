//! No document makes the reader of it panic or take memory without bounds.

#![no_main]

libfuzzer_sys::fuzz_target!(|document: &[u8]| {
    let _ = onec_integration::fuzzing::commerceml(document);
});
