//! A map of bounded size that forgets what has not been used for the longest time.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Two generations of entries: when the younger one is full, it becomes the older one and the
/// former older one is dropped. An entry that is used moves into the younger one. So it holds at
/// most twice its capacity, and nothing is scanned.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    capacity: usize,
}

impl<K: Hash + Eq, V> Recent<K, V> {
    /// A map that keeps at least the last `capacity` entries.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            capacity,
        }
    }

    /// The value of a key; it counts as used.
    pub(crate) fn get<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if !self.young.contains_key(key)
            && let Some((key, value)) = self.old.remove_entry(key)
        {
            self.insert(key, value);
        }
        self.young.get_mut(key)
    }

    /// The value of a key that was used lately; does not count as a use, and may miss an older one.
    pub(crate) fn peek<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.young.get(key)
    }

    /// Sets the value of a key.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.capacity && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    /// Forgets a key.
    pub(crate) fn remove<Q>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.young.remove(key);
        self.old.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::Recent;

    #[test]
    fn it_keeps_what_is_used_and_stays_small() {
        let mut map = Recent::new(100);
        map.insert("kept".to_owned(), 0);
        for n in 1..10_000 {
            map.insert(n.to_string(), n);
            assert!(map.young.len() + map.old.len() <= 200);
            assert_eq!(map.get("kept"), Some(&mut 0));
        }
        assert_eq!(map.get("9999"), Some(&mut 9999));
        assert_eq!(map.get("1"), None);
        assert_eq!(map.peek("9999"), Some(&9999));
        map.insert("9999".to_owned(), 1);
        assert_eq!(map.get("9999"), Some(&mut 1));
        map.remove("9999");
        assert_eq!(map.get("9999"), None);
    }
}
