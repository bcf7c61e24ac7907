//! Changes for a node of the exchange plan: `SelectChanges` and `NotifyChangesReceived`.

use bytes::Bytes;
use quick_xml::escape::escape;

use super::error::Refusal;
use super::source::Source;
use super::url::{self, key_of};
use super::{Answer, FEED, Pieces, Request, atom, view};
use crate::ids::{Kind, Ref};
use crate::infobase::Infobase;
use crate::infobase::exchange::Subject;
use crate::schema::{Row, SCHEMA};
use std::sync::Arc;

/// What this module answers.
pub(crate) const FUNCTIONS: [&str; 2] = ["SelectChanges", "NotifyChangesReceived"];

/// Runs one of the functions.
pub(crate) fn run(
    infobase: &mut Infobase,
    request: &Request<'_>,
    name: &str,
) -> Result<Option<Answer>, Refusal> {
    let mut point = None;
    let mut message = None;
    for (option, value) in url::options(request.query)? {
        match option.as_str() {
            "DataExchangePoint" => point = Some(value),
            "MessageNo" => message = Some(value),
            "$format" => {}
            _ => return Err(Refusal::unknown_option(&option)),
        }
    }
    let point = point.ok_or_else(|| Refusal::required("DataExchangePoint"))?;
    let message = message.ok_or_else(|| Refusal::required("MessageNo"))?;
    let message: i64 = message
        .parse()
        .map_err(|_| Refusal::value(&message, "Edm.Int64"))?;
    let node = node(infobase, request, &point)?;
    let received = infobase
        .exchange
        .received(node)
        .ok_or_else(|| Refusal::bad_value("DataExchangePoint", &point))?;
    if name == "NotifyChangesReceived" {
        infobase.confirm_changes(node, message);
        return Ok(None);
    }
    if message <= received {
        return Err(Refusal::bad_value("MessageNo", &message.to_string()));
    }
    let subjects = infobase.select_changes(node, message);
    let body = feed(&Arc::new(infobase.clone()), &request.root, &subjects);
    Ok(Some(Answer {
        content_type: FEED,
        body: Pieces::Whole(Bytes::from(body)),
    }))
}

/// The node an address in quotes stands for. Only the whole address of the node will do.
fn node(infobase: &Infobase, request: &Request<'_>, point: &str) -> Result<Row, Refusal> {
    let wrong = || Refusal::bad_value("DataExchangePoint", point);
    let bare = point
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''))
        .ok_or_else(wrong)?;
    let scheme = |address: &str| {
        address
            .split_once("://")
            .map_or_else(String::new, |(_, rest)| rest.to_owned())
    };
    let (root, bare) = (scheme(&request.root), scheme(bare));
    let rest = bare.strip_prefix(&root).ok_or_else(wrong)?;
    let segments = url::segments(rest);
    let [segment] = segments.as_slice() else {
        return Err(wrong());
    };
    let at = infobase
        .position(&segment.name)
        .filter(|_| !request.unpublished)
        .ok_or_else(|| Refusal::unknown_entity(&segment.name))?;
    if segment.name != infobase.set_name(Kind::ExchangeNode) {
        return Err(wrong());
    }
    let key = segment.arguments.as_deref().ok_or_else(wrong)?;
    url::find(infobase, at, key)
}

/// The feed of the changes, in the order they were made.
fn feed(base: &Arc<Infobase>, root: &str, subjects: &[Subject]) -> String {
    let mut out = atom::feed(root);
    for subject in subjects {
        let place = match subject {
            Subject::Object(found) => base.set_of(found.kind).map(|set| (set, found.index)),
            Subject::Record(set, row) => Some((*set, *row)),
            Subject::Records(set, recorder) => base.home(*set, *recorder).map(|row| (*set, row)),
        };
        let Some((set, row)) = place else { continue };
        let there = matches!(subject, Subject::Records(..)) || base.has(set, row);
        if there {
            entry(&mut out, base, root, set, row);
            continue;
        }
        let schema = &SCHEMA.sets[set];
        let key = match subject {
            Subject::Object(Ref { kind, index }) => format!("(guid'{}')", base.guid(Ref::new(*kind, *index))),
            _ => key_of(base, schema, row),
        };
        let when = base
            .exchange
            .removed(*subject)
            .unwrap_or_else(crate::calendar::now);
        out.push_str(&format!(
            "<at:deleted-entry ref=\"{}{}{}\" when=\"{}\"/>",
            escape(root),
            schema.name,
            escape(&key),
            when.format("%Y-%m-%dT%H:%M:%S")
        ));
    }
    out.push_str("</feed>");
    out
}

fn entry(out: &mut String, base: &Arc<Infobase>, root: &str, set: usize, row: Row) {
    let source = Source::Set(set);
    let view = view::everything(&source);
    let writer = atom::Writer {
        base: Arc::clone(base),
        source,
        view,
        root: root.to_owned(),
    };
    writer.changed(out, row);
}
