//! Error reports of resolvers (RFC 9567): a question below our agent domain is one, and its answer is
//! the zone's.

use bailiwick_answer::{ErrorReport, Job, Settings};

use crate::control::Control;
use crate::worker::Arrived;

/// Notes the report that a question is, if it is one. True: the sender has to come back by TCP or
/// with a cookie before it is believed (RFC 9567 6.3), so that reports cannot be forged in bulk.
#[cold]
pub(crate) fn must_prove(
    settings: &Settings,
    control: &dyn Control,
    job: &Job<'_>,
    arrived: &Arrived<'_>,
) -> bool {
    let Some(agent) = &settings.report_agent else {
        return false;
    };
    let Some(report) = ErrorReport::read(arrived.name, agent).filter(|_| job.zone.is_some()) else {
        return false;
    };
    if job.is_address_proven() {
        control.error_report(&report, arrived.source.to_ip());
        return false;
    }
    true
}
