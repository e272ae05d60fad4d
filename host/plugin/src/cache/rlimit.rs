//! Limits that a process sets upon itself before it compiles what a stranger sent, and the priority
//! of threads that run it.

use std::io;

/// Address space, CPU seconds and no core file; and a lower priority, so that a compilation takes
/// nothing from the threads that answer queries.
pub(super) fn confine(address_space: u64, cpu_seconds: u64) -> io::Result<()> {
    set(libc::RLIMIT_AS, address_space)?;
    set(libc::RLIMIT_CPU, cpu_seconds)?;
    set(libc::RLIMIT_CORE, 0)?;
    step_back();
    Ok(())
}

/// Lowers the priority of the calling thread, and of those it starts: an answer waits for nobody, a
/// policy can. A guest that loops until its deadline then costs queries next to nothing.
pub(crate) fn step_back() {
    #[allow(
        unsafe_code,
        reason = "setpriority has no safe wrapper among our dependencies"
    )]
    // SAFETY: a system call on this thread (Linux: 0 is the caller), with plain numbers. It cannot
    // fail for a lower priority; if it did, nothing would be worse than without it.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, NICE);
    }
}

/// About a tenth of a query thread's weight.
const NICE: libc::c_int = 10;

fn set(resource: libc::__rlimit_resource_t, value: u64) -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: value,
        rlim_max: value,
    };
    #[allow(
        unsafe_code,
        reason = "setrlimit has no safe wrapper among our dependencies"
    )]
    // SAFETY: the pointer is to a live value of the right type, which the call only reads.
    let outcome = unsafe { libc::setrlimit(resource, &raw const limit) };
    if outcome == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
