//! What a query was, for the bill and for the operator.
//!
//! The classes partition the total: every query that reaches us is in exactly one (FEATURES 5.4).
//! Which of them are billed is a plan's matter, not ours.

use std::ops::AddAssign;

/// The one class a query is in.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum Class {
    /// Data, NODATA, NXDOMAIN or a referral from a zone we serve.
    Answered,
    /// For a name outside every zone.
    Refused,
    /// Not a question we could read: FORMERR, a bad EDNS version, a question count other than one.
    Malformed,
    /// Dropped, truncated or denied by a lease or a rule.
    Limited,
    /// Matched a rule that says "attack", whatever was done with it.
    Attack,
    /// Our own measurements, known by their source.
    Probe,
    /// SOA refresh, transfers, NOTIFY, UPDATE.
    Control,
    /// CHAOS, health checks.
    Internal,
    /// Refused because the zone is suspended.
    Suspended,
}

impl Class {
    /// Every class, in the order of its number.
    pub const ALL: [Self; 9] = [
        Self::Answered,
        Self::Refused,
        Self::Malformed,
        Self::Limited,
        Self::Attack,
        Self::Probe,
        Self::Control,
        Self::Internal,
        Self::Suspended,
    ];

    /// Kebab-case name for metrics and JSON.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Malformed => "malformed",
            Self::Limited => "limited",
            Self::Attack => "attack",
            Self::Probe => "probe",
            Self::Control => "control",
            Self::Internal => "internal",
            Self::Suspended => "suspended",
        }
    }
}

/// Queries by class; the fields add up to all of them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[allow(missing_docs, reason = "each field is the class of that name")]
pub struct Usage {
    pub answered: u64,
    pub refused: u64,
    pub malformed: u64,
    pub limited: u64,
    pub attack: u64,
    pub probe: u64,
    pub control: u64,
    pub internal: u64,
    pub suspended: u64,
}

impl Usage {
    /// All queries, whatever their class.
    #[must_use]
    pub fn total(&self) -> u64 {
        Class::ALL
            .iter()
            .map(|class| self.of(*class))
            .fold(0, u64::wrapping_add)
    }

    /// Those of one class.
    #[must_use]
    pub const fn of(&self, class: Class) -> u64 {
        match class {
            Class::Answered => self.answered,
            Class::Refused => self.refused,
            Class::Malformed => self.malformed,
            Class::Limited => self.limited,
            Class::Attack => self.attack,
            Class::Probe => self.probe,
            Class::Control => self.control,
            Class::Internal => self.internal,
            Class::Suspended => self.suspended,
        }
    }

    /// What came since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut out = Self::default();
        for class in Class::ALL {
            *out.of_mut(class) = self.of(class).wrapping_sub(earlier.of(class));
        }
        out
    }

    pub(crate) const fn of_mut(&mut self, class: Class) -> &mut u64 {
        match class {
            Class::Answered => &mut self.answered,
            Class::Refused => &mut self.refused,
            Class::Malformed => &mut self.malformed,
            Class::Limited => &mut self.limited,
            Class::Attack => &mut self.attack,
            Class::Probe => &mut self.probe,
            Class::Control => &mut self.control,
            Class::Internal => &mut self.internal,
            Class::Suspended => &mut self.suspended,
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        for class in Class::ALL {
            let sum = self.of(class).wrapping_add(other.of(class));
            *self.of_mut(class) = sum;
        }
    }
}

/// More about the queries of a zone, whatever their class: what rating and weights may ask for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Detail {
    /// Answered that the name does not exist.
    pub nxdomain: u64,
    /// Answered that the name has no such data.
    pub nodata: u64,
    /// Came over a stream.
    pub tcp: u64,
    /// Asked for DNSSEC records.
    pub signed: u64,
    /// Octets of the queries.
    pub bytes_in: u64,
    /// Octets of the answers.
    pub bytes_out: u64,
    /// Units that went off leases.
    pub units: u64,
}

impl AddAssign for Detail {
    fn add_assign(&mut self, other: Self) {
        self.nxdomain = self.nxdomain.wrapping_add(other.nxdomain);
        self.nodata = self.nodata.wrapping_add(other.nodata);
        self.tcp = self.tcp.wrapping_add(other.tcp);
        self.signed = self.signed.wrapping_add(other.signed);
        self.bytes_in = self.bytes_in.wrapping_add(other.bytes_in);
        self.bytes_out = self.bytes_out.wrapping_add(other.bytes_out);
        self.units = self.units.wrapping_add(other.units);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FEATURES 5.4: classes partition the total.
    #[test]
    fn classes_add_up_to_the_total() {
        let mut usage = Usage::default();
        for (n, class) in (1u64..).zip(Class::ALL) {
            *usage.of_mut(class) += n;
        }
        assert_eq!(usage.total(), 45);
        assert_eq!(
            usage
                .since(&Usage {
                    answered: 1,
                    ..Usage::default()
                })
                .total(),
            44
        );
    }
}
