//! Rebuilds when a migration is added, which the compiler cannot see by itself.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations/security");
}
