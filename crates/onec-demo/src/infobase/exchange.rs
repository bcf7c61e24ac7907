//! Registration of changes for the nodes of the exchange plan.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::NaiveDateTime;

use super::Infobase;
use crate::ids::Ref;
use crate::schema::Row;

/// The node that stands for this base itself.
pub(crate) const THIS_NODE: Row = 0;

/// What a change is a change of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Object(Ref),
    /// The records of a recorder; position of the set of record sets.
    Records(usize, Ref),
    /// A record of an independent register.
    Record(usize, Row),
}

/// A change somebody has to be told.
#[derive(Clone, Copy)]
struct Item {
    /// Place in the order of changes.
    order: u64,
    /// The message it went out with; nothing if it has not.
    message: Option<i64>,
}

/// What a node has to be told.
#[derive(Clone, Default)]
struct Queue {
    items: HashMap<Subject, Item>,
    sent: i64,
    received: i64,
}

/// All nodes and their queues.
#[derive(Clone)]
pub(crate) struct Exchange {
    queues: BTreeMap<Row, Arc<Queue>>,
    order: u64,
    gone: Arc<HashMap<Subject, NaiveDateTime>>,
}

impl Default for Exchange {
    /// One node besides this base.
    fn default() -> Self {
        Self {
            queues: BTreeMap::from([(1, Arc::default())]),
            order: 0,
            gone: Arc::default(),
        }
    }
}

impl Exchange {
    /// A new node, which is told all that happens from now on.
    pub(crate) fn join(&mut self, node: Row) {
        self.queues.entry(node).or_default();
    }

    /// Registers a change for every node; one that has gone out already has to go out again.
    pub(crate) fn register(&mut self, subject: Subject) {
        self.order += 1;
        let item = Item {
            order: self.order,
            message: None,
        };
        for queue in self.queues.values_mut() {
            Arc::make_mut(queue).items.insert(subject, item);
        }
    }

    /// Registers a removal.
    pub(crate) fn remove(&mut self, subject: Subject, when: NaiveDateTime) {
        Arc::make_mut(&mut self.gone).insert(subject, when);
        self.register(subject);
    }

    /// When something was removed.
    pub(crate) fn removed(&self, subject: Subject) -> Option<NaiveDateTime> {
        self.gone.get(&subject).copied()
    }

    /// Number of the last message a node has confirmed; nothing if it is not told of changes.
    pub(crate) fn received(&self, node: Row) -> Option<i64> {
        self.queues.get(&node).map(|queue| queue.received)
    }
}

impl Infobase {
    /// All changes a node has not confirmed, in the order they were made; they go out with message `message`.
    pub(crate) fn select_changes(&mut self, node: Row, message: i64) -> Vec<Subject> {
        let Some(queue) = self.exchange.queues.get_mut(&node) else {
            return Vec::new();
        };
        let queue = Arc::make_mut(queue);
        let mut list: Vec<(u64, Subject)> = queue
            .items
            .iter_mut()
            .map(|(subject, item)| {
                item.message = Some(message);
                (item.order, *subject)
            })
            .collect();
        list.sort_unstable_by_key(|(order, _)| *order);
        queue.sent = queue.sent.max(message);
        let (sent, received) = (queue.sent, queue.received);
        self.number_node(node, sent, received);
        list.into_iter().map(|(_, subject)| subject).collect()
    }

    /// Forgets the changes that went out with `message` or before.
    pub(crate) fn confirm_changes(&mut self, node: Row, message: i64) {
        let Some(queue) = self.exchange.queues.get_mut(&node) else {
            return;
        };
        let queue = Arc::make_mut(queue);
        queue
            .items
            .retain(|_, item| item.message.is_none_or(|sent| sent > message));
        queue.received = queue.received.max(message);
        let (sent, received) = (queue.sent, queue.received);
        self.number_node(node, sent, received);
    }
}
