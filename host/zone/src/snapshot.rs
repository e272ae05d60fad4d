//! A zone's base as a file: the block itself with a checksum behind it.
//!
//! ```text
//! "BWZONE01" | key u64 | apex (wire, behind its length u8) | records u64 | depth u8
//! | nodes u64 | order u32 | nsec3 u32 | buckets u32 | the four parts | XXH3-64 of all before
//! ```
//!
//! It is read whole into memory and never mapped: a file cut short under a mapping would kill the
//! process. The index depends on the key of the server that wrote it; under another key it is made
//! anew from the names. An overlay is folded in before writing.

use std::io::{self, Write};

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use crate::hash::HashKey;
use crate::image::build::BuildError;
use crate::image::index::{Bucket, Index};
use crate::image::{APEX, Image};
use crate::name::{Name, labels};
use crate::zone::Zone;

const MAGIC: &[u8; 8] = b"BWZONE01";
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
    pub fn read_snapshot(octets: &[u8], key: &HashKey) -> Result<Self, SnapshotError> {
        let (body, sum) = octets
            .split_last_chunk::<CHECKSUM>()
            .ok_or(SnapshotError::Form)?;
        let mut rest = Octets(body);
        if rest.array::<8>()? != *MAGIC {
            return Err(SnapshotError::Form);
        }
        if xxh3_64(body) != u64::from_le_bytes(*sum) {
            return Err(SnapshotError::Checksum);
        }
        let fingerprint = u64::from_le_bytes(rest.array()?);
        let apex_len = usize::from(rest.array::<1>()?[0]);
        let apex = Name::from_wire(rest.take(apex_len)?).map_err(|_| SnapshotError::Form)?;
        let records = u64::from_le_bytes(rest.array()?);
        let depth_max = rest.array::<1>()?[0];
        let nodes =
            usize::try_from(u64::from_le_bytes(rest.array()?)).map_err(|_| SnapshotError::Form)?;
        let (order, nsec3, buckets) = (rest.count()?, rest.count()?, rest.count()?);
        let mut image = Image {
            nodes: rest.take(nodes)?.into(),
            order: rest.words(order)?,
            nsec3: rest.words(nsec3)?,
            index: Index { buckets: [].into() },
            depth_max,
            records,
        };
        let index = rest.take(
            buckets
                .checked_mul(size_of::<Bucket>())
                .ok_or(SnapshotError::Form)?,
        )?;
        if !rest.0.is_empty() || image.head(APEX).depth != 0 {
            return Err(SnapshotError::Form);
        }
        image.index = if fingerprint == key.fingerprint() && buckets > 0 {
            read_index(index)
        } else {
            make_index(&image, &apex, key)
        };
        Self::from_image(&apex, image, key).map_err(SnapshotError::Contents)
    }
}

fn read_index(octets: &[u8]) -> Index {
    let buckets = octets.as_chunks::<64>().0.iter().map(|line| {
        let mut bucket = Bucket::default();
        let (words, _) = line.as_chunks::<4>();
        for (to, from) in bucket.tags.iter_mut().chain(&mut bucket.nodes).zip(words) {
            *to = u32::from_le_bytes(*from);
        }
        bucket
    });
    Index {
        buckets: buckets.collect(),
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

/// What is left to read.
struct Octets<'a>(&'a [u8]);

impl<'a> Octets<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], SnapshotError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(SnapshotError::Form)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        self.take(N)?
            .first_chunk()
            .copied()
            .ok_or(SnapshotError::Form)
    }

    fn count(&mut self) -> Result<usize, SnapshotError> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    fn words(&mut self, count: usize) -> Result<Box<[u32]>, SnapshotError> {
        let octets = self.take(count.checked_mul(4).ok_or(SnapshotError::Form)?)?;
        Ok(octets
            .as_chunks::<4>()
            .0
            .iter()
            .map(|word| u32::from_le_bytes(*word))
            .collect())
    }
}
