//! The one place in this crate that talks to the processor directly: prefetch hints, comparing a
//! whole bucket of tags at once, comparing short strings of octets without a call.
//!
//! A look-up in a large zone waits mostly for memory. The UDP loop therefore asks for the lines of
//! a whole batch before it reads the first of them.
#![allow(
    unsafe_code,
    reason = "prefetching and vector comparison are intrinsics of the processor"
)]

/// Asks the processor to bring the line that holds `place` into its cache. A hint: it changes no
/// state and cannot fault.
#[inline(always)]
pub(crate) fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the address comes from a live reference, and `prefetcht0` never faults anyway.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// Which of eight tags equal `tag`: bit `i` for place `i`.
#[inline(always)]
pub(crate) fn equal_tags(tags: &[u32; 8], tag: u32) -> u32 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE2 is part of every x86-64 processor; both unaligned loads lie within the array.
    unsafe {
        use std::arch::x86_64::{
            _mm_cmpeq_epi32, _mm_loadu_si128, _mm_movemask_epi8, _mm_packs_epi16, _mm_packs_epi32,
            _mm_set1_epi32, _mm_setzero_si128,
        };
        let first = tags.as_ptr().cast();
        let wanted = _mm_set1_epi32(tag.cast_signed());
        let low = _mm_cmpeq_epi32(_mm_loadu_si128(first), wanted);
        let high = _mm_cmpeq_epi32(_mm_loadu_si128(first.add(1)), wanted);
        // Each step halves the width: 32 bits of ones or zeros, then 16, then 8, then one.
        let words = _mm_packs_epi32(low, high);
        let octets = _mm_packs_epi16(words, _mm_setzero_si128());
        _mm_movemask_epi8(octets).cast_unsigned()
    }
    #[cfg(not(target_arch = "x86_64"))]
    tags.iter()
        .enumerate()
        .fold(0, |bits, (i, own)| bits | u32::from(*own == tag) << i)
}

/// Whether two strings of octets are equal: for names, which are too short to be worth a call.
#[inline(always)]
pub(crate) fn same_octets(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let word = |octets: &[u8; 8]| u64::from_le_bytes(*octets);
    if let (Some(a_end), Some(b_end)) = (a.last_chunk::<8>(), b.last_chunk::<8>()) {
        // The last eight overlap those before them where the length is no multiple of eight.
        let (a, _) = a.as_chunks::<8>();
        let (b, _) = b.as_chunks::<8>();
        return a.iter().zip(b).all(|(a, b)| word(a) == word(b)) && word(a_end) == word(b_end);
    }
    a.iter().zip(b).all(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_in_every_place() {
        for place in 0..8 {
            let mut tags = [7u32; 8];
            tags[place] = 0x8000_0001;
            assert_eq!(equal_tags(&tags, 0x8000_0001), 1 << place);
            assert_eq!(equal_tags(&tags, 7), 0xff & !(1 << place));
            assert_eq!(equal_tags(&tags, 1), 0);
        }
    }

    #[test]
    fn octets_are_the_same_only_where_all_are() {
        for len in 0..40 {
            let a: Vec<u8> = (0..len).collect();
            assert!(same_octets(&a, &a.clone()));
            for place in 0..usize::from(len) {
                let mut b = a.clone();
                b[place] ^= 0x80;
                assert!(!same_octets(&a, &b), "{place} of {len}");
            }
            assert!(!same_octets(&a, &[&a[..], &[0]].concat()));
        }
    }
}
