//! Looks up what other people's name servers say: the addresses behind the target of an ALIAS.
//!
//! The recursion is hickory's, from the root servers down; this crate puts three things around it and
//! shows none of its types. The **guard**: a target is a name that somebody else wrote, and what it leads
//! to is decided by people nobody here knows, so only public addresses are asked and only public
//! addresses are taken, unless the operator lists others ([`guard`]). The **limits**: one look-up has an
//! end in time, in queries (hickory's 200), in links of a chain and in addresses. And the **TTL**: what is
//! told is what the authority said, never the rest of something remembered, because whoever asks here
//! publishes it again under that TTL, and an RRset that came with another TTL at each look would be a
//! new version of the zone each time. So answers are not remembered; where to ask is.

mod dial;
pub mod guard;
mod lookup;
mod roots;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use bailiwick_zone::Name;
use hickory_resolver::recursor::Recursor;
use ipnet::IpNet;

use dial::Dial;
use guard::Guard;
pub use roots::IANA_ROOTS;

/// What a resolver is started with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResolverOptions {
    /// Where the root zone is asked for.
    pub roots: Vec<IpAddr>,
    /// The port of every name server; not 53 only where a whole DNS of its own is built, as tests do.
    pub port: u16,
    /// Name servers may have these addresses too, though they are not public.
    pub allow_servers: Vec<IpNet>,
    /// Answers may bring these addresses too, though they are not public.
    pub allow_answers: Vec<IpNet>,
    /// The end of one look-up, both address types together.
    pub timeout: Duration,
    /// Links of a chain of CNAMEs that are followed.
    pub chain_max: usize,
    /// Addresses of one type that are taken; more are left out, the highest first.
    pub addresses_max: usize,
}

impl Default for ResolverOptions {
    fn default() -> Self {
        Self {
            roots: IANA_ROOTS.to_vec(),
            port: 53,
            allow_servers: Vec::new(),
            allow_answers: Vec::new(),
            timeout: Duration::from_secs(10),
            chain_max: 16,
            addresses_max: 32,
        }
    }
}

/// The addresses of a name, as its own servers have them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Addresses {
    /// What was said to the question for A.
    pub v4: Found<Ipv4Addr>,
    /// What was said to the question for AAAA.
    pub v6: Found<Ipv6Addr>,
}

/// Addresses of one type, in rising order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found<T> {
    /// None where the name or the type does not exist.
    pub addresses: Vec<T>,
    /// The least TTL of the chain and the addresses, in seconds; for "none", how long that holds (RFC
    /// 2308 5).
    pub ttl: u32,
}

/// Why the addresses of a name are not known.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// Nobody answered, or not in time.
    #[error("its name servers did not answer in time")]
    Timeout,
    /// The name servers did not give an answer that can be used.
    #[error("its name servers gave no usable answer: {0}")]
    Failed(String),
    /// The guard refused an address.
    #[error(
        "its address {0} is not a public one; `allow-answers` of the section [resolver] would permit it"
    )]
    NotPublic(IpAddr),
    /// The chain is longer than what is followed.
    #[error("it is reached over more than {0} CNAMEs")]
    TooLong(usize),
    /// The chain comes back to itself.
    #[error("its CNAMEs lead in a circle")]
    Loop,
}

/// Asks from the root down. Cheap to clone; all clones share what they know of name servers.
#[derive(Clone)]
pub struct Resolver {
    recursor: Arc<Recursor<Dial>>,
    guard: Arc<Guard>,
    options: Arc<ResolverOptions>,
}

/// Why a resolver could not be made.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolverError {
    /// Without a root there is nobody to ask first.
    #[error("there is no root server to begin with")]
    NoRoots,
    /// The options do not fit together.
    #[error("the resolver cannot be set up: {0}")]
    Options(String),
}

impl Resolver {
    /// Ready to ask; nobody is asked yet.
    ///
    /// # Errors
    /// No roots.
    pub fn new(options: ResolverOptions) -> Result<Self, ResolverError> {
        if options.roots.is_empty() {
            return Err(ResolverError::NoRoots);
        }
        let guard = Arc::new(Guard::new(&options));
        let recursor = dial::recursor(&options, &guard)?;
        Ok(Self {
            recursor: Arc::new(recursor),
            guard,
            options: Arc::new(options),
        })
    }

    /// The addresses of `name`, asked for now. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// Where either question has no answer: half of the addresses would look like all of them.
    pub async fn addresses(&self, name: &Name) -> Result<Addresses, LookupError> {
        let both = async {
            tokio::try_join!(
                lookup::v4(&self.recursor, &self.guard, &self.options, name),
                lookup::v6(&self.recursor, &self.guard, &self.options, name)
            )
        };
        match tokio::time::timeout(self.options.timeout, both).await {
            Ok(Ok((v4, v6))) => Ok(Addresses { v4, v6 }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(LookupError::Timeout),
        }
    }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
