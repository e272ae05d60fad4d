//! Plain types to bindings and back, one file an interface.
//!
//! The two sides have the same fields under the same names, so a conversion is a list of names: a
//! field that is missing, or has another type, does not compile. `both`, `inward` (host to guest)
//! and `outward` (guest to host) say in which direction one is needed.

mod abuse;
mod brand_ns;
mod dnssec_policy;
mod quota;
mod shared;

/// A conversion that cannot fail: checks come after it, on plain types.
pub(crate) trait To<T> {
    fn to(self) -> T;
}

impl<T: To<U>, U> To<Vec<U>> for Vec<T> {
    fn to(self) -> Vec<U> {
        self.into_iter().map(To::to).collect()
    }
}

impl<T: To<U>, U> To<Option<U>> for Option<T> {
    fn to(self) -> Option<U> {
        self.map(To::to)
    }
}

impl<T: To<U>, U> To<U> for Box<T> {
    fn to(self) -> U {
        (*self).to()
    }
}

macro_rules! same {
    ($($t:ty),*) => { $(
        impl To<$t> for $t {
            fn to(self) -> $t {
                self
            }
        }
    )* };
}
same!(bool, u8, u16, u32, u64, i16, i64, String, (String, String));

/// Converts a record field by field.
macro_rules! record {
    (both $plain:path, $wit:path { $($field:ident),* $(,)? }) => {
        record!(inward $plain, $wit { $($field),* });
        record!(outward $plain, $wit { $($field),* });
    };
    (inward $plain:path, $wit:path { $($field:ident),* $(,)? }) => {
        impl To<$wit> for $plain {
            fn to(self) -> $wit {
                $wit { $($field: self.$field.to()),* }
            }
        }
    };
    (outward $plain:path, $wit:path { $($field:ident),* $(,)? }) => {
        impl To<$plain> for $wit {
            fn to(self) -> $plain {
                $plain { $($field: self.$field.to()),* }
            }
        }
    };
}

/// Converts an enum or variant case by case; a case with a payload is written `Case(_)`.
macro_rules! cases {
    (both $plain:path, $wit:path { $($case:ident $(($value:ident))?),* $(,)? }) => {
        cases!(inward $plain, $wit { $($case $(($value))?),* });
        cases!(outward $plain, $wit { $($case $(($value))?),* });
    };
    (inward $plain:path, $wit:path { $($case:ident $(($value:ident))?),* $(,)? }) => {
        impl To<$wit> for $plain {
            fn to(self) -> $wit {
                use $plain as P;
                use $wit as W;
                match self { $(P::$case $(($value))? => W::$case $(($value.to()))?),* }
            }
        }
    };
    (outward $plain:path, $wit:path { $($case:ident $(($value:ident))?),* $(,)? }) => {
        impl To<$plain> for $wit {
            fn to(self) -> $plain {
                use $plain as P;
                use $wit as W;
                match self { $(W::$case $(($value))? => P::$case $(($value.to()))?),* }
            }
        }
    };
}

use {cases, record};
