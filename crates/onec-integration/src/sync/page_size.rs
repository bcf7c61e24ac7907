//! How many objects to ask for at once: as many as make a page of [`TARGET`] bytes. 1C has no
//! limit of its own; it fails when it runs out of memory or of disk.

/// The size of an answer that is aimed at: large enough that the time is spent on data, small
/// enough that two of them, taken apart, fit into memory many times.
const TARGET: u64 = 4 * 1024 * 1024;
/// Pages that must go well after a failure before the next is larger.
const CALM: u32 = 3;

/// The number of objects in a page.
#[derive(Debug, Clone)]
pub(super) struct PageSize {
    now: u32,
    smallest: u32,
    largest: u32,
    has_failed: bool,
    calm: u32,
}

impl PageSize {
    /// Begins with `first` objects.
    pub(super) fn new(first: u32, smallest: u32, largest: u32) -> Self {
        Self {
            now: first,
            smallest,
            largest,
            has_failed: false,
            calm: 0,
        }
    }

    /// The number of objects to ask for.
    pub(super) fn get(&self) -> u32 {
        self.now
    }

    /// A page failed; false when it cannot be made smaller.
    pub(super) fn failed(&mut self) -> bool {
        let can_shrink = self.now > self.smallest;
        self.now = (self.now / 4).max(self.smallest);
        self.has_failed = true;
        self.calm = 0;
        can_shrink
    }

    /// A page was answered.
    pub(super) fn answered(&mut self, objects: usize, bytes: usize) {
        if objects == 0 || bytes == 0 {
            return;
        }
        let ideal = TARGET * objects as u64 / bytes as u64;
        let ideal = u32::try_from(ideal)
            .unwrap_or(u32::MAX)
            .clamp(self.smallest, self.largest);
        self.calm += 1;
        if ideal <= self.now {
            self.now = ideal;
        } else if !self.has_failed {
            self.now = ideal.min(self.now.saturating_mul(2));
        } else if self.calm >= CALM {
            self.now = ideal.min(self.now + self.now / 4 + 1);
            self.calm = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_come_to_the_size_aimed_at() {
        let mut size = PageSize::new(600, 20, 100_000);
        for _ in 0..20 {
            let objects = size.get() as usize;
            size.answered(objects, objects * 1024);
        }
        assert_eq!(size.get(), 4096);
        // Objects that are larger than before make the next page smaller at once.
        size.answered(4096, 4096 * 4096);
        assert_eq!(size.get(), 1024);
    }

    #[test]
    fn after_a_failure_pages_are_small_and_grow_slowly() {
        let mut size = PageSize::new(8000, 20, 100_000);
        assert!(size.failed());
        assert_eq!(size.get(), 2000);
        for _ in 0..CALM - 1 {
            size.answered(2000, 2000);
        }
        assert_eq!(size.get(), 2000);
        size.answered(2000, 2000);
        assert_eq!(size.get(), 2501);
        for _ in 0..4 {
            size.failed();
        }
        assert_eq!(size.get(), 20);
        assert!(!size.failed());
    }
}
