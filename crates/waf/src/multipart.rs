//! Parts of a form with files.

/// One part; borrowed from the body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    pub(crate) headers: &'a [u8],
    pub(crate) name: &'a [u8],
    pub(crate) file: Option<&'a [u8]>,
    pub(crate) content: &'a [u8],
}

/// The boundary that a content type names.
pub(crate) fn boundary(content_type: &str) -> Option<&str> {
    let (_, rest) = content_type.split_once("boundary=")?;
    let rest = rest.trim_start();
    let boundary = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split([';', ' ', ',']).next()?,
    };
    (!boundary.is_empty() && boundary.len() <= 200).then_some(boundary)
}

/// The parts, the last one also when it was cut off.
pub(crate) fn parts<'a>(body: &'a [u8], boundary: &str) -> impl Iterator<Item = Part<'a>> {
    let mark = format!("--{boundary}");
    let mut rest = find(body, mark.as_bytes()).map(|at| &body[at + mark.len()..]);
    std::iter::from_fn(move || {
        let this = rest?;
        if this.starts_with(b"--") {
            return None;
        }
        let end = find(this, mark.as_bytes());
        rest = end.map(|at| &this[at + mark.len()..]);
        let part = &this[..end.unwrap_or(this.len())];
        let (headers, content) = match find(part, b"\r\n\r\n") {
            Some(at) => (&part[..at], &part[at + 4..]),
            None => match find(part, b"\n\n") {
                Some(at) => (&part[..at], &part[at + 2..]),
                None => (part, &b""[..]),
            },
        };
        Some(Part {
            headers,
            name: parameter(headers, b" name=").unwrap_or_default(),
            file: parameter(headers, b"filename=").or_else(|| parameter(headers, b"filename*=")),
            content: content.strip_suffix(b"\r\n").unwrap_or(content),
        })
    })
}

fn parameter<'a>(headers: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = &headers[find(headers, name)? + name.len()..];
    let (end, from): (&[u8], usize) = match rest.first()? {
        b'"' => (b"\"", 1),
        b'\'' => (b"'", 1),
        _ => (b";\r\n", 0),
    };
    let rest = &rest[from..];
    let length = rest
        .iter()
        .position(|byte| end.contains(byte))
        .unwrap_or(rest.len());
    Some(&rest[..length])
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_names_files_and_contents() {
        assert_eq!(
            boundary("multipart/form-data; boundary=\"a b\"; x=1"),
            Some("a b")
        );
        assert_eq!(boundary("multipart/form-data; boundary=ab; x=1"), Some("ab"));
        let body = b"--ab\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.php\"\r\n\r\nhi\r\n--ab\nContent-Disposition: form-data; name=g\n\ncut";
        let parts: Vec<Part> = parts(body, "ab").collect();
        assert_eq!(parts.len(), 2);
        assert_eq!(
            (parts[0].name, parts[0].file, parts[0].content),
            (&b"f"[..], Some(&b"x.php"[..]), &b"hi"[..])
        );
        assert_eq!(
            (parts[1].name, parts[1].file, parts[1].content),
            (&b"g"[..], None, &b"cut"[..])
        );
    }
}
