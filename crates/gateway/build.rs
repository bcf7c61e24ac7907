//! Puts the web console into the program: each file as it is and compressed, under a version that changes
//! with any of them.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// Where the page says its files are.
const ASSETS: &str = "/assets/";

fn main() -> Result<(), Box<dyn Error>> {
    let console = Path::new(env!("CARGO_MANIFEST_DIR")).join("console");
    println!("cargo::rerun-if-changed={}", console.display());
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);

    let mut assets: Vec<(String, Vec<u8>)> = Vec::new();
    for entry in fs::read_dir(console.join("assets"))? {
        let entry = entry?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|name| format!("the name {name:?}"))?;
        assets.push((name, fs::read(entry.path())?));
    }
    assets.sort();
    let page = fs::read_to_string(console.join("index.html"))?;
    let docs = fs::read_to_string(console.join("docs.html"))?;

    let mut digest = Sha256::new();
    digest.update(page.as_bytes());
    digest.update(docs.as_bytes());
    for (name, content) in &assets {
        digest.update(name.as_bytes());
        digest.update(content);
    }
    let version = hex(&digest.finalize(), 6);
    let versioned = |page: &str| page.replace(ASSETS, &format!("{ASSETS}{version}/"));

    let mut code = format!("const VERSION: &str = \"{version}\";\n");
    let entry = embed(&out, "index.html", versioned(&page).as_bytes())?;
    writeln!(code, "static PAGE: File = {entry};")?;
    let entry = embed(&out, "docs.html", versioned(&docs).as_bytes())?;
    writeln!(code, "static DOCS: File = {entry};")?;
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("api/openapi.json");
    println!("cargo::rerun-if-changed={}", document.display());
    let document: serde_json::Value = serde_json::from_slice(&fs::read(document)?)?;
    let entry = embed(&out, "openapi.json", document.to_string().as_bytes())?;
    writeln!(code, "static OPENAPI: File = {entry};")?;
    writeln!(code, "static ASSETS: [File; {}] = [", assets.len())?;
    for (name, content) in &assets {
        writeln!(code, "    {},", embed(&out, name, content)?)?;
    }
    code.push_str("];\n");
    fs::write(out.join("console_files.rs"), code)?;
    Ok(())
}

/// Writes a file with its compressed form, and gives the expression that includes both.
fn embed(out: &Path, name: &str, content: &[u8]) -> Result<String, Box<dyn Error>> {
    let content_type = match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        _ => return Err(format!("no media type is known for {name}").into()),
    };
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    let plain = out.join(name);
    let gzip = out.join(format!("{name}.gz"));
    fs::write(&plain, content)?;
    fs::write(&gzip, encoder.finish()?)?;
    let etag = hex(&Sha256::digest(content), 8);
    Ok(format!(
        "File {{ name: {name:?}, content_type: {content_type:?}, etag: \"\\\"{etag}\\\"\", gzip_etag: \"\\\"{etag}-gz\\\"\", \
         plain: include_bytes!({plain:?}), gzip: include_bytes!({gzip:?}) }}"
    ))
}

/// The first bytes, in hexadecimal digits.
fn hex(bytes: &[u8], count: usize) -> String {
    let bytes = bytes.iter().take(count);
    bytes.fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
