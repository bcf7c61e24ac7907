//! Writes a made-up report as a file, and tells how long that took and how much memory it needed:
//! `cargo run --release -p analytics --example report_files -- xlsx 50000 /tmp/report.xlsx`.

#![expect(clippy::print_stdout, reason = "a command-line tool")]

use std::time::Instant;

use common::BoxError;

fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [format, rows, path] = arguments.as_slice() else {
        return Err("give FORMAT ROWS PATH".into());
    };
    let started = Instant::now();
    let file = analytics::sample::file(format, rows.parse()?)?;
    let took = started.elapsed();
    std::fs::write(path, &file)?;
    println!(
        "{format}: {rows} rows, {} bytes, {:.2} s, at most {} MB of memory",
        file.len(),
        took.as_secs_f64(),
        peak_megabytes()
    );
    Ok(())
}

/// The most memory that this process has had, as Linux counts it; 0 elsewhere.
fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1024
}
