//! Changes that 1C registers for a node of an exchange plan: `SelectChanges` hands them out as a
//! message, `NotifyChangesReceived` erases what a message had. Until then they come again.

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::Stream;
use tokio_util::io::StreamReader;
use uuid::Uuid;

use super::client::{Client, measure};
use super::query::encode;
use super::{Collection, DataError, Feed, OdataError, Patience, Query};

/// 1C collects the whole message before it answers.
const SELECT_TIMEOUT: Duration = Duration::from_secs(1800);
const NOTIFY_TIMEOUT: Duration = Duration::from_secs(300);

/// A node of an exchange plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) reference: Uuid,
    pub(crate) code: String,
    /// The message that was acknowledged last.
    pub(crate) received: u64,
}

/// Where changes are registered: a node of a plan.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    /// `ExchangePlan_X`.
    pub(crate) plan: String,
    pub(crate) node: Node,
}

impl Point {
    /// The number of the next message.
    pub(crate) fn message(&self) -> u64 {
        self.node.received + 1
    }
}

/// Why no node of a plan can be called ours.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoNode {
    /// There is none, or none with the code given.
    Missing,
    /// There are several; their codes.
    Several(Vec<String>),
}

impl Node {
    /// The nodes of a plan that are other bases: this one's own has no code or says that it is.
    pub(crate) fn read(body: &[u8]) -> Result<Vec<Self>, DataError> {
        let mut nodes = Vec::new();
        for row in Collection::parse(body)?.value {
            let is_other =
                row.boolean("ThisNode")? != Some(true) && row.boolean("DeletionMark")? != Some(true);
            if let (true, Some(code)) = (is_other, row.text("Code")?) {
                let reference = row
                    .guid("Ref_Key")
                    .ok_or_else(|| DataError::Missing("Ref_Key".to_owned()))?;
                let received = row.decimal("ReceivedNo")?.unwrap_or_default();
                nodes.push(Self {
                    reference,
                    code,
                    received: received.try_into().unwrap_or(0),
                });
            }
        }
        Ok(nodes)
    }

    /// The node at which changes for the mirror are registered: the one of the code given; without
    /// one, the only one there is. Guessing among several would acknowledge, and so erase, changes
    /// that 1C keeps for somebody else.
    pub(crate) fn ours(nodes: Vec<Self>, code: Option<&str>) -> Result<Self, NoNode> {
        let mut fitting: Vec<Self> = nodes
            .into_iter()
            .filter(|node| code.is_none_or(|code| node.code == code.trim()))
            .collect();
        match (fitting.pop(), fitting.is_empty()) {
            (None, _) => Err(NoNode::Missing),
            (Some(node), true) => Ok(node),
            (Some(last), false) => {
                fitting.push(last);
                Err(NoNode::Several(
                    fitting.into_iter().map(|node| node.code).collect(),
                ))
            }
        }
    }
}

impl Client {
    /// The nodes of a plan that are other bases.
    pub(crate) async fn nodes(&self, plan: &str) -> Result<Vec<Node>, OdataError> {
        let body = self.rows(&Query::set(plan), Patience::Job).await?;
        Ok(Node::read(&body)?)
    }

    /// The changes of the next message.
    pub(crate) async fn select_changes(
        &self,
        point: &Point,
    ) -> Result<Feed<StreamReader<impl Stream<Item = io::Result<Bytes>> + Unpin + use<>, Bytes>>, OdataError>
    {
        let address = self.exchange_address("SelectChanges", point);
        let started = Instant::now();
        let answer = self
            .post(&address, &point.plan, "application/atom+xml", SELECT_TIMEOUT)
            .await;
        measure("select_changes", started, answer.as_ref().err());
        let body = Box::pin(answer?.stream());
        Ok(Feed::new(StreamReader::new(body)))
    }

    /// Tells 1C that the changes of the next message were taken over.
    pub(crate) async fn notify_changes_received(&self, point: &Point) -> Result<(), OdataError> {
        let address = self.exchange_address("NotifyChangesReceived", point);
        let started = Instant::now();
        let answer = self.post(&address, &point.plan, "", NOTIFY_TIMEOUT).await;
        measure("notify_changes", started, answer.as_ref().err());
        answer.map(drop)
    }

    fn exchange_address(&self, operation: &str, point: &Point) -> String {
        let Point { plan, node } = point;
        let uri = format!("{}{}(guid'{}')", self.root(), plan, node.reference);
        format!(
            "{operation}?DataExchangePoint={}&MessageNo={}",
            encode(&format!("'{uri}'")),
            point.message()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(rows: &str) -> Vec<Node> {
        Node::read(format!("{{\"value\":[{rows}]}}").as_bytes()).unwrap()
    }

    fn row(code: &str, more: &str) -> String {
        format!("{{\"Ref_Key\":\"{}\",\"Code\":\"{code}\"{more}}}", Uuid::max())
    }

    #[test]
    fn the_base_itself_and_deleted_nodes_are_not_counted() {
        let rows = [
            row("ЦБ", ",\"ThisNode\":true"),
            row("   ", ""),
            row("СТАРЫЙ", ",\"DeletionMark\":true"),
            row("ИИ  ", ",\"ThisNode\":false,\"ReceivedNo\":\"7\""),
        ];
        let node = Node::ours(nodes(&rows.join(",")), None).unwrap();
        assert_eq!((node.code.as_str(), node.received), ("ИИ", 7));
    }

    #[test]
    fn among_several_nodes_nobody_guesses() {
        // Bases that do not say which node is their own.
        let two = nodes(&[row("ЦБ", ""), row("ИИ", "")].join(","));
        let several = NoNode::Several(vec!["ЦБ".to_owned(), "ИИ".to_owned()]);
        assert_eq!(Node::ours(two.clone(), None), Err(several));
        assert_eq!(Node::ours(two.clone(), Some("ИИ ")).unwrap().code, "ИИ");
        assert_eq!(Node::ours(two, Some("НЕТ")), Err(NoNode::Missing));
        assert_eq!(Node::ours(Vec::new(), None), Err(NoNode::Missing));
        // One code twice, which 1C permits when uniqueness is not checked.
        let twins = nodes(&[row("ИИ", ""), row("ИИ", "")].join(","));
        assert!(matches!(Node::ours(twins, Some("ИИ")), Err(NoNode::Several(_))));
    }
}
