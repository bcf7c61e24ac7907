//! Rebuilds the service when its migrations change.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations/onec");
}
