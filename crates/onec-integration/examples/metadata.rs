//! Reads metadata as large as those of a whole configuration, and tells how long it took and what
//! memory, beside a bare loop over the events of the same document.
//!
//! `cargo run --release -p onec-integration --example metadata [FILE]`

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::fmt::Write as _;
use std::time::Instant;

use quick_xml::Reader;
use quick_xml::events::Event;

/// Bytes of the document that is made when no file is named.
const SIZE: usize = 17 * 1024 * 1024;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let document = match std::env::args().nth(1) {
        Some(file) => std::fs::read(file)?,
        None => made().into_bytes(),
    };
    println!("document: {:.1} MB", megabytes(document.len()));
    let before = peak();

    let started = Instant::now();
    let mut reader = Reader::from_reader(document.as_slice());
    let mut buffer = Vec::new();
    let mut events = 0_u64;
    loop {
        buffer.clear();
        if matches!(reader.read_event_into(&mut buffer)?, Event::Eof) {
            break;
        }
        events += 1;
    }
    let bare = started.elapsed();
    println!("events alone: {events} in {bare:.2?}");

    let started = Instant::now();
    let declared = onec_integration::fuzzing::edmx(&document);
    let took = started.elapsed();
    println!(
        "catalogue: {declared:?} types and functions in {took:.2?}, {:.1} times as long",
        took.as_secs_f64() / bare.as_secs_f64()
    );
    if let (Some(before), Some(after)) = (before, peak()) {
        println!(
            "peak memory: {:.0} MB more than with the document alone",
            after - before
        );
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

/// The largest memory of this process so far, in MB, where the system tells it.
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024.0)
}

/// Metadata with as many types and properties as fit.
fn made() -> String {
    let mut types = String::new();
    let mut associations = String::new();
    let mut container = String::new();
    let mut number = 0;
    while types.len() + associations.len() + container.len() < SIZE {
        let name = format!("Document_ДокументКонфигурации{number}");
        // Writing to a String cannot fail.
        let _ = write!(
            types,
            "<EntityType Name=\"{name}\" OpenType=\"true\"><Key><PropertyRef Name=\"Ref_Key\"/></Key>\
             <Property Name=\"Ref_Key\" Type=\"Edm.Guid\" Nullable=\"false\"/>"
        );
        for property in 0..20 {
            let reference = format!("Реквизит{property}");
            let _ = write!(
                types,
                "<Property Name=\"{reference}_Key\" Type=\"Edm.Guid\" Nullable=\"true\"/>\
                 <NavigationProperty Name=\"{reference}\" Relationship=\"StandardODATA.{name}_{reference}\" FromRole=\"Begin\" ToRole=\"End\"/>"
            );
            let _ = write!(
                associations,
                "<Association Name=\"{name}_{reference}\"><End Role=\"Begin\" Type=\"StandardODATA.{name}\" Multiplicity=\"*\"/>\
                 <End Role=\"End\" Type=\"StandardODATA.Document_ДокументКонфигурации0\" Multiplicity=\"0..1\"/></Association>"
            );
        }
        types.push_str("</EntityType>");
        let _ = write!(
            container,
            "<EntitySet Name=\"{name}\" EntityType=\"StandardODATA.{name}\"/><FunctionImport Name=\"Post\" IsSideEffecting=\"true\">\
             <Parameter Name=\"bindingParameter\" Type=\"StandardODATA.{name}\"/><Parameter Name=\"PostingModeOperational\" Type=\"Edm.Boolean\"/></FunctionImport>"
        );
        number += 1;
    }
    format!(
        "<edmx:Edmx xmlns:edmx=\"x\"><edmx:DataServices><Schema Namespace=\"StandardODATA\">{types}{associations}\
         <EntityContainer Name=\"EnterpriseV8\">{container}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"
    )
}
