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

impl Client {
    /// The nodes of a plan that are other bases: this one's own has no code or says that it is.
    pub(crate) async fn nodes(&self, plan: &str) -> Result<Vec<Node>, OdataError> {
        let body = self.rows(&Query::set(plan), Patience::Job).await?;
        let mut nodes = Vec::new();
        for row in Collection::parse(&body)?.value {
            let is_other =
                row.boolean("ThisNode")? != Some(true) && row.boolean("DeletionMark")? != Some(true);
            if let (true, Some(code)) = (is_other, row.text("Code")?) {
                let reference = row
                    .guid("Ref_Key")
                    .ok_or_else(|| DataError::Missing("Ref_Key".to_owned()))?;
                let received = row.decimal("ReceivedNo")?.unwrap_or_default();
                nodes.push(Node {
                    reference,
                    code,
                    received: received.try_into().unwrap_or(0),
                });
            }
        }
        Ok(nodes)
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
