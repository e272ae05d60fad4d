//! A table by zone slot that grows in chunks and never moves.
//!
//! Slots are dense and only ever added, so a fixed directory of chunks, each made when first
//! touched, gives a stable address without a lock: a reader does one acquire load. Memory follows
//! the zones that are asked for, not those that exist.

use std::sync::OnceLock;

/// Slots in a chunk.
pub(crate) const CHUNK: usize = 256;
/// Chunks in a table: with [`CHUNK`], about four million zones.
const CHUNKS_MAX: usize = 16 * 1024;

/// A chunk's contents are `C`, made with `Default` when a slot in it is first asked for.
pub(crate) struct SlotTable<C> {
    directory: Box<[OnceLock<Box<C>>]>,
}

impl<C: Default> SlotTable<C> {
    pub(crate) fn new() -> Self {
        Self {
            directory: std::iter::repeat_with(OnceLock::new)
                .take(CHUNKS_MAX)
                .collect(),
        }
    }

    /// The chunk that holds `slot`, made now if need be. None for a slot past the directory.
    #[inline]
    pub(crate) fn chunk(&self, slot: u32) -> Option<&C> {
        let place = self.directory.get(slot as usize / CHUNK)?;
        match place.get() {
            Some(chunk) => Some(chunk),
            None => Some(Self::make(place)),
        }
    }

    /// The chunk that holds `slot`, if somebody touched it before.
    #[inline]
    pub(crate) fn chunk_if_there(&self, slot: u32) -> Option<&C> {
        self.directory
            .get(slot as usize / CHUNK)?
            .get()
            .map(|chunk| &**chunk)
    }

    /// Every chunk that exists, with the first slot it holds.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = (u32, &C)> {
        (0u32..)
            .step_by(CHUNK)
            .zip(self.directory.iter())
            .filter_map(|(first, place)| Some((first, &**place.get()?)))
    }

    #[cold]
    #[inline(never)]
    fn make(place: &OnceLock<Box<C>>) -> &C {
        place.get_or_init(Box::default)
    }
}

/// Where `slot` lies in its chunk.
#[inline]
pub(crate) const fn place(slot: u32) -> usize {
    slot as usize % CHUNK
}
