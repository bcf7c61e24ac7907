//! The service's program.

fn main() -> std::process::ExitCode {
    common::service::run(
        onec_integration::DEFINITION,
        onec_integration::Config::read,
        onec_integration::start,
    )
}
