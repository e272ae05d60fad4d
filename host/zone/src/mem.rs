//! The one place in this crate that talks to the processor directly: cache-line sized buckets and
//! prefetch hints.
//!
//! A look-up in a large zone waits mostly for memory. The UDP loop therefore asks for the lines of
//! a whole batch before it reads the first of them.
#![allow(
    unsafe_code,
    reason = "prefetch is an intrinsic; it reads nothing and cannot fault"
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
