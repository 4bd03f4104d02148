//! Nothing: the programs are in `main.rs`. Cargo needs a library here so that the tracer can depend on this package and
//! is built again when it changes.
#![no_std]
