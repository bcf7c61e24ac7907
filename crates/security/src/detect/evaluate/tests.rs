//! Each rule fires on its story and is silent on the benign twin of it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::*;

/// An observation at a second, with the fields that stories need.
fn one(seconds: i64, signal: &str, ip: usize, account: usize, target: usize) -> Observation {
    Observation {
        event_id: Uuid::from_u128(u128::try_from(seconds).unwrap() * 1000 + u128::try_from(target).unwrap()),
        signal: signal.to_owned(),
        at: at(seconds),
        ip: Some(format!("192.0.2.{ip}")),
        network: Some(format!("10.{ip}.0.0/16")),
        account: Some(format!("a{account}")),
        who: format!("user:{account}"),
        agent: Some(format!("agent {ip}")),
        target: Some(format!("t{target}")),
        value: 1,
        details: None,
        fresh: true,
    }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

/// `count` of a signal, `step` seconds apart; addresses, accounts and targets go round by the given numbers.
fn many(
    signal: &str,
    count: usize,
    step: i64,
    ips: usize,
    accounts: usize,
    targets: usize,
) -> Vec<Observation> {
    (0..count)
        .map(|n| {
            one(
                i64::try_from(n).unwrap() * step,
                signal,
                n % ips,
                n % accounts,
                n % targets,
            )
        })
        .collect()
}

fn and(mut first: Vec<Observation>, more: impl IntoIterator<Item = Observation>) -> Vec<Observation> {
    first.extend(more);
    first.sort_by_key(|one| one.at);
    first
}

/// The rules that find something in the story, for the groups that they look at.
fn found(story: &[Observation]) -> Vec<String> {
    let rules = Ruleset::new(None).unwrap();
    let mut found = BTreeSet::new();
    for rule in rules.all() {
        let mut groups: BTreeMap<&str, Vec<Observation>> = BTreeMap::new();
        for one in story {
            if let Some(key) = one.field(rule.by) {
                groups.entry(key).or_default().push(one.clone());
            }
        }
        for (key, group) in groups {
            if evaluate(rule, &rules, &rule.by.subject(key), &group).is_some() {
                found.insert(rule.id.clone());
            }
        }
    }
    found.into_iter().collect()
}

#[test]
fn rules_fire_on_their_stories_and_not_on_the_benign_twins() {
    let login = "login_failed";
    let stories: Vec<(&str, Vec<Observation>, &[&str])> = vec![
        (
            "five wrong passwords within a minute",
            many(login, 5, 15, 1, 1, 1),
            &["login_burst"],
        ),
        (
            "somebody who mistypes four times",
            many(login, 4, 5, 1, 1, 1),
            &[],
        ),
        (
            "fifteen within half an hour",
            many(login, 15, 120, 1, 1, 1),
            &["login_slow_burst"],
        ),
        ("fourteen within half an hour", many(login, 14, 120, 1, 1, 1), &[]),
        ("fifteen over a morning", many(login, 15, 900, 1, 1, 1), &[]),
        (
            "five accounts one after the other",
            many(login, 5, 60, 1, 5, 1),
            &["account_enumeration"],
        ),
        (
            "three colleagues of one office mistype",
            many(login, 6, 60, 1, 3, 1),
            &[],
        ),
        (
            "one account from many addresses",
            many(login, 10, 170, 5, 1, 1),
            &["account_many_addresses"],
        ),
        (
            "one account from two of one's own devices",
            many(login, 10, 170, 2, 1, 1),
            &[],
        ),
        (
            "one password after the other on six accounts",
            many(login, 18, 180, 1, 6, 1),
            &["password_spraying"],
        ),
        (
            "many accounts from many addresses",
            many(login, 40, 80, 13, 11, 1),
            &["password_spraying_distributed"],
        ),
        ("a busy morning of an office", many(login, 8, 400, 4, 8, 1), &[]),
        (
            "stolen pairs",
            many(login, 30, 25, 1, 28, 1),
            &["account_enumeration", "credential_stuffing", "login_slow_burst"],
        ),
        (
            "in after five failures",
            and(
                many(login, 5, 100, 1, 1, 1),
                [one(520, "login_succeeded", 1, 0, 0)],
            ),
            &["login_after_failures"],
        ),
        (
            "in at the third attempt",
            and(many(login, 2, 10, 1, 1, 1), [one(30, "login_succeeded", 1, 0, 0)]),
            &[],
        ),
        (
            "in, and failures after that",
            and(
                many(login, 4, 100, 1, 1, 1),
                [
                    one(150, "login_succeeded", 1, 0, 0),
                    one(420, "login_succeeded", 1, 0, 0),
                ],
            ),
            &[],
        ),
        (
            "six codes in four minutes",
            many("code_failed", 6, 45, 1, 1, 1),
            &["second_factor_failures"],
        ),
        (
            "twenty codes within ten minutes",
            many("code_failed", 20, 25, 7, 1, 1),
            &["account_many_addresses", "second_factor_guessing"],
        ),
        (
            "three codes of a clock that is slow",
            many("code_failed", 3, 30, 1, 1, 1),
            &[],
        ),
        (
            "a refresh token twice",
            many("refresh_reused", 1, 1, 1, 1, 1),
            &["refresh_token_reused"],
        ),
        (
            "a code twice",
            many("code_reused", 1, 1, 1, 1, 1),
            &["code_reused"],
        ),
        (
            "a new network with a new device",
            vec![one(0, "new_network", 1, 1, 0), one(0, "new_device", 1, 1, 0)],
            &["login_new_place"],
        ),
        (
            "a new telephone at the office",
            vec![one(0, "new_device", 1, 1, 0)],
            &[],
        ),
        (
            "two new networks within an hour",
            vec![one(0, "new_network", 1, 1, 0), one(1800, "new_network", 2, 1, 0)],
            &["impossible_travel"],
        ),
        (
            "a journey",
            vec![one(0, "new_network", 1, 1, 0), one(7200, "new_network", 2, 1, 0)],
            &[],
        ),
        (
            "a stranger changes the address",
            vec![
                one(0, "new_network", 1, 1, 0),
                one(0, "new_device", 1, 1, 0),
                one(600, "email_changed", 1, 1, 0),
            ],
            &["account_takeover", "login_new_place"],
        ),
        (
            "a stranger takes the account over",
            vec![
                one(0, "new_network", 1, 1, 0),
                one(0, "new_device", 1, 1, 0),
                one(300, "factor_removed", 1, 1, 0),
                one(600, "email_changed", 1, 1, 0),
            ],
            &["account_takeover_certain", "login_new_place"],
        ),
        (
            "the owner sets a new password and makes a key",
            vec![one(0, "password_changed", 1, 1, 0), one(60, "key_made", 1, 1, 0)],
            &[],
        ),
        (
            "ten paths that lead nowhere",
            many("request_refused", 10, 1, 1, 1, 10),
            &["probing"],
        ),
        (
            "one path again and again",
            many("request_refused", 40, 1, 1, 1, 1),
            &[],
        ),
        (
            "ten mistakes over a day",
            many("request_refused", 10, 3600, 1, 1, 10),
            &[],
        ),
        (
            "secret files",
            many("probe_sensitive_file", 4, 2, 1, 1, 4),
            &["sensitive_files"],
        ),
        ("one old link", many("probe_sensitive_file", 1, 2, 1, 1, 1), &[]),
        (
            "pages of administration",
            many("probe_admin_page", 3, 2, 1, 1, 3),
            &["admin_pages"],
        ),
        (
            "one bookmark of another system",
            many("probe_admin_page", 2, 2, 1, 1, 1),
            &[],
        ),
        (
            "a backdoor",
            many("probe_backdoor", 1, 2, 1, 1, 1),
            &["backdoor_probe"],
        ),
        ("a scanner", many("scanner_agent", 2, 2, 1, 1, 1), &["scanner"]),
        (
            "three attacks",
            many("attack_request", 3, 60, 1, 1, 3),
            &["attack_requests"],
        ),
        (
            "one attack",
            many("attack_request", 1, 60, 1, 1, 1),
            &["attack_request"],
        ),
        (
            "forged tokens",
            many("token_invalid", 20, 5, 1, 1, 1),
            &["token_abuse"],
        ),
        (
            "a client after a change of keys",
            many("token_invalid", 3, 5, 1, 1, 1),
            &[],
        ),
        (
            "a program without pause",
            many("request_limited", 100, 0, 1, 1, 1),
            &["rate_limited"],
        ),
        ("a few too many", many("request_limited", 20, 1, 1, 1, 1), &[]),
        (
            "an unusual hour",
            many("rate_anomaly", 1, 1, 1, 1, 1),
            &["rate_anomaly"],
        ),
        (
            "trying what is forbidden",
            many("request_forbidden", 10, 20, 1, 1, 4),
            &["privilege_probing"],
        ),
        (
            "a page that asks for one thing too many",
            many("request_forbidden", 12, 20, 1, 1, 2),
            &[],
        ),
        (
            "a role beyond one's own",
            many("role_change_refused", 1, 1, 1, 1, 1),
            &["role_change_refused"],
        ),
        (
            "rights used at once",
            vec![one(0, "role_changed", 1, 1, 0), one(40, "administered", 1, 1, 0)],
            &["rights_used_at_once"],
        ),
        (
            "rights used the next day",
            vec![
                one(0, "role_changed", 1, 1, 0),
                one(86_000, "administered", 1, 1, 0),
            ],
            &[],
        ),
        (
            "objects of others",
            many("object_refused", 5, 5, 1, 1, 5),
            &["id_walking"],
        ),
        (
            "one object that is gone",
            many("object_refused", 9, 5, 1, 1, 1),
            &[],
        ),
        (
            "eleven exports",
            many("exported", 11, 30, 1, 1, 1),
            &["mass_export"],
        ),
        ("the end of the month", many("exported", 8, 60, 1, 1, 1), &[]),
        (
            "exports at night",
            many("exported_off_hours", 3, 60, 1, 1, 1),
            &["export_at_night"],
        ),
        (
            "one export at night",
            many("exported_off_hours", 1, 60, 1, 1, 1),
            &[],
        ),
        (
            "a command to the assistant",
            many("injection_suspected", 1, 60, 1, 1, 1),
            &["prompt_injection"],
        ),
        (
            "commands again and again",
            many("injection_suspected", 6, 60, 1, 1, 1),
            &["prompt_injection_repeated"],
        ),
        (
            "tools without the right",
            many("tool_denied", 4, 60, 1, 1, 1),
            &["tools_denied"],
        ),
        (
            "one tool without the right",
            many("tool_denied", 1, 60, 1, 1, 1),
            &[],
        ),
        (
            "five hundred questions",
            many("model_called", 500, 6, 1, 1, 1),
            &["model_probing"],
        ),
        ("a diligent user", many("model_called", 100, 30, 1, 1, 1), &[]),
        (
            "large prompts",
            many("large_prompt", 11, 60, 1, 1, 1),
            &["large_prompts"],
        ),
        ("a few large files", many("large_prompt", 5, 60, 1, 1, 1), &[]),
    ];
    let rules = Ruleset::new(None).unwrap();
    let mut covered = BTreeSet::new();
    let mut wrong = Vec::new();
    for (name, story, expected) in stories {
        let found = found(&story);
        if found != expected {
            wrong.push(format!("{name}: {found:?} instead of {expected:?}"));
        }
        covered.extend(expected.iter().map(|id| (*id).to_owned()));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for rule in rules.all() {
        assert!(covered.contains(&rule.id), "no story for {}", rule.id);
    }
}

#[test]
fn only_windows_with_something_new_count() {
    let rules = Ruleset::new(None).unwrap();
    let rule = rules.get("login_burst").unwrap();
    let judged = |times: &[i64], fresh: usize| {
        let mut story: Vec<Observation> = times
            .iter()
            .map(|time| one(*time, "login_failed", 1, 1, 0))
            .collect();
        let old = story.len() - fresh;
        story[..old].iter_mut().for_each(|one| one.fresh = false);
        evaluate(rule, &rules, "ip:192.0.2.1", &story).map(|finding| (finding.count, finding.fresh))
    };
    assert_eq!(judged(&[0, 15, 30, 45, 60], 5), Some((5, 5)));
    assert_eq!(judged(&[0, 15, 30, 45, 61], 5), None);
    assert_eq!(judged(&[0, 1, 2, 3, 4], 0), None, "all known");
    assert_eq!(
        judged(&[0, 1, 2, 3, 4, 5], 1),
        Some((6, 1)),
        "one more adds to it"
    );
    assert_eq!(judged(&[0, 1, 2, 3, 4, 500], 1), None, "long after");
}

#[test]
fn the_evidence_names_who_and_where() {
    let rules = Ruleset::new(None).unwrap();
    let rule = rules.get("login_after_failures").unwrap();
    let story = and(
        many("login_failed", 6, 10, 3, 1, 1),
        [one(100, "login_succeeded", 9, 0, 0)],
    );
    let finding = evaluate(rule, &rules, "account:a0", &story).unwrap();
    assert_eq!(
        (finding.first_seen, finding.last_seen, finding.count),
        (at(0), at(100), 7)
    );
    let evidence = &finding.evidence;
    assert_eq!(evidence["failures"], 6);
    assert_eq!(evidence["address_count"], 3);
    assert_eq!(evidence["succeeded_from"], "192.0.2.9");
    assert_eq!(evidence["samples"].as_array().unwrap().len(), 7);
    assert_eq!(evidence["samples"][6]["signal"], "login_succeeded");
}

#[test]
fn a_rule_judges_a_flood_quickly() {
    let story = many("login_failed", 2000, 1, 3, 40, 1);
    let rules = Ruleset::new(None).unwrap();
    let started = std::time::Instant::now();
    for rule in rules.all() {
        let _ = evaluate(rule, &rules, "ip:192.0.2.1", &story);
    }
    assert!(
        started.elapsed() < std::time::Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
}
