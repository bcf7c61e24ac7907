//! How many of the questions in `tests/data` are understood, and how sure the engine is of those that
//! are not.

use std::fmt::Write;

use chrono::NaiveDate;

use super::confidence::Confidence;
use super::intent::Intent;
use super::parse::{Compare, Parsed, parse};
use super::words::fold;

/// Questions by which the engine was made.
const KNOWN: &str = include_str!("../../tests/data/phrasings.txt");

/// Questions that were written when it had been made.
const HELD_OUT: &str = include_str!("../../tests/data/held_out.txt");
/// More of them, written when those had been mended.
const HELD_OUT_2: &str = include_str!("../../tests/data/held_out_2.txt");
/// And twice more.
const HELD_OUT_3: &str = include_str!("../../tests/data/held_out_3.txt");
const HELD_OUT_4: &str = include_str!("../../tests/data/held_out_4.txt");

fn today() -> NaiveDate {
    "2026-11-24".parse().unwrap()
}

/// The slots of a question, in words of the files.
fn slots(parsed: &Parsed) -> Vec<String> {
    let mut slots = Vec::new();
    // A balance without a day is that of today.
    let today_of_a_balance =
        |span: &super::period::Span| span.to >= today() && parsed.intent.is_some_and(Intent::is_balance);
    if let Some(span) = parsed.span.filter(|span| !today_of_a_balance(span)) {
        // A balance is at the end of a period.
        let balance = parsed.intent.is_some_and(Intent::is_balance);
        slots.push(if span.from == span.to || balance {
            if balance { span.to.min(today()) } else { span.to }.to_string()
        } else {
            format!("{}..{}", span.from, span.to)
        });
    }
    slots.extend(
        parsed
            .names
            .iter()
            .map(|name| format!("name={}", fold(&name.text))),
    );
    let text = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let json = |value: &dyn erased::Shown| text(value.json());
    slots.extend(parsed.group_by.map(|group| format!("by={}", group.as_str())));
    slots.extend(parsed.top.map(|top| format!("top={top}")));
    slots.extend(parsed.account.iter().map(|account| format!("account={account}")));
    slots.extend(
        parsed
            .number
            .iter()
            .map(|number| format!("number={}", fold(number))),
    );
    slots.extend(parsed.days.map(|days| format!("days={days}")));
    slots.extend(parsed.limit.map(|limit| {
        let sign = if limit.above { "more" } else { "less" };
        format!("{sign}={}", limit.value.normalize())
    }));
    slots.extend(parsed.tax.map(|tax| format!("tax={}", json(&tax))));
    slots.extend(parsed.flow.map(|flow| format!("flow={}", json(&flow))));
    slots.extend(parsed.document_type.map(|kind| format!("type={}", json(&kind))));
    slots.extend(parsed.breakdown.map(|by| format!("breakdown={}", json(&by))));
    slots.extend(parsed.compare.map(|compare| {
        let with = match compare {
            Compare::Previous => "previous",
            Compare::YearBefore => "year",
            Compare::With(_) => "period",
        };
        format!("compare={with}")
    }));
    for (is, name) in [
        (parsed.overdue, "overdue"),
        (parsed.unposted, "unposted"),
        (parsed.cash_desk, "desk"),
        (parsed.bank, "bank"),
        (parsed.least, "least"),
    ] {
        if is {
            slots.push(name.to_owned());
        }
    }
    slots
}

/// Values of the data files are the names that the types have in JSON.
mod erased {
    pub(super) trait Shown {
        fn json(&self) -> serde_json::Value;
    }

    impl<T: serde::Serialize> Shown for T {
        fn json(&self) -> serde_json::Value {
            serde_json::to_value(self).unwrap()
        }
    }
}

/// Slots that matter whether they are expected or not, for the reports that know them.
fn matters(intent: &str, slot: &str) -> bool {
    let key = slot.split('=').next().unwrap_or(slot);
    if matches!(
        intent,
        "none" | "help" | "not_covered" | "create_document" | "unclear"
    ) {
        return false;
    }
    match key {
        "by" => false,
        "flow" => intent == "cash_flow",
        "type" => matches!(intent, "documents" | "find_document" | "document_payment"),
        "tax" => intent == "taxes",
        "breakdown" => intent == "trial_balance",
        "bank" | "desk" => intent == "cash",
        "least" => matches!(intent, "sales" | "gross_profit" | "stock"),
        "compare" => matches!(intent, "sales" | "gross_profit" | "cash_flow" | "taxes"),
        _ => true,
    }
}

fn is_balance(intent: &str) -> bool {
    matches!(intent, "receivables" | "payables" | "debt" | "stock" | "cash")
}

struct Outcome {
    all: usize,
    right: usize,
    wrong_and_sure: usize,
    report: String,
}

fn judged(file: &str) -> Outcome {
    let mut outcome = Outcome {
        all: 0,
        right: 0,
        wrong_and_sure: 0,
        report: String::new(),
    };
    for line in file
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
    {
        let mut parts = line.split(" | ").map(str::trim);
        let (question, intent) = (parts.next().unwrap(), parts.next().unwrap());
        let expected: Vec<String> = parts
            .next()
            .unwrap_or_default()
            .split(';')
            .map(|slot| {
                let slot = slot.trim();
                if slot.starts_with("name=") || slot.starts_with("number=") {
                    fold(slot)
                } else {
                    slot.to_owned()
                }
            })
            .map(|slot| match slot.split_once("..") {
                Some((_, end)) if is_balance(intent) => end.to_owned(),
                _ => slot,
            })
            .filter(|slot| {
                let of_today = slot.starts_with("20") && slot.as_str() >= "2026-11-24" && is_balance(intent);
                !slot.is_empty() && !of_today
            })
            .collect();
        let parsed = parse(question, today());
        let found = parsed.intent.map_or("none", Intent::as_str);
        let slots = slots(&parsed);
        let unsure: Vec<String> = parsed
            .names
            .iter()
            .filter(|name| !name.sure)
            .map(|name| format!("name={}", fold(&name.text)))
            .collect();
        let missing: Vec<_> = expected
            .iter()
            .filter(|slot| matters(intent, slot) || slot.starts_with("by="))
            .filter(|slot| !slots.contains(slot))
            .collect();
        let extra: Vec<_> = slots
            .iter()
            // Words that are no sure names are dropped when the infobase does not know them.
            .filter(|slot| matters(intent, slot) && !expected.contains(slot) && !unsure.contains(slot))
            .collect();
        outcome.all += 1;
        if found == intent && missing.is_empty() && extra.is_empty() {
            outcome.right += 1;
            continue;
        }
        let sure = parsed.confidence == Confidence::High;
        outcome.wrong_and_sure += usize::from(sure);
        writeln!(
            outcome.report,
            "  {question}: expected {intent} {expected:?}, found {found} ({}) missing {missing:?} extra {extra:?}",
            parsed.confidence.as_str()
        )
        .unwrap();
    }
    outcome
}

fn told(name: &str, outcome: &Outcome) -> String {
    let share = 100.0 * outcome.right as f64 / outcome.all as f64;
    format!(
        "{name}: {} of {} right ({share:.1} %), wrong with high confidence: {}",
        outcome.right, outcome.all, outcome.wrong_and_sure
    )
}

#[test]
fn a_question_is_understood_in_less_than_twenty_milliseconds() {
    let mut times: Vec<_> = KNOWN
        .lines()
        .chain(HELD_OUT.lines())
        .filter_map(|line| line.split_once(" | "))
        .map(|(question, _)| {
            let began = std::time::Instant::now();
            let _ = parse(question, today());
            began.elapsed()
        })
        .collect();
    times.sort();
    let (median, p95) = (times[times.len() / 2], times[times.len() * 95 / 100]);
    println!("{} questions: median {median:?}, p95 {p95:?}", times.len());
    // An unoptimised build on a busy machine says nothing.
    assert!(cfg!(debug_assertions) || p95.as_millis() < 20, "{p95:?}");
}

#[test]
fn ninety_five_of_a_hundred_are_understood_and_no_mistake_is_sure() {
    for (name, file, least) in [
        ("phrasings", KNOWN, 300),
        ("held out", HELD_OUT, 100),
        ("held out, the second", HELD_OUT_2, 80),
        ("held out, the third", HELD_OUT_3, 60),
        ("held out, the fourth", HELD_OUT_4, 60),
    ] {
        let outcome = judged(file);
        let told = told(name, &outcome);
        println!("{told}\n{}", outcome.report);
        assert!(outcome.all >= least, "{told}");
        assert!(outcome.right * 100 >= outcome.all * 95, "{told}");
        assert_eq!(outcome.wrong_and_sure, 0, "{told}\n{}", outcome.report);
    }
}
