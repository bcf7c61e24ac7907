//! Charts of every kind, and what must not be drawn. With `CHART_GALLERY` the pictures are written
//! there to be looked at.

use common::http::Violations;
use serde_json::json;

use super::*;

const NAMES: [&str; 12] = [
    "янв", "фев", "мар", "апр", "май", "июн", "июл", "авг", "сен", "окт", "ноя", "дек",
];

fn chart(value: serde_json::Value) -> Chart {
    let chart: Chart = serde_json::from_value(value).unwrap();
    let mut violations = Violations::new();
    chart.validate("", &mut violations);
    violations.finish().unwrap();
    chart
}

fn all() -> Vec<(&'static str, Chart)> {
    let revenue = [
        "2100000.50",
        "1850000",
        "2400000",
        "2650000.25",
        "2300000",
        "2900000",
        "3100000",
        "2750000",
        "3400000",
        "3600000",
        "3250000",
        "4100000",
    ];
    let costs = [
        1_500_000, 1_400_000, 1_700_000, 1_900_000, 1_750_000, 2_000_000, 2_200_000, 2_050_000, 2_300_000,
        2_500_000, 2_350_000, 2_700_000,
    ];
    let week: Vec<_> = ["Пн", "Вт", "Ср", "Чт", "Пт", "Сб", "Вс"]
        .iter()
        .enumerate()
        .map(|(day, name)| {
            let values: Vec<_> = (0..24)
                .map(|hour| {
                    if (9..19).contains(&hour) && day < 5 {
                        json!(hour * 7 % 41 + day)
                    } else {
                        json!(day % 2)
                    }
                })
                .collect();
            json!({"name": name, "values": values})
        })
        .collect();
    vec![
        (
            "line",
            chart(
                json!({"kind": "line", "title": "Выручка и затраты по месяцам, ООО «Ёжик №5»", "unit": "RUB",
            "categories": NAMES, "note": "По данным 1С на 27.11.2026 10:00",
            "series": [{"name": "Выручка", "values": revenue}, {"name": "Затраты (сырьё, зарплата)", "values": costs}]}),
            ),
        ),
        (
            "gap",
            chart(
                json!({"kind": "line", "title": "Время ответа", "unit": "ms", "categories": ["1", "2", "3", "4", "5"],
            "series": [{"name": "p95", "values": [120, null, 90, 95, null]}]}),
            ),
        ),
        (
            "bar",
            chart(
                json!({"kind": "bar", "title": "Прибыль по месяцам", "unit": "RUB", "categories": NAMES,
            "series": [{"name": "Прибыль", "values": [120_000, 80_000, -45_000, 60_000, 99_000, 10_000, -5_000, 70_000, 65_000, 30_000, 20_000, 150_000]}]}),
            ),
        ),
        (
            "customers",
            chart(
                json!({"kind": "bar", "title": "Крупнейшие покупатели", "unit": "RUB",
            "categories": ["ООО «Торговый дом «Ромашка»", "АО «Северсталь-Метиз»", "ИП Қазақбаев Ж. Ә.", "ООО «Вектор»"],
            "series": [{"name": "Выручка", "values": ["4567890.10", "3456789.00", "-12345.67", "987654.32"]}]}),
            ),
        ),
        (
            "stacked",
            chart(
                json!({"kind": "stacked_bar", "title": "Вопросы ассистенту", "categories": NAMES,
            "series": [{"name": "Отвечено", "values": [40, 52, 61, 70, 66, 80, 91, 85, 99, 105, 110, 120]},
                       {"name": "Ошибки", "values": [1, 2, 0, 3, 1, 0, 4, 2, 1, 0, 2, 1]}]}),
            ),
        ),
        (
            "pie",
            chart(json!({"kind": "pie", "title": "Деньги по счетам", "unit": "RUB",
            "categories": ["Расчётный счёт, Сбербанк", "Касса", "Валютный счёт", "Депозит"],
            "series": [{"name": "Остаток", "values": ["1234567.89", 45000, 300000, 2000000]}]})),
        ),
        (
            "heat",
            chart(json!({"kind": "heat_map", "title": "Когда спрашивают ассистента",
            "categories": (0..24).map(|hour| hour.to_string()).collect::<Vec<_>>(), "series": week})),
        ),
        (
            "waterfall",
            chart(
                json!({"kind": "waterfall", "title": "Из чего сложилась прибыль", "unit": "RUB",
            "categories": ["Выручка", "Себестоимость", "Валовая прибыль", "Зарплата", "Аренда", "Прибыль"],
            "series": [{"name": "Сумма", "values": [4_100_000, -2_700_000, null, -650_000, -180_000, null]}]}),
            ),
        ),
        (
            "gauge",
            chart(
                json!({"kind": "gauge", "title": "Просрочено от долга", "unit": "%",
            "series": [{"name": "Доля", "values": [37.5]}],
            "thresholds": [{"from": 0, "level": "good"}, {"from": 20, "level": "warning"}, {"from": 50, "level": "bad"}]}),
            ),
        ),
        (
            "empty",
            chart(json!({"kind": "line", "title": "Пусто", "categories": ["1"],
            "series": [{"name": "x", "values": [null]}]})),
        ),
    ]
}

fn style(theme: Theme, width: f64) -> Style {
    Style {
        theme,
        locale: Locale::Ru,
        width,
        height: None,
    }
}

#[test]
fn every_kind_is_drawn_for_a_desk_and_for_a_phone() {
    #[expect(
        clippy::disallowed_methods,
        reason = "where a person wants to look at the pictures"
    )]
    let gallery = std::env::var("CHART_GALLERY").ok();
    for (name, chart) in all() {
        for (theme, width) in [(Theme::Light, 720.0), (Theme::Dark, 360.0)] {
            let svg = draw(&chart, style(theme, width));
            let text = svg.finish();
            // A renderer that is not ours to write reads it: it is well formed.
            let picture = png(&svg, 2.0).unwrap();
            assert!(picture.starts_with(b"\x89PNG"), "{name}");
            assert!(!text.contains("NaN") && !text.contains("inf"), "{name}: {text}");
            assert!(!text.contains("style=") && !text.contains("<script"), "{name}");
            if let Some(gallery) = &gallery {
                let size = if width > 400.0 { "desk" } else { "phone" };
                std::fs::write(format!("{gallery}/{name}-{size}.png"), picture).unwrap();
                std::fs::write(format!("{gallery}/{name}-{size}.svg"), text).unwrap();
            }
        }
    }
}

#[test]
fn letters_of_a_picture_are_there() {
    let picture = |title: &str| {
        let chart = chart(json!({"kind": "line", "title": title, "categories": ["1"],
            "series": [{"name": "x", "values": [null]}]}));
        png(&draw(&chart, style(Theme::Light, 400.0)), 1.0).unwrap()
    };
    // Each letter leaves a picture of its own: none is a box or nothing.
    let pictures: Vec<Vec<u8>> = ["Ё", "№", "−", "₽", "Қ", "?", "-", ""]
        .iter()
        .map(|c| picture(c))
        .collect();
    for (index, one) in pictures.iter().enumerate() {
        for other in &pictures[index + 1..] {
            assert_ne!(one, other);
        }
    }
}

#[test]
fn what_data_says_is_text_and_not_markup() {
    let chart = chart(
        json!({"kind": "bar", "title": "<script>alert(1)</script> & \"x\"",
        "categories": ["]]> \u{1} <b>"], "series": [{"name": "'&'", "values": [1]}]}),
    );
    let svg = draw(&chart, style(Theme::Light, 400.0));
    assert!(!svg.finish().contains("<script>"));
    assert!(png(&svg, 1.0).is_ok());
}

#[test]
fn extreme_values_do_not_break_a_chart() {
    let kinds = [
        "line",
        "bar",
        "stacked_bar",
        "pie",
        "heat_map",
        "waterfall",
        "gauge",
    ];
    let values = [
        json!([0, 0, 0]),
        json!([1, 1, 1]),
        json!([null, 5, null]),
        json!(["0.0000001", "999999999999999999", 3]),
    ];
    for kind in kinds {
        for values in &values {
            let chart = chart(json!({"kind": kind, "title": "", "categories": ["а", "б", "в"],
                "series": [{"name": "", "values": values}]}));
            for width in [280.0, 2000.0] {
                let text = draw(&chart, style(Theme::Light, width)).finish();
                assert!(
                    !text.contains("NaN") && !text.contains("inf"),
                    "{kind} {values}: {text}"
                );
            }
        }
    }
}

#[test]
fn what_cannot_be_drawn_is_refused_with_its_place() {
    let many: Vec<String> = (0..401).map(|n| n.to_string()).collect();
    let cases = [
        (
            json!({"kind": "line", "title": "", "categories": ["1", "2"], "series": [{"name": "", "values": [1]}]}),
            "/series/0/values",
        ),
        (
            json!({"kind": "pie", "title": "", "categories": ["1"], "series": [{"name": "", "values": [-1]}]}),
            "/series/0/values",
        ),
        (
            json!({"kind": "bar", "title": "", "categories": [], "series": []}),
            "/series",
        ),
        (
            json!({"kind": "bar", "title": "", "categories": many, "series": [{"name": "", "values": []}]}),
            "/categories",
        ),
        (
            json!({"kind": "gauge", "title": "", "min": 5, "max": 5, "series": [{"name": "", "values": [1]}]}),
            "/max",
        ),
        (
            json!({"kind": "bar", "title": "x".repeat(201), "categories": ["1"], "series": [{"name": "", "values": [1]}]}),
            "/title",
        ),
    ];
    for (value, pointer) in cases {
        let chart: Chart = serde_json::from_value(value.clone()).unwrap();
        let mut violations = Violations::new();
        chart.validate("", &mut violations);
        let problem = violations.finish().unwrap_err().to_json(Locale::En, None);
        let named = problem["errors"].as_array().unwrap();
        assert!(
            named.iter().any(|error| error["pointer"] == pointer),
            "{value}: {problem}"
        );
    }
}
