//! `multipart/form-data` (RFC 7578) with one file, from a body that is in memory.

use bytes::Bytes;

/// Bytes of the headers of a part.
const MAX_HEADERS: usize = 4096;
/// Parts of a body.
const MAX_PARTS: usize = 20;
/// Characters of a file's name.
const MAX_NAME: usize = 200;

/// Why a body has no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MultipartError {
    /// `Content-Type` is another, or lacks the boundary.
    #[error("not multipart/form-data with a boundary")]
    NotMultipart,
    /// A part is not as RFC 7578 has it.
    #[error("the parts of the body cannot be told apart")]
    Malformed,
    /// No part is called `file`, or several are.
    #[error("one part has to be the file")]
    NoFile,
}

/// An uploaded file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upload {
    /// Its name without folders.
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
}

impl Upload {
    pub(super) fn has_extension(&self, extensions: &[&str]) -> bool {
        self.name.rsplit_once('.').is_some_and(|(_, extension)| {
            extensions
                .iter()
                .any(|known| extension.eq_ignore_ascii_case(known))
        })
    }

    pub(super) fn is_of_type(&self, types: &[&str]) -> bool {
        types
            .iter()
            .any(|known| self.media_type.eq_ignore_ascii_case(known))
    }
}

/// The file of a body; other parts are passed over.
///
/// # Errors
/// When there is not exactly one file in it.
pub(crate) fn upload(content_type: &str, body: &Bytes) -> Result<Upload, MultipartError> {
    let (essence, parameters) = content_type.split_once(';').ok_or(MultipartError::NotMultipart)?;
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(MultipartError::NotMultipart);
    }
    let boundary = parameter(parameters, "boundary").filter(|boundary| (1..=70).contains(&boundary.len()));
    let boundary = boundary.ok_or(MultipartError::NotMultipart)?;
    let delimiter = format!("--{boundary}");
    let mut at = find(body, delimiter.as_bytes(), 0).ok_or(MultipartError::Malformed)? + delimiter.len();
    let delimiter = format!("\r\n{delimiter}");
    let mut found = None;
    for _ in 0..MAX_PARTS {
        let rest = &body[at..];
        if rest.starts_with(b"--") {
            return found.ok_or(MultipartError::NoFile);
        }
        // Spaces may follow a boundary.
        let start = at
            + find(rest, b"\r\n", 0)
                .filter(|skipped| *skipped <= 16)
                .ok_or(MultipartError::Malformed)?;
        let ends = find(body, delimiter.as_bytes(), start).ok_or(MultipartError::Malformed)?;
        let part = body.slice((start + 2).min(ends)..ends);
        let upload = file_of(&part)?;
        if upload.is_some() && found.is_some() {
            return Err(MultipartError::NoFile);
        }
        found = found.or(upload);
        at = ends + delimiter.len();
    }
    Err(MultipartError::Malformed)
}

fn file_of(part: &Bytes) -> Result<Option<Upload>, MultipartError> {
    let end = find(part, b"\r\n\r\n", 0)
        .filter(|end| *end <= MAX_HEADERS)
        .ok_or(MultipartError::Malformed)?;
    let headers = std::str::from_utf8(&part[..end]).map_err(|_| MultipartError::Malformed)?;
    let header = |name: &str| {
        headers.split("\r\n").find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let disposition = header("content-disposition").unwrap_or_default();
    let (_, parameters) = disposition.split_once(';').unwrap_or_default();
    let Some(name) = extended(parameters).or_else(|| parameter(parameters, "filename")) else {
        return Ok(None);
    };
    if parameter(parameters, "name").as_deref() != Some("file") {
        return Ok(None);
    }
    let media_type = header("content-type").unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    Ok(Some(Upload {
        name: plain(&name),
        media_type: media_type.to_owned(),
        bytes: part.slice(end + 4..),
    }))
}

/// `filename*=UTF-8''…` (RFC 8187).
fn extended(parameters: &str) -> Option<String> {
    let value = parameter(parameters, "filename*")?;
    let (charset, rest) = value.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let decoded = percent_encoding::percent_decode_str(encoded).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// A parameter of a header, quoted or not.
fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        let (key, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted_string(quoted),
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = after;
    }
}

/// A quoted string after its first quote, and what follows it. Browsers write a quote as `%22`.
fn quoted_string(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value.replace("%22", "\""), &text[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            c => value.push(c),
        }
    }
    (value, "")
}

/// A name without folders and what is not seen.
fn plain(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
    match name.trim() {
        "" | "." | ".." => "file".to_owned(),
        name => name.to_owned(),
    }
}

fn find(bytes: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let first = *wanted.first()?;
    let mut at = 0;
    while let Some(skipped) = rest.get(at..)?.iter().position(|byte| *byte == first) {
        at += skipped;
        if rest[at..].starts_with(wanted) {
            return Some(from + at);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(text: &str) -> Bytes {
        Bytes::from(text.replace('\n', "\r\n"))
    }

    #[test]
    fn a_file_among_other_parts() {
        let text = "--x\nContent-Disposition: form-data; name=\"note\"\n\n--y\n--x \nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\\\dir\\\\долг%22.csv\"\nContent-Type: text/csv; charset=utf-8\n\na;b\n1;2\n\n--x--\n";
        let file = upload("multipart/form-data; charset=utf-8; boundary=x", &body(text)).unwrap();
        assert_eq!(
            (file.name.as_str(), file.media_type.as_str()),
            ("долг\".csv", "text/csv")
        );
        assert_eq!(&file.bytes[..], b"a;b\r\n1;2\r\n");
        let text = "--x\nContent-Disposition: form-data; name=file; filename=x; filename*=UTF-8''%D0%B0.txt\n\nq\n--x--";
        assert_eq!(
            upload("Multipart/Form-Data; boundary=\"x\"", &body(text))
                .unwrap()
                .name,
            "а.txt"
        );
    }

    #[test]
    fn what_is_wrong_is_told() {
        let part = "--x\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\n\nq\n";
        for (kind, text, error) in [
            ("application/json", part.to_owned(), MultipartError::NotMultipart),
            (
                "multipart/form-data",
                part.to_owned(),
                MultipartError::NotMultipart,
            ),
            (
                "multipart/form-data; boundary=x",
                part.to_owned(),
                MultipartError::Malformed,
            ),
            (
                "multipart/form-data; boundary=z",
                part.to_owned(),
                MultipartError::Malformed,
            ),
            (
                "multipart/form-data; boundary=x",
                "--x--".to_owned(),
                MultipartError::NoFile,
            ),
            (
                "multipart/form-data; boundary=x",
                format!("{part}{part}--x--"),
                MultipartError::NoFile,
            ),
            (
                "multipart/form-data; boundary=x",
                "--x\nA: b\n--x--".to_owned(),
                MultipartError::Malformed,
            ),
        ] {
            assert_eq!(upload(kind, &body(&text)), Err(error), "{kind} {text}");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_survived(text in "(--x|\r\n|Content-Disposition: form-data; name=file; filename=a|\\PC){0,40}") {
            let _ = upload("multipart/form-data; boundary=x", &Bytes::from(text));
        }
    }
}
