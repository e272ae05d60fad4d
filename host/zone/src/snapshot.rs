//! A zone's base as a file: the block itself with a checksum behind it.
//!
//! ```text
//! "BWZONE02" | key u64 | apex (wire, behind its length u8) | records u64 | depth u8
//! | nodes u64 | order u32 | nsec3 u32 | buckets u32 | the four parts | XXH3-64 of all before
//! ```
//!
//! It is read into memory and never mapped: a file cut short under a mapping would kill the process.
//! The index depends on the key of the server that wrote it; under another key it is made
//! anew from the names. An overlay is folded in before writing.

use std::io::{self, Read, Write};

use xxhash_rust::xxh3::Xxh3Default;

use crate::hash::HashKey;
use crate::image::build::BuildError;
use crate::image::index::{Bucket, Index};
use crate::image::{APEX, Image};
use crate::name::{Name, labels};
use crate::zone::Zone;

const MAGIC: &[u8; 8] = b"BWZONE02";
const CHECKSUM: usize = 8;

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Not a snapshot, or of another form.
    #[error("this is not a zone snapshot of a known form")]
    Form,
    /// The file is not what was written.
    #[error("the checksum does not match: the file is cut short or damaged")]
    Checksum,
    /// It cannot be read to its end.
    #[error("reading it failed")]
    Read(#[source] io::Error),
    /// The checksum is right and the contents make no zone.
    #[error("the contents make no zone")]
    Contents(#[source] BuildError),
}

impl Zone {
    /// Writes the zone to `out`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_snapshot(&self, out: &mut impl Write) -> io::Result<()> {
        if self.overlay.is_some() {
            return self
                .rebuilt()
                .map_err(io::Error::other)?
                .write_snapshot(out);
        }
        let image = &*self.image;
        let mut out = Summed {
            out,
            sum: Xxh3Default::new(),
        };
        out.write_all(MAGIC)?;
        out.write_all(&self.key.fingerprint().to_le_bytes())?;
        out.write_all(&[self.apex.as_wire().len() as u8])?;
        out.write_all(self.apex.as_wire())?;
        out.write_all(&image.records.to_le_bytes())?;
        out.write_all(&[image.depth_max])?;
        out.write_all(&(image.nodes.len() as u64).to_le_bytes())?;
        for len in [
            image.order.len(),
            image.nsec3.len(),
            image.index.buckets.len(),
        ] {
            out.write_all(&(len as u32).to_le_bytes())?;
        }
        out.write_all(&image.nodes)?;
        let mut buffer = Vec::with_capacity(1 << 16);
        let words = image.order.iter().chain(image.nsec3.iter());
        let words = words.chain(
            image
                .index
                .buckets
                .iter()
                .flat_map(|bucket| bucket.tags.iter().chain(&bucket.nodes)),
        );
        for word in words {
            buffer.extend_from_slice(&word.to_le_bytes());
            if buffer.len() >= 1 << 16 {
                out.write_all(&buffer)?;
                buffer.clear();
            }
        }
        out.write_all(&buffer)?;
        let sum = out.sum.digest();
        out.out.write_all(&sum.to_le_bytes())
    }

    /// Reads what [`Self::write_snapshot`] wrote.
    ///
    /// # Errors
    /// When the octets are not exactly a snapshot.
    pub fn read_snapshot(mut octets: &[u8], key: &HashKey) -> Result<Self, SnapshotError> {
        let size = octets.len() as u64;
        Self::read_snapshot_from(&mut octets, size, key)
    }

    /// The same from a file of which `size` octets are left, each part straight to where it stays.
    ///
    /// # Errors
    /// When they are not exactly a snapshot, or cannot be read.
    pub fn read_snapshot_from(
        input: &mut impl Read,
        size: u64,
        key: &HashKey,
    ) -> Result<Self, SnapshotError> {
        let mut input = Checked {
            input,
            left: size
                .checked_sub(CHECKSUM as u64)
                .ok_or(SnapshotError::Form)?,
            sum: Xxh3Default::new(),
        };
        if input.array::<8>()? != *MAGIC {
            return Err(SnapshotError::Form);
        }
        let fingerprint = u64::from_le_bytes(input.array()?);
        let apex_len = u64::from(input.array::<1>()?[0]);
        let apex = Name::from_wire(&input.take(apex_len)?).map_err(|_| SnapshotError::Form)?;
        let records = u64::from_le_bytes(input.array()?);
        let depth_max = input.array::<1>()?[0];
        let nodes = u64::from_le_bytes(input.array()?);
        let (order, nsec3, buckets) = (input.count()?, input.count()?, input.count()?);
        let mut image = Image {
            nodes: input.take(nodes)?.into(),
            order: input.words(order)?,
            guide: Box::default(),
            nsec3: input.words(nsec3)?,
            index: Index { buckets: [].into() },
            depth_max,
            records,
        };
        let has_index = fingerprint == key.fingerprint() && buckets > 0;
        let index = input.buckets(buckets, has_index)?;
        input.finish()?;
        if image.head(APEX).depth != 0 {
            return Err(SnapshotError::Form);
        }
        image.index = if has_index {
            index
        } else {
            make_index(&image, &apex, key)
        };
        Self::from_image(&apex, image.with_guide(), key).map_err(SnapshotError::Contents)
    }
}

fn make_index(image: &Image, apex: &Name, key: &HashKey) -> Index {
    let apex_hash = apex
        .labels()
        .rev()
        .fold(key.root(), |hash, label| key.below(hash, label));
    let names: Vec<(u64, u32)> = image
        .order
        .iter()
        .filter(|at| !image.head(**at).is_hidden())
        .map(|at| {
            (
                labels(image.head(*at).relative)
                    .rev()
                    .fold(apex_hash, |hash, label| key.below(hash, label)),
                *at,
            )
        })
        .collect();
    Index::build(&names)
}

/// A writer that sums up what goes through it.
struct Summed<'w, W> {
    out: &'w mut W,
    sum: Xxh3Default,
}

impl<W: Write> Write for Summed<'_, W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let written = self.out.write(octets)?;
        self.sum.update(octets.get(..written).unwrap_or(&[]));
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// What is left to read, with the sum of what was.
struct Checked<'r, R> {
    input: &'r mut R,
    /// Octets before the checksum.
    left: u64,
    sum: Xxh3Default,
}

impl<R: Read> Checked<'_, R> {
    /// The next `len` octets. The file's size bounds what is asked of memory.
    fn take(&mut self, len: u64) -> Result<Vec<u8>, SnapshotError> {
        self.left = self.left.checked_sub(len).ok_or(SnapshotError::Form)?;
        let size = usize::try_from(len).map_err(|_| SnapshotError::Form)?;
        let mut octets = Vec::with_capacity(size);
        self.input.by_ref().take(len).read_to_end(&mut octets)?;
        if octets.len() != size {
            return Err(SnapshotError::Checksum);
        }
        self.sum.update(&octets);
        Ok(octets)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        self.take(N as u64)?
            .first_chunk()
            .copied()
            .ok_or(SnapshotError::Form)
    }

    fn count(&mut self) -> Result<u64, SnapshotError> {
        Ok(u64::from(u32::from_le_bytes(self.array()?)))
    }

    /// Calls `each` with the next `len` octets, in pieces that stay in the processor's cache.
    fn pieces(&mut self, len: u64, mut each: impl FnMut(&[u8])) -> Result<(), SnapshotError> {
        self.left = self.left.checked_sub(len).ok_or(SnapshotError::Form)?;
        let mut piece = vec![0; PIECE.min(len as usize)];
        let mut left = len;
        while left > 0 {
            let now = left.min(PIECE as u64);
            let octets = piece.get_mut(..now as usize).ok_or(SnapshotError::Form)?;
            self.input.read_exact(octets)?;
            self.sum.update(octets);
            each(octets);
            left -= now;
        }
        Ok(())
    }

    fn words(&mut self, count: u64) -> Result<Box<[u32]>, SnapshotError> {
        if count * 4 > self.left {
            return Err(SnapshotError::Form);
        }
        let mut words = Vec::with_capacity(count as usize);
        self.pieces(count * 4, |octets| {
            let (octets, _) = octets.as_chunks::<4>();
            words.extend(octets.iter().map(|word| u32::from_le_bytes(*word)));
        })?;
        Ok(words.into())
    }

    /// The index; where it is not `wanted`, only the sum is taken.
    fn buckets(&mut self, count: u64, wanted: bool) -> Result<Index, SnapshotError> {
        let len = count * size_of::<Bucket>() as u64;
        if len > self.left {
            return Err(SnapshotError::Form);
        }
        let mut buckets = Vec::with_capacity(if wanted { count as usize } else { 0 });
        self.pieces(len, |octets| {
            if wanted {
                buckets.extend(octets.as_chunks::<64>().0.iter().map(read_bucket));
            }
        })?;
        Ok(Index {
            buckets: buckets.into(),
        })
    }

    /// All has been read, and it is what was written.
    fn finish(self) -> Result<(), SnapshotError> {
        if self.left != 0 {
            return Err(SnapshotError::Form);
        }
        let mut sum = [0; CHECKSUM];
        self.input.read_exact(&mut sum)?;
        if self.sum.digest() != u64::from_le_bytes(sum) {
            return Err(SnapshotError::Checksum);
        }
        Ok(())
    }
}

fn read_bucket(line: &[u8; 64]) -> Bucket {
    let mut bucket = Bucket::default();
    let (words, _) = line.as_chunks::<4>();
    for (to, from) in bucket.tags.iter_mut().chain(&mut bucket.nodes).zip(words) {
        *to = u32::from_le_bytes(*from);
    }
    bucket
}

/// Octets read at a time; whole buckets and words.
const PIECE: usize = 1 << 16;

impl From<io::Error> for SnapshotError {
    /// What ends too soon is not what was written.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Checksum,
            _ => Self::Read(error),
        }
    }
}
