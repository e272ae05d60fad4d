//! Issue points 5 and 6: plugins that change and fail while 20,000 queries a second are answered,
//! and a flood that a plugin's rule holds back.
//!
//! Nothing here is compared with an absolute time.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod faults;
mod flood;
mod scene;

/// With nothing beside them, also where the tests of a file run in threads.
mod alone {
    use std::sync::{Mutex, PoisonError};

    static ONE: Mutex<()> = Mutex::new(());

    /// Issue point 5. RELIABILITY W6 and W7: a version is activated, traps, loops, eats memory; no
    /// answer is lost or slower, each fault is seen, the last leases stay in force (an account they
    /// refuse stays refused), and a second after the recovery there are fresh ones.
    #[test]
    fn a_plugin_that_is_swapped_traps_loops_or_eats_memory_costs_no_answer() {
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        super::faults::cost_no_answer();
    }

    /// Issue point 6. RELIABILITY P11: a water torture from one prefix is limited by a rule that the
    /// plugin returned, a quiet client elsewhere keeps its answers, the rule ends at its time, and
    /// another version of the plugin makes another rule.
    #[test]
    fn a_flood_is_limited_by_the_plugins_rule_and_a_quiet_client_is_not() {
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        super::flood::is_limited();
    }
}
