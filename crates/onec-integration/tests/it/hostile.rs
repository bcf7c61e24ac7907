//! Readers of what others send, fed with broken and hostile documents.

use onec_integration::fuzzing;

const EDMX: &[u8] = include_bytes!("../fixtures/metadata.xml");
const ATOM: &[u8] = include_bytes!("../fixtures/feed.atom.xml");
const JSON: &[u8] = include_bytes!("../fixtures/collection.json");

const SOAP: &[u8] = br#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><m:PingResponse xmlns:m="urn:x"><m:return>1</m:return></m:PingResponse></s:Body></s:Envelope>"#;
const COMMERCEML: &[u8] = "<КоммерческаяИнформация ВерсияСхемы=\"2.07\"><Каталог><Ид>к</Ид><Товары><Товар><Ид>т</Ид><Наименование>Стол</Наименование></Товар></Товары></Каталог></КоммерческаяИнформация>".as_bytes();

/// A reader of documents; the amount read.
type Reader = fn(&[u8]) -> Option<usize>;

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below.max(1) as u64).unwrap()
    }
}

/// What a document may be broken by.
const PIECES: [&str; 14] = [
    "<",
    ">",
    "&",
    "&x;",
    "&#0;",
    "<!DOCTYPE x [<!ENTITY x \"y\">]>",
    "<![CDATA[",
    "]]>",
    "\"",
    "{",
    "[",
    "null",
    "\u{feff}",
    "\u{0}",
];

fn mutated(document: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = document.to_vec();
    for _ in 0..=numbers.next(4) {
        let place = numbers.next(bytes.len());
        match numbers.next(6) {
            0 => bytes.truncate(place),
            1 => {
                let piece = PIECES[numbers.next(PIECES.len())];
                bytes.splice(place..place, piece.bytes());
            }
            2 => {
                let end = (place + numbers.next(40)).min(bytes.len());
                bytes.drain(place..end);
            }
            3 => {
                let end = (place + numbers.next(200)).min(bytes.len());
                let copy = bytes[place..end].to_vec();
                let to = numbers.next(bytes.len());
                bytes.splice(to..to, copy);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte = u8::try_from(numbers.next(256)).unwrap();
                }
            }
        }
    }
    bytes
}

#[test]
fn fixtures_are_read() {
    assert_eq!(fuzzing::edmx(EDMX), Some(10));
    assert_eq!(fuzzing::atom(ATOM), Some(8));
    assert_eq!(fuzzing::json(JSON), Some(12));
    assert_eq!(fuzzing::soap(SOAP), Some(1));
    assert_eq!(fuzzing::commerceml(COMMERCEML), Some(2));
    assert_eq!(
        fuzzing::filter("not (a eq 'b' or c/any(d: d/e gt 1))"),
        Some(true)
    );
}

#[test]
fn broken_documents_make_no_reader_panic() {
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    let readers: [(Reader, &[u8]); 5] = [
        (fuzzing::edmx, EDMX),
        (fuzzing::atom, ATOM),
        (fuzzing::json, JSON),
        (fuzzing::soap, SOAP),
        (fuzzing::commerceml, COMMERCEML),
    ];
    for (read, document) in readers {
        let mut refused = 0;
        for _ in 0..1500 {
            refused += u32::from(read(&mutated(document, &mut numbers)).is_none());
        }
        assert!(refused > 100, "most changes break something: {refused}");
    }
    // Each reader is given what the others read as well.
    for (read, _) in readers {
        for (_, document) in readers {
            let _ = read(document);
        }
    }
}

#[test]
fn documents_that_would_grow_are_refused() {
    let mut laughs = String::from("<!DOCTYPE lolz [<!ENTITY a \"ha\">");
    for (name, of) in [("b", "a"), ("c", "b"), ("d", "c"), ("e", "d"), ("f", "e")] {
        laughs += &format!("<!ENTITY {name} \"{}\">", format!("&{of};").repeat(10));
    }
    laughs += "]><Schema><m:properties><d:x>&f;</d:x></m:properties></Schema>";
    let external = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><entry><m:properties><d:a>&x;</d:a></m:properties></entry>";
    let deep = format!("<Schema>{}", "<a>".repeat(100_000));
    let objects = format!("<entry><m:properties>{}", "<d:a>".repeat(100_000));
    let arrays = format!("{{\"value\":[{{\"a\":{}", "[".repeat(100_000));
    let nested = format!(
        "{{\"value\":[{{\"a\":{}1{}}}]}}",
        "[".repeat(5000),
        "]".repeat(5000)
    );
    for document in [laughs.as_str(), external, &deep, &objects] {
        assert_eq!(fuzzing::edmx(document.as_bytes()), None);
        assert_eq!(fuzzing::atom(document.as_bytes()), None);
        assert_eq!(fuzzing::soap(document.as_bytes()), None);
        assert_eq!(fuzzing::commerceml(document.as_bytes()), None);
    }
    assert_eq!(fuzzing::json(arrays.as_bytes()), None);
    // A value that nobody asked for is passed over without recursion, and is no list of rows.
    assert_eq!(fuzzing::json(nested.as_bytes()), Some(1));
    for text in ["(".repeat(4000), "not ".repeat(999), "a/any(d: ".repeat(400)] {
        assert_eq!(fuzzing::filter(&text), None);
    }
}
