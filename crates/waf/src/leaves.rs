//! A request as values with names: path, query, headers, cookies, and what a body holds.

use serde::{Deserialize, Serialize};

use crate::{decode, json, multipart};

/// Where in a request something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// In the path.
    Path,
    /// In a parameter of the query.
    Query,
    /// In the body.
    Body,
    /// In the name of a parameter or member.
    Name,
    /// In a cookie.
    Cookie,
    /// In a header.
    Header,
    /// In the header that names the client's program.
    Agent,
    /// In the header that names the type of the body.
    ContentType,
    /// In the name of a file.
    File,
}

impl Place {
    /// The name in JSON, events and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Body => "body",
            Self::Name => "name",
            Self::Cookie => "cookie",
            Self::Header => "header",
            Self::Agent => "agent",
            Self::ContentType => "content-type",
            Self::File => "file",
        }
    }
}

/// Parameters of a query or a form: name and value, decoded.
pub(crate) fn parameters(source: &str, mut each: impl FnMut(&str, &str) -> bool) {
    for pair in source.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = match pair.split_once('=') {
            Some((name, value)) => (name, value),
            None => ("", pair),
        };
        let (name, value) = (
            decode::percent(name.as_bytes(), true),
            decode::percent(value.as_bytes(), true),
        );
        if !each(&decode::text(&name), &decode::text(&value)) {
            return;
        }
    }
}

/// Cookies: name and value, decoded.
pub(crate) fn cookies(header: &str, mut each: impl FnMut(&str, &str)) {
    for pair in header.split(';') {
        let (name, value) = pair.trim().split_once('=').unwrap_or(("", pair.trim()));
        let value = decode::percent(value.as_bytes(), false);
        each(name, &decode::text(&value));
    }
}

/// What a body holds: place, name and value of each piece.
pub(crate) fn body(content_type: &str, body: &[u8], mut each: impl FnMut(Place, &str, &str) -> bool) {
    let kind = content_type.to_ascii_lowercase();
    if kind.starts_with("multipart/") {
        // Its case matters, unlike that of the rest.
        if let Some(boundary) = multipart::boundary(content_type) {
            of_parts(body, boundary, &mut each);
        } else {
            each(Place::Body, "", &decode::text(body));
        }
        return;
    }
    let binary = [
        "image/",
        "audio/",
        "video/",
        "application/octet-stream",
        "application/zip",
        "application/pdf",
        "application/vnd",
    ];
    if binary.iter().any(|start| kind.starts_with(start)) {
        return;
    }
    let text = decode::text(body);
    let text = text.trim_start_matches('\u{feff}');
    let first = text.trim_start().as_bytes().first();
    if kind.contains("json") || (matches!(first, Some(b'{' | b'[')) && !kind.contains("form")) {
        let mut any = false;
        json::texts(text, |found| {
            any = true;
            match found.value {
                Some(value) => each(Place::Body, &found.name, &value),
                None => each(Place::Name, "", &found.name),
            }
        });
        if !any {
            each(Place::Body, "", text);
        }
    } else if kind.contains("xml") || (first == Some(&b'<') && !kind.contains("form")) {
        of_xml(text, &mut each);
    } else if kind.contains("form") || (!kind.starts_with("text/") && text.contains('=')) {
        parameters(text, |name, value| {
            (name.is_empty() || each(Place::Name, "", name)) && each(Place::Body, name, value)
        });
    } else if text.contains('=') && !text.trim().contains(char::is_whitespace) {
        parameters(text, |name, value| {
            each(Place::Name, "", name) && each(Place::Body, name, value)
        });
    } else {
        each(Place::Body, "", text);
    }
}

fn of_parts(body: &[u8], boundary: &str, each: &mut impl FnMut(Place, &str, &str) -> bool) {
    for part in multipart::parts(body, boundary) {
        let name = decode::text(part.name).into_owned();
        if !each(Place::Name, "", &name) {
            return;
        }
        if let Some(file) = part.file {
            if !each(Place::File, &name, &decode::text(file)) {
                return;
            }
            // Files are for the service to judge, which knows what it does with them.
            continue;
        }
        if !each(Place::Body, &name, &decode::text(part.content)) {
            return;
        }
    }
}

/// The declarations of a document as they are, then texts and attributes one by one.
fn of_xml(source: &str, each: &mut impl FnMut(Place, &str, &str) -> bool) {
    let declares = source.match_indices("<!").take(8).map(|(at, _)| at);
    for at in declares {
        let rest = &source[at..];
        let end = rest.len().min(400);
        let end = rest.floor_char_boundary(end);
        if !rest.starts_with("<![CDATA[") && !each(Place::Body, "", &rest[..end]) {
            return;
        }
    }
    for element in ["<xi:", "<xsl:", "<esi:"] {
        if let Some(at) = source.find(element) {
            let end = source.ceil_char_boundary((at + 200).min(source.len()));
            if !each(Place::Body, "", &source[at..end]) {
                return;
            }
        }
    }
    let mut rest = source;
    loop {
        let Some((text, tag)) = rest.split_once('<') else {
            if !rest.trim().is_empty() {
                each(Place::Body, "", rest);
            }
            return;
        };
        if !text.trim().is_empty() && !each(Place::Body, "", text) {
            return;
        }
        if let Some(data) = tag.strip_prefix("![CDATA[") {
            let (data, after) = data.split_once("]]>").unwrap_or((data, ""));
            if !each(Place::Body, "", data) {
                return;
            }
            rest = after;
            continue;
        }
        let (inside, after) = tag.split_once('>').unwrap_or((tag, ""));
        for (mark, at) in [('"', 1), ('\'', 1)] {
            for value in inside.split(mark).skip(at).step_by(2).take(50) {
                if !value.is_empty() && !each(Place::Body, "", value) {
                    return;
                }
            }
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(content_type: &str, source: &str) -> Vec<String> {
        let mut found = Vec::new();
        body(content_type, source.as_bytes(), |place, name, value| {
            found.push(format!("{} {name}={value}", place.as_str()));
            true
        });
        found
    }

    #[test]
    fn bodies_are_taken_apart_by_their_type() {
        assert_eq!(
            of("application/x-www-form-urlencoded", "a=1%202&b"),
            ["name =a", "body a=1 2", "body =b"]
        );
        assert_eq!(
            of("application/json", r#"{"a": "x", "b": 1}"#),
            ["name =a", "body a=x", "name =b"]
        );
        assert_eq!(of("text/plain", "just words = here"), ["body =just words = here"]);
        assert_eq!(
            of(
                "application/xml",
                "<?xml version='1.0'?><a b=\"c\">d<![CDATA[<e>]]></a>"
            ),
            ["body =1.0", "body =c", "body =d", "body =<e>"]
        );
        assert_eq!(of("image/png", "<script>"), Vec::<String>::new());
        assert_eq!(
            of(
                "multipart/form-data; boundary=X",
                "--X\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.php\"\r\n\r\nhi\r\n--X--"
            ),
            ["name =f", "file f=a.php"]
        );
    }
}
