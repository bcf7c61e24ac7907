//! Tests of the number guard.

use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;

use super::*;
use crate::testing::report;

fn against(text: &str, reports: &[Report]) -> Checked {
    let grounds = Grounds {
        question: "Кто нам должен больше 100 000 рублей по договору № 77/2026?",
        today: "2026-11-24".parse().unwrap(),
    };
    grounds.against(text, reports, &[], &[])
}

fn check(text: &str) -> Vec<String> {
    against(text, &[report()]).unverified
}

#[test]
fn figures_of_the_report_pass_in_any_spelling() {
    for text in [
        "Ромашка должна 1 234 567,89 ₽ [1].",
        "Ромашка должна 1\u{a0}234\u{a0}567,89\u{a0}₽, просрочено 234\u{202f}567,89.",
        "Romashka owes RUB 1,234,567.89",
        "Долг около 1,2 млн ₽",
        "Долг 1 234,6 тыс. ₽",
        "Долг 1 234 568 ₽",
        "Ромашка должна 1 234 567 руб. 89 коп.",
        "Долг полтора миллиона и триста тысяч рублей",
        "От 300 до 1 235 тыс. ₽, то есть 300–1235 тыс.",
        "Всего 2 контрагента, 1 534 567,89 ₽",
        "Ромашка и Василёк вместе — 1 534 567,89; разница 934 567,89",
        "Доля Ромашки 80,5 %",
        "Ромашка должна в 4,1 раза больше Василька",
        "Просрочено 19 % долга Ромашки",
        "В среднем 767 283,95 ₽ на контрагента",
        "На 31.10.2026 (31 октября 2026 года), за 2026 год, в 14:05, счёт 62.01, Q3 2026, 3 квартал",
        "с 1 по 31 октября; за октябрь 2026; на 2026-11-24; October 31, 2026",
        "1. Ромашка\n2. Василёк",
        "Больше 100 000 должны двое",
        "Бумага А4, по данным 1С и 1C:Enterprise, 152-ФЗ, ст. 314 ГК РФ",
        "По договору № 77/2026",
        "Прошло 24 дня",
    ] {
        assert_eq!(check(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn other_figures_do_not() {
    for (text, expected) in [
        ("Ромашка должна 1 234 567,90 ₽", "1 234 567,90"),
        ("Долг 1,4 млн ₽", "1,4 млн"),
        ("Долг 3 миллиона", "3 миллиона"),
        ("Долг три миллиона", "три миллиона"),
        ("Всего 7 контрагентов", "7"),
        ("Выросло на 42 %", "42 %"),
        ("Romashka owes 999", "999"),
        ("Срок оплаты 15.12.2026", "15.12.2026"),
        ("оплатить до 3 сентября 2025 года", "3 сентября 2025"),
        ("Счёт № 458", "458"),
        ("Реализация КА00-004711", "КА00-004711"),
        ("Долг за 2031 рублей", "2031"),
        ("Прошло 25 дней", "25"),
    ] {
        assert_eq!(check(text), [expected], "{text}");
    }
}

#[test]
fn what_is_wrong_is_marked_where_it_stands() {
    let checked = against(
        "Долг 777 888 ₽ и **5 млн**, всего 1 534 567,89 ₽; ещё раз 777 888.",
        &[report()],
    );
    assert_eq!(checked.unverified, ["777 888", "5 млн"]);
    assert_eq!(
        checked.marked,
        "Долг 777 888 ₽\u{a0}[?] и **5 млн\u{a0}[?]**, всего 1 534 567,89 ₽; ещё раз 777 888\u{a0}[?]."
    );
}

#[test]
fn without_data_only_the_question_counts() {
    assert_eq!(
        against("Больше 100 000 ₽, а именно 123 456 ₽", &[]).unverified,
        ["123 456"]
    );
}

/// A report with these debts, in kopecks.
fn debts(kopecks: &[i64]) -> Report {
    let rows: Vec<_> = kopecks
        .iter()
        .map(|kopecks| json!({"counterparty": "Ф", "debt": Decimal::new(*kopecks, 2).to_string()}))
        .collect();
    let total: i64 = kopecks.iter().sum();
    let mut value = serde_json::to_value(report()).unwrap();
    value["rows"] = json!(rows);
    value["row_count"] = json!(rows.len());
    value["totals"] = json!({"debt": Decimal::new(total, 2).to_string()});
    serde_json::from_value(value).unwrap()
}

/// As Russian programs print money, with one of three spaces between groups.
fn grouped(kopecks: i64, space: char) -> String {
    let digits = (kopecks / 100).to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(space);
        }
        text.push(digit);
    }
    format!("{text},{:02}", kopecks % 100)
}

fn spaces() -> impl Strategy<Value = char> {
    prop_oneof![Just(' '), Just('\u{a0}'), Just('\u{202f}'), Just('\u{2009}')]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_follows_from_the_rows_passes(
        kopecks in prop::collection::vec(100_i64..50_000_000_000, 1..7),
        space in spaces(),
        one in 0_usize..7,
        other in 0_usize..7,
    ) {
        let (a, b) = (kopecks[one % kopecks.len()], kopecks[other % kopecks.len()]);
        let total: i64 = kopecks.iter().sum();
        let share = Decimal::from(a) * Decimal::ONE_HUNDRED / Decimal::from(total);
        let millions = Decimal::new(a, 8).round_dp(1);
        let mut texts = vec![
            format!("{}\u{a0}₽", grouped(a, space)),
            format!("{} руб.", grouped(total, space)),
            format!("{}", grouped(total - a, space)),
            format!("{} %", share.round_dp(1).to_string().replace('.', ",")),
            format!("{} контрагентов", kopecks.len()),
        ];
        if one % kopecks.len() != other % kopecks.len() {
            texts.push(grouped(a + b, space));
            texts.push(grouped((a - b).abs(), space));
        }
        if millions >= Decimal::ONE {
            texts.push(format!("{} млн ₽", millions.to_string().replace('.', ",")));
        }
        for text in texts {
            let checked = against(&text, &[debts(&kopecks)]);
            prop_assert_eq!(checked.unverified, Vec::<String>::new(), "{} of {:?}", text, kopecks);
        }
    }

    #[test]
    fn what_does_not_is_pointed_out(
        kopecks in prop::collection::vec(100_000_i64..50_000_000_000, 1..5),
        invented in 10_000_001_i64..50_000_000_000,
        space in spaces(),
    ) {
        prop_assume!(invented % 100 != 0);
        // All sums and differences of any of the rows and of their sum, and means.
        let total: i64 = kopecks.iter().sum();
        let mut follows = vec![0_i64, total];
        for part in kopecks.iter().chain([&total]) {
            let more: Vec<i64> = follows.iter().flat_map(|sum| [sum + part, sum - part]).collect();
            follows.extend(more);
        }
        let near = follows.iter().any(|sum| (sum.abs() - invented).abs() <= 1);
        let mean = (total / i64::try_from(kopecks.len()).unwrap() - invented).abs() <= 1;
        prop_assume!(!near && !mean);
        let text = grouped(invented, space);
        let checked = against(&format!("Долг {text} ₽"), &[debts(&kopecks)]);
        prop_assert_eq!(checked.unverified, [text]);
    }

    #[test]
    fn any_text_is_survived(text in "\\PC{0,200}") {
        let checked = against(&text, &[report()]);
        prop_assert_eq!(checked.marked.replace(MARK, ""), text.replace(MARK, ""));
    }
}
