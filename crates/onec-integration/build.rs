//! Rebuilds the service when its migrations change.

fn main() {
    #[expect(clippy::print_stdout, reason = "how a build script talks to cargo")]
    {
        println!("cargo:rerun-if-changed=../../migrations/onec");
    }
}
