//! The time of one scan.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use waf::{Kind, Request, scan};

const HEADERS: [(&str, &[u8]); 6] = [
    ("host", b"localhost"),
    ("user-agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"),
    ("accept", b"application/json"),
    ("accept-language", b"ru,en;q=0.8"),
    ("content-type", b"application/json"),
    ("referer", b"http://localhost/reports"),
];

fn benches(criterion: &mut Criterion) {
    let requests = [
        (
            "list",
            "GET",
            "/api/1c/companies?limit=50&search=%D0%A0%D0%BE%D0%BC%D0%B0%D1%88%D0%BA%D0%B0",
            String::new(),
        ),
        (
            "odata",
            "GET",
            "/trade/odata/standard.odata/Catalog_X?$filter=Price%20gt%2010%20and%20startswith(Code,'000')&$top=10",
            String::new(),
        ),
        (
            "question",
            "POST",
            "/api/ai/chat",
            r#"{"message": "Кто нам должен больше всего и сколько просрочено?"}"#.to_owned(),
        ),
        (
            "login",
            "POST",
            "/api/users/auth/login",
            r#"{"email": "a@example.com", "password": "Secret-passphrase-1"}"#.to_owned(),
        ),
        (
            "chat of 8 KiB",
            "POST",
            "/api/ai/chat",
            format!(
                r#"{{"message": "{}"}}"#,
                "Сформируй отчёт о продажах (за март), затем сравни его с прошлым. ".repeat(72)
            ),
        ),
        (
            "report of 8 KiB",
            "POST",
            "/api/analytics/reports/generate",
            format!(
                r#"{{"rows": [{}]}}"#,
                r#""Наименование; Cost = 10 & more, select items on sale","#.repeat(90)
            ),
        ),
    ];
    for (name, method, uri, body) in requests {
        let request = Request {
            method,
            uri,
            headers: &HEADERS,
            body: body.as_bytes(),
            kind: Kind::of_path(uri),
        };
        assert!(!scan(&request).flagged, "{name}: {:?}", scan(&request));
        criterion.bench_function(name, |bencher| bencher.iter(|| scan(black_box(&request))));
    }
}

criterion_group!(all, benches);
criterion_main!(all);
