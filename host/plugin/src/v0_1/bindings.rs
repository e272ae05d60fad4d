//! What `bindgen!` makes of `wit/`. Nothing is written here.

#![allow(
    missing_docs,
    unreachable_pub,
    unnameable_types,
    unused_qualifications,
    clippy::use_self,
    clippy::or_fun_call,
    clippy::doc_markdown,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]

wasmtime::component::bindgen!({
    world: "every-kind",
    path: "../../wit",
    imports: { default: trappable },
});
