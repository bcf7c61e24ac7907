//! Time limits of a thread, kept by one tick for all of them.
//!
//! A request has several time limits and almost none of them is ever reached. A timer of the runtime
//! costs work each time one is set; here it is a number in a table that is looked through ten times a
//! second. So limits are kept to a tenth of a second, never early.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

/// Between two looks at the table.
pub(crate) const TICK: Duration = Duration::from_millis(100);

thread_local! {
    static TABLE: Table = Table::new();
}

struct Table {
    now: Cell<Instant>,
    entries: RefCell<Entries>,
}

#[derive(Default)]
struct Entries {
    slots: Vec<Option<(Instant, Waker)>>,
    free: Vec<usize>,
}

impl Table {
    fn new() -> Self {
        Self {
            now: Cell::new(Instant::now()),
            entries: RefCell::default(),
        }
    }
}

/// The time of this thread's last tick: good enough for whatever lasts seconds, and costs nothing.
pub(crate) fn coarse_now() -> Instant {
    TABLE.with(|table| table.now.get())
}

/// Looks at the time and wakes whoever has waited long enough.
pub(crate) fn tick() {
    let due: Vec<Waker> = TABLE.with(|table| {
        let now = Instant::now();
        table.now.set(now);
        let mut entries = table.entries.borrow_mut();
        let entries = &mut *entries;
        entries
            .slots
            .iter()
            .flatten()
            .filter(|(at, _)| *at <= now)
            .map(|(_, waker)| waker.clone())
            .collect()
    });
    due.into_iter().for_each(Waker::wake);
}

/// A moment to wait for. It belongs to the thread that it was first polled on.
#[derive(Debug)]
pub(crate) struct Deadline {
    at: Instant,
    slot: Option<usize>,
}

impl Deadline {
    /// So long from now on.
    pub(crate) fn after(duration: Duration) -> Self {
        Self::at(Instant::now() + duration)
    }

    pub(crate) fn at(at: Instant) -> Self {
        Self { at, slot: None }
    }

    /// Waits for another moment instead.
    pub(crate) fn reset(&mut self, at: Instant) {
        self.at = at;
        if let Some(slot) = self.slot {
            TABLE.with(|table| {
                if let Some(Some(entry)) = table.entries.borrow_mut().slots.get_mut(slot) {
                    entry.0 = at;
                }
            });
        }
    }

    /// True once a tick has come after the moment; until then the task is woken by that tick.
    pub(crate) fn poll_passed(&mut self, cx: &Context<'_>) -> bool {
        TABLE.with(|table| {
            if table.now.get() >= self.at {
                return true;
            }
            let mut entries = table.entries.borrow_mut();
            let entries = &mut *entries;
            if let Some(slot) = self.slot
                && let Some(Some((_, waker))) = entries.slots.get_mut(slot)
            {
                waker.clone_from(cx.waker());
                return false;
            }
            let entry = Some((self.at, cx.waker().clone()));
            let slot = match entries.free.pop() {
                Some(slot) => {
                    entries.slots[slot] = entry;
                    slot
                }
                None => {
                    entries.slots.push(entry);
                    entries.slots.len() - 1
                }
            };
            self.slot = Some(slot);
            false
        })
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        let Some(slot) = self.slot else { return };
        // At the end of a thread the table may be gone first.
        let waker = TABLE.try_with(|table| {
            let mut entries = table.entries.borrow_mut();
            entries.free.push(slot);
            entries.slots[slot].take()
        });
        drop(waker);
    }
}

impl Future for Deadline {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.poll_passed(cx) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Sleep for Deadline {}

/// The same for hyper's own limits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CoarseTimer;

impl Timer for CoarseTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(Deadline::after(duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Deadline::at(deadline))
    }

    fn now(&self) -> Instant {
        // Not the last tick: hyper counts its limits from here.
        Instant::now()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, new_deadline: Instant) {
        if let Some(deadline) = sleep.as_mut().downcast_mut_pin::<Deadline>() {
            deadline.get_mut().reset(new_deadline);
        } else {
            *sleep = self.sleep_until(new_deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn who_waits_long_enough_is_woken_and_slots_are_used_again() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(count.clone());
        let cx = Context::from_waker(&waker);
        let mut soon = Deadline::at(Instant::now());
        let mut late = Deadline::after(Duration::from_secs(60));
        assert!(!late.poll_passed(&cx));
        // The thread has not ticked since the moment, or it has: both are in order.
        let passed = soon.poll_passed(&cx);
        tick();
        assert!(soon.poll_passed(&cx));
        assert_eq!(count.0.load(Ordering::SeqCst), usize::from(!passed));
        late.reset(Instant::now());
        tick();
        assert!(late.poll_passed(&cx));
        let slots = || TABLE.with(|table| table.entries.borrow().slots.len());
        let before = slots();
        drop((soon, late));
        let again: Vec<Deadline> = (0..before)
            .map(|_| {
                let mut deadline = Deadline::after(Duration::from_secs(60));
                assert!(!deadline.poll_passed(&cx));
                deadline
            })
            .collect();
        assert_eq!(slots(), before);
        drop(again);
    }
}
