//! The data model of the DNS side: names, record types, records, RDATA of every type, master files,
//! zones and the set of them.
//!
//! This crate knows no clock, no socket and no async runtime. Everything in it is a plain value that
//! can be built and looked at in a test.

pub mod alias;
mod canon;
pub mod check;
pub mod file;
mod find;
pub mod hash;
mod image;
pub mod lookup;
pub mod master;
mod mem;
pub mod name;
mod overlay;
mod proof;
pub mod rdata;
pub mod record;
pub mod rrset;
pub mod rtype;
pub mod serial;
pub mod set;
pub mod snapshot;
mod token;
pub mod zone;

pub use alias::Alias;
pub use hash::{HashKey, LookupName};
pub use image::build::BuildError;
pub use lookup::{Lookup, Node};
pub use name::{Name, NameError, compare_wire};
pub use overlay::Change;
pub use proof::{NSEC3_ITERATIONS_MAX, Nsec3Params};
pub use record::{Record, RecordBuf};
pub use rrset::{Rrset, Target};
pub use rtype::{Class, RecordType};
pub use serial::Serial;
pub use set::{SharedZones, ZoneSet};
pub use snapshot::SnapshotError;
pub use zone::{Soa, Zone};
