//! Question and zone set in, response bytes out.
//!
//! Pure and synchronous: no clock, no socket, no lock, and no allocation once warm. A message is read
//! ([`request`]) into what it asks ([`kind`]) or into what is wrong with it ([`rcode`]).

pub mod kind;
pub mod rcode;
pub mod request;

pub use kind::{Kind, Transport};
pub use rcode::{Fault, Rcode};
pub use request::{Edns, Reading, Request};
