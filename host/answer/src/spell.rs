//! Writes an RRset whose records lie beyond the reach of a compression pointer.
//!
//! Only long answers over a stream come here. Names that point into the question still do; names
//! that would point at something further than octet 16,383 are spelled out. This path allocates.

use bailiwick_zone::rrset::{OWNER, POINTER, Rrset, WITHIN};

use crate::encode::{Full, Message, Owner, POINTER_MAX, Placed, Section, pointer};

/// As [`Message::put`], without pointers beyond their reach.
#[cold]
pub(crate) fn put(
    message: &mut Message<'_>,
    section: Section,
    rrset: &Rrset<'_>,
    owner: Owner<'_>,
    ttl: Option<u32>,
) -> Result<Placed, Full> {
    let start = message.len();
    let owner = match owner {
        Owner::At(at) => pointer(usize::from(at)).to_vec(),
        Owner::Below(labels) => [labels, &pointer(message.suffix_at(message.apex_len))].concat(),
    };
    let mut block = Vec::with_capacity(rrset.records().len() * 2);
    for (at, len) in rrset.spans() {
        block.extend_from_slice(&owner);
        let fixed = block.len();
        block.extend_from_slice(&rrset.records()[at + 2..at + 12]);
        if let Some(ttl) = ttl {
            block[fixed + 4..fixed + 8].copy_from_slice(&ttl.to_be_bytes());
        }
        spell(message, rrset, at + 12, at + len, &owner, &mut block);
        let rdata_len = (block.len() - fixed - 10) as u16;
        block[fixed + 8..fixed + 10].copy_from_slice(&rdata_len.to_be_bytes());
    }
    message.reserve(block.len())?.copy_from_slice(&block);
    message.add_count(section, rrset.count());
    let owner_at = match owner.as_slice() {
        [high, low] => usize::from(u16::from_be_bytes([*high, *low])) & POINTER_MAX,
        _ => start,
    };
    Ok(Placed {
        records_at: 0,
        owner_at,
    })
}

/// Writes the octets of the records from `at` to `end` with each placeholder spelled out.
fn spell(
    message: &Message<'_>,
    rrset: &Rrset<'_>,
    mut at: usize,
    end: usize,
    owner: &[u8],
    block: &mut Vec<u8>,
) {
    let records = rrset.records();
    let start = at;
    for place in rrset.places().filter(|place| (start..end).contains(place)) {
        block.extend_from_slice(&records[at..place]);
        replace(message, rrset, place, owner, block);
        at = place + 2;
    }
    block.extend_from_slice(&records[at..end]);
}

/// What one placeholder stands for: labels and a pointer into the question.
fn replace(
    message: &Message<'_>,
    rrset: &Rrset<'_>,
    place: usize,
    owner: &[u8],
    block: &mut Vec<u8>,
) {
    let records = rrset.records();
    let value = u16::from_be_bytes([records[place], records[place + 1]]) & !POINTER;
    if value == OWNER {
        block.extend_from_slice(owner);
    } else if value & WITHIN == 0 {
        block.extend_from_slice(&pointer(message.suffix_at(usize::from(value))));
    } else {
        // A name within the records: its labels, up to its end or its own placeholder.
        let mut at = usize::from(value & !WITHIN);
        loop {
            if rrset.places().any(|other| other == at) {
                // Targets lie before their placeholder, so this ends.
                return replace(message, rrset, at, owner, block);
            }
            let label_end = at + 1 + usize::from(records[at]);
            block.extend_from_slice(&records[at..label_end]);
            if records[at] == 0 {
                return;
            }
            at = label_end;
        }
    }
}
