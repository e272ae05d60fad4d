//! Records, one borrowed or many in flat buffers.
//!
//! A parser or a transfer produces records by the million; a zone is built from them once and they are
//! thrown away. So [`RecordBuf`] keeps them in two growing vectors (octets, and one small head per
//! record) and hands out borrowed [`Record`]s.

use crate::rtype::RecordType;

/// One record of class IN, borrowed from wherever it lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Record<'a> {
    /// The owner name, uncompressed wire form.
    pub owner: &'a [u8],
    /// The type.
    pub rtype: RecordType,
    /// Time to live in seconds.
    pub ttl: u32,
    /// RDATA, uncompressed wire form.
    pub rdata: &'a [u8],
}

/// Many records in two flat buffers: what a parser or a transfer produces and a zone is built from.
#[derive(Clone, Debug, Default)]
pub struct RecordBuf {
    octets: Vec<u8>,
    heads: Vec<Head>,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    /// Where the owner starts in `octets`; RDATA follows it.
    at: usize,
    ttl: u32,
    rdata_len: u32,
    rtype: RecordType,
    owner_len: u16,
}

impl RecordBuf {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty buffer with room for so many records and octets of owners and RDATA.
    pub fn with_capacity(records: usize, octets: usize) -> Self {
        Self {
            octets: Vec::with_capacity(octets),
            heads: Vec::with_capacity(records),
        }
    }

    /// Copies a record to the end. The owner must be a valid wire name and RDATA at most 65,535 octets,
    /// as every reader of this crate guarantees.
    pub fn push(&mut self, record: Record<'_>) {
        debug_assert!(record.owner.len() <= 255 && record.rdata.len() <= 0xffff);
        self.heads.push(Head {
            at: self.octets.len(),
            ttl: record.ttl,
            rdata_len: record.rdata.len() as u32,
            rtype: record.rtype,
            owner_len: record.owner.len() as u16,
        });
        self.octets.extend_from_slice(record.owner);
        self.octets.extend_from_slice(record.rdata);
    }

    /// Bytes of memory taken, room for more included.
    pub fn memory(&self) -> usize {
        self.octets.capacity() + self.heads.capacity() * size_of::<Head>()
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// The record at `index`, in the order of pushing.
    pub fn get(&self, index: usize) -> Option<Record<'_>> {
        self.heads.get(index).map(|head| self.record(head))
    }

    /// All records in the order of pushing.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Record<'_>> + ExactSizeIterator + Clone {
        self.heads.iter().map(|head| self.record(head))
    }

    /// Octets of owners and RDATA held, which is what limits on a transfer count.
    pub fn bytes(&self) -> usize {
        self.octets.len()
    }

    /// Forgets all records and keeps the memory.
    pub fn clear(&mut self) {
        self.octets.clear();
        self.heads.clear();
    }

    /// Changes the TTL of the record at `index`, if there is one.
    pub fn set_ttl(&mut self, index: usize, ttl: u32) {
        if let Some(head) = self.heads.get_mut(index) {
            head.ttl = ttl;
        }
    }

    /// Takes out the records at `indexes`, which are in rising order. Their octets stay until the end.
    pub fn remove(&mut self, indexes: &[usize]) {
        let mut index = 0;
        self.heads.retain(|_| {
            index += 1;
            indexes.binary_search(&(index - 1)).is_err()
        });
    }

    fn record(&self, head: &Head) -> Record<'_> {
        let rdata_at = head.at + usize::from(head.owner_len);
        Record {
            owner: &self.octets[head.at..rdata_at],
            rtype: head.rtype,
            ttl: head.ttl,
            rdata: &self.octets[rdata_at..rdata_at + head.rdata_len as usize],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_pushed() {
        let mut records = RecordBuf::new();
        let one = Record {
            owner: b"\x01a\x00",
            rtype: RecordType::A,
            ttl: 5,
            rdata: &[192, 0, 2, 1],
        };
        let two = Record {
            owner: b"\x00",
            rtype: RecordType::TXT,
            ttl: 7,
            rdata: b"\x01x",
        };
        records.push(one);
        records.push(two);
        assert_eq!(records.iter().collect::<Vec<_>>(), [one, two]);
        assert_eq!(
            (records.len(), records.bytes(), records.get(1)),
            (2, 10, Some(two))
        );
        records.set_ttl(1, 9);
        records.remove(&[0]);
        assert_eq!(
            records.iter().collect::<Vec<_>>(),
            [Record { ttl: 9, ..two }]
        );
        records.clear();
        assert!(records.is_empty());
    }
}
