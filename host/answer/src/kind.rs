//! Which machine a message belongs to. Everything that is not in this list is answered NOTIMP.

use bailiwick_zone::RecordType;

use crate::rcode::Fault;

/// How a message reached us; only UDP answers are short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One datagram each way.
    Udp,
    /// A stream (TCP, TLS, QUIC): messages up to 65,535 octets, and zone transfers.
    Stream,
}

/// What is asked of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An ordinary question; [`crate::Job::answer`] answers it.
    Query,
    /// A whole zone, over a stream (RFC 5936).
    Axfr,
    /// The changes of a zone, over a stream (RFC 1995).
    Ixfr,
    /// A primary says that a zone changed (RFC 1996).
    Notify,
    /// Dynamic update (RFC 2136).
    Update,
}

const OPCODE_QUERY: u8 = 0;
const OPCODE_NOTIFY: u8 = 4;
const OPCODE_UPDATE: u8 = 5;

impl Kind {
    /// The kind an opcode announces, before the question is read.
    #[inline]
    pub(crate) fn of_opcode(opcode: u8) -> Result<Self, Fault> {
        match opcode {
            OPCODE_QUERY => Ok(Self::Query),
            OPCODE_NOTIFY => Ok(Self::Notify),
            OPCODE_UPDATE => Ok(Self::Update),
            // IQUERY (obsolete, RFC 3425), STATUS, DSO and the unassigned ones.
            _ => Err(Fault::Opcode),
        }
    }

    /// What an opcode QUERY becomes once its type is known.
    #[inline]
    pub(crate) fn of_question(qtype: RecordType, transport: Transport) -> Result<Self, Fault> {
        match qtype.0 {
            1..=40 | 42..=127 | 256.. => Ok(Self::Query),
            // RFC 8482 says what ANY means today.
            255 => Ok(Self::Query),
            252 => match transport {
                Transport::Stream => Ok(Self::Axfr),
                // RFC 5936 4.2: AXFR over UDP is not defined; BIND says FORMERR as well.
                Transport::Udp => Err(Fault::AxfrOverUdp),
            },
            251 => match transport {
                Transport::Stream => Ok(Self::Ixfr),
                // RFC 1995 2: a lone SOA is an answer that makes the client come back over TCP.
                Transport::Udp => Ok(Self::Query),
            },
            // OPT and TSIG are parts of messages; 0 marks SIG(0) (RFC 6895 3.1).
            0 | 41 | 250 => Err(Fault::MetaType),
            // RFC 6895 3.1: 128–255 are query and meta types: TKEY, MAILA, MAILB and unassigned.
            128..=255 => Err(Fault::QueryType),
        }
    }
}
