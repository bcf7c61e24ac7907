//! The Merkle tree over the hashes of the entries (RFC 6962, section 2.1).

use sha2::{Digest, Sha256};

/// A hash of the tree.
pub(crate) type Hash = [u8; 32];

/// Entries of a block, whose root is kept for proofs: a power of two.
pub(crate) const BLOCK: i64 = 1024;

/// The leaf of an entry with that hash.
pub(crate) fn leaf(entry_hash: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(entry_hash)
        .finalize()
        .into()
}

/// The parent of two nodes.
pub(crate) fn node(left: &Hash, right: &Hash) -> Hash {
    let hasher = Sha256::new().chain_update([1]);
    hasher.chain_update(left).chain_update(right).finalize().into()
}

/// A tree that grows leaf by leaf and remembers only the roots of its complete subtrees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Tree {
    size: i64,
    /// From the left, the largest first.
    peaks: Vec<Hash>,
}

impl Tree {
    /// The tree of that size with those peaks, one after the other; `None` when they do not fit.
    pub(crate) fn from_peaks(size: i64, peaks: &[u8]) -> Option<Self> {
        let (peaks, rest) = peaks.as_chunks::<32>();
        let fits = size >= 0 && rest.is_empty() && peaks.len() == size.count_ones() as usize;
        fits.then(|| Self {
            size,
            peaks: peaks.to_vec(),
        })
    }

    /// The peaks, one after the other.
    pub(crate) fn peaks(&self) -> Vec<u8> {
        self.peaks.concat()
    }

    /// Leaves.
    pub(crate) fn size(&self) -> i64 {
        self.size
    }

    /// Adds a leaf, or any subtree of one and the same size. Returns the root of the block that is
    /// complete with it.
    pub(crate) fn push(&mut self, leaf: Hash) -> Option<Hash> {
        let (mut hash, mut width, mut block) = (leaf, 1, None);
        while self.size & width != 0 {
            let Some(left) = self.peaks.pop() else { break };
            hash = node(&left, &hash);
            width <<= 1;
            if width == BLOCK {
                block = Some(hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
        block
    }

    /// The root.
    pub(crate) fn root(&self) -> Hash {
        root_of(&self.peaks)
    }
}

/// The root over subtrees that get smaller from left to right.
fn root_of(peaks: &[Hash]) -> Hash {
    let mut peaks = peaks.iter().rev();
    let Some(last) = peaks.next() else {
        return Sha256::digest([]).into();
    };
    peaks.fold(*last, |right, left| node(left, &right))
}

/// The root of a range that begins at a block: roots of its whole blocks, then the leaves that remain.
pub(crate) fn range_root(blocks: &[Hash], leaves: &[Hash]) -> Hash {
    let (mut whole, mut rest) = (Tree::default(), Tree::default());
    for block in blocks {
        whole.push(*block);
    }
    for leaf in leaves {
        rest.push(*leaf);
    }
    root_of(&[whole.peaks, rest.peaks].concat())
}

/// A range of leaves, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: i64,
    pub(crate) length: i64,
}

/// The ranges whose roots prove that leaf `index` is in the tree of `size`, from the leaf up.
pub(crate) fn path(index: i64, size: i64) -> Vec<Range> {
    let (mut start, mut length) = (0, size);
    let mut ranges = Vec::new();
    while length > 1 {
        // The largest power of two below the length.
        let split = 1_i64 << (63 - (length - 1).leading_zeros());
        if index - start < split {
            ranges.push(Range {
                start: start + split,
                length: length - split,
            });
            length = split;
        } else {
            ranges.push(Range { start, length: split });
            start += split;
            length -= split;
        }
    }
    ranges.reverse();
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: i64) -> Vec<Hash> {
        (0..count).map(|n| leaf(&n.to_be_bytes())).collect()
    }

    /// The definition of RFC 6962.
    fn definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => *one,
            more => {
                let split = more.len().next_power_of_two() / 2;
                node(&definition(&more[..split]), &definition(&more[split..]))
            }
        }
    }

    /// RFC 9162, section 2.1.3.2.
    fn proves(leaf: Hash, index: i64, size: i64, path: &[Hash], root: &Hash) -> bool {
        let (mut place, mut last, mut hash) = (index, size - 1, leaf);
        for sibling in path {
            if last == 0 {
                return false;
            }
            if place & 1 == 1 || place == last {
                hash = node(sibling, &hash);
                while place & 1 == 0 && place != 0 {
                    place >>= 1;
                    last >>= 1;
                }
            } else {
                hash = node(&hash, sibling);
            }
            place >>= 1;
            last >>= 1;
        }
        last == 0 && hash == *root
    }

    #[test]
    fn the_known_answers_of_certificate_transparency() {
        // From the tests of the reference implementation: leaves "", 00, 10, 2021.
        let leaves: [&[u8]; 4] = [&[], &[0], &[0x10], &[0x20, 0x21]];
        let mut tree = Tree::default();
        let mut roots = Vec::new();
        for data in leaves {
            tree.push(leaf(data));
            roots.push(hex::encode(tree.root()));
        }
        assert_eq!(
            roots,
            [
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        );
    }

    #[test]
    fn a_growing_tree_is_the_defined_one_and_goes_on_from_its_peaks() {
        let all = leaves(2100);
        let mut tree = Tree::default();
        let mut blocks = Vec::new();
        for (n, leaf) in all.iter().enumerate() {
            blocks.extend(tree.push(*leaf));
            if n % 97 == 0 || n + 1 == all.len() {
                assert_eq!(tree.root(), definition(&all[..=n]), "{n}");
                tree = Tree::from_peaks(tree.size(), &tree.peaks()).unwrap();
            }
        }
        assert_eq!(blocks, [definition(&all[..1024]), definition(&all[1024..2048])]);
        assert_eq!(range_root(&blocks, &all[2048..]), tree.root());
        assert_eq!(Tree::from_peaks(3, &[0; 32]), None);
    }

    #[test]
    fn every_leaf_is_proved_and_nothing_else() {
        for size in [1_i64, 2, 3, 7, 8, 100, 1025] {
            let all = leaves(size);
            let root = definition(&all);
            for index in (0..size).step_by(7) {
                let proof: Vec<Hash> = path(index, size)
                    .iter()
                    .map(|range| {
                        let (start, end) = (range.start, range.start + range.length);
                        definition(&all[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()])
                    })
                    .collect();
                let own = all[usize::try_from(index).unwrap()];
                assert!(proves(own, index, size, &proof, &root), "{index} of {size}");
                assert!(!proves(leaf(b"other"), index, size, &proof, &root));
                assert!(size == 1 || !proves(own, (index + 1) % size, size, &proof, &root));
            }
        }
    }
}
