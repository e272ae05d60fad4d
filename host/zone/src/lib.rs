//! The data model of the DNS side: names, record types, records, RDATA of every type, master files.
//!
//! This crate knows no clock, no socket and no async runtime. Everything in it is a plain value that
//! can be built and looked at in a test.

pub mod name;
pub mod record;
pub mod rtype;
pub mod serial;

pub use name::{Name, NameError, compare_wire};
pub use record::{Record, RecordBuf};
pub use rtype::{Class, RecordType};
pub use serial::Serial;
