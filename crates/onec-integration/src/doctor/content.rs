//! What is published: configuration, rights, the exchange plan, services.

use std::collections::HashSet;

use common::Text;
use serde_json::json;

use super::{ANSWER, Code, Doctor, millis};
use crate::odata::{NoNode, Node, OdataError, Query};

/// Rows of the large answer that is measured.
const MANY: u32 = 500;
impl Doctor<'_> {
    /// Which configuration it is, what of it is missing, and what may be read.
    pub(super) async fn configuration(&mut self, sets: &HashSet<String>) {
        let Some(profile) = self.lookout.profiles.choose(|set| sets.contains(set)) else {
            self.note(Code::ConfigurationUnknown);
            return;
        };
        let detail = Text::same(profile.title.clone());
        self.tell(
            Code::ConfigurationRecognised,
            Some(detail),
            Some(json!({"profile": profile.id})),
        );
        let notions = profile.notions();
        let mut present = Vec::new();
        let mut missing = Vec::new();
        for (notion, names) in notions {
            match names.iter().find(|set| sets.contains(**set)) {
                Some(set) => present.push(*set),
                // Any of them would do; the first is the usual one.
                None => missing.extend(names.first().map(|set| (notion, *set))),
            }
        }
        if !missing.is_empty() {
            let names: Vec<&str> = missing.iter().map(|(_, set)| *set).collect();
            let listed = names.join(", ");
            let detail = Text::new(
                format!("Не опубликованы: {listed}."),
                format!("Not published: {listed}."),
            );
            let notions: Vec<&str> = missing.iter().map(|(notion, _)| *notion).collect();
            self.tell(
                Code::NotionsMissing,
                Some(detail),
                Some(json!({"sets": names, "notions": notions})),
            );
        }
        let not_kept = profile.notions_not_kept();
        if !not_kept.is_empty() {
            let (ru, en): (Vec<&str>, Vec<&str>) = not_kept.iter().map(|notion| notion.consequence()).unzip();
            let notions: Vec<&str> = not_kept.iter().map(|notion| notion.as_str()).collect();
            self.tell(
                Code::NotionsNotKept,
                Some(Text::new(ru.join(" "), en.join(" "))),
                Some(json!({"notions": notions})),
            );
        }
        let mut probed: HashSet<&str> = HashSet::new();
        let mut denied: Vec<&str> = Vec::new();
        for set in present {
            if !probed.insert(set) {
                continue;
            }
            let Ok(seen) = self.ask(&Query::set(set).top(1).rows_address(), ANSWER).await else {
                self.note(Code::AnswerTimeout);
                return;
            };
            if seen.status == 200 {
                continue;
            }
            match OdataError::from_answer(set, seen.status, &seen.body) {
                OdataError::NoLicence => return self.note(Code::NoLicence),
                OdataError::Locked => return self.note(Code::InfobaseLocked),
                _ => denied.push(set),
            }
        }
        // A restriction at record level refuses a query only when a row within it is hidden.
        if let Some(large) = profile
            .catalog_set("counterparties")
            .filter(|set| sets.contains(*set))
        {
            let asked = self
                .ask(&Query::set(large).top(MANY).rows_address(), ANSWER)
                .await;
            if let Ok(seen) = asked {
                if seen.status == 200 {
                    let kilobytes = seen.body.len() / 1024;
                    let measured = json!({"sets": probed.len(), "large_answer_ms": millis(seen.took), "large_answer_kb": kilobytes});
                    if denied.is_empty() {
                        return self.tell(Code::RightsSufficient, None, Some(measured));
                    }
                } else if !denied.contains(&large) {
                    denied.push(large);
                }
            }
        }
        if denied.is_empty() {
            return self.tell(Code::RightsSufficient, None, Some(json!({"sets": probed.len()})));
        }
        let listed = denied.join(", ");
        let detail = Text::new(format!("Нет доступа: {listed}."), format!("No access: {listed}."));
        self.tell(Code::RightsMissing, Some(detail), Some(json!({"sets": denied})));
    }

    /// Whether changes can be told by an exchange plan.
    pub(super) async fn exchange_plan(&mut self, sets: &HashSet<String>) {
        let Some(plan) = self.infobase.exchange_plan.as_deref() else {
            return self.note(Code::ExchangePlanAbsent);
        };
        if !sets.contains(plan) {
            let detail = Text::same(plan.to_owned());
            return self.tell(Code::ExchangePlanUnpublished, Some(detail), None);
        }
        let Ok(seen) = self.ask(&Query::set(plan).rows_address(), ANSWER).await else {
            return self.note(Code::AnswerTimeout);
        };
        if seen.status != 200 {
            let detail = Text::same(plan.to_owned());
            return self.tell(Code::RightsMissing, Some(detail), Some(json!({"sets": [plan]})));
        }
        let Ok(nodes) = Node::read(&seen.body) else {
            let detail = Text::new(
                "Узлы плана обмена не читаются.",
                "The nodes of the exchange plan cannot be read.",
            );
            return self.tell(Code::InfobaseFailed, Some(detail), None);
        };
        match Node::ours(nodes, self.infobase.exchange_node.as_deref()) {
            Ok(node) => self.tell(Code::ExchangePlanReady, None, Some(json!({"code": node.code}))),
            Err(NoNode::Missing) => self.note(Code::ExchangeNodeMissing),
            Err(NoNode::Several(codes)) => {
                self.tell(Code::ExchangeNodeAmbiguous, None, Some(json!({"codes": codes})));
            }
        }
    }

    /// Whether the services that the settings name are published.
    pub(super) async fn services(&mut self) {
        let mut addresses: Vec<String> = self.infobase.http_services.clone();
        addresses.sort();
        let asks_web_services = self.infobase.soap_url.is_some();
        if addresses.is_empty() && !asks_web_services {
            return;
        }
        let mut missing = Vec::new();
        for path in addresses {
            // A method or arguments that do not fit are an answer too.
            let answered = self
                .get(&format!("{}{path}", self.transport.http()), ANSWER)
                .await
                .is_ok_and(|seen| seen.status != 404 && seen.status < 502);
            if !answered {
                missing.push(format!("hs/{path}"));
            }
        }
        if asks_web_services {
            // Their root has no answer of its own: any service that is known by name will do.
            let listed = self
                .lookout
                .services
                .list(self.infobase.id, &self.transport)
                .await;
            if listed.map_or(true, |found| found.is_empty()) {
                missing.push("ws/".to_owned());
            }
        }
        if missing.is_empty() {
            return self.note(Code::ServicesReached);
        }
        let detail = Text::same(missing.join(", "));
        self.tell(
            Code::ServiceMissing,
            Some(detail),
            Some(json!({"services": missing})),
        );
    }
}
