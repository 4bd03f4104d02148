//! Only here so that the tracer's build script can depend on this package: the programs are in `main.rs`.
#![no_std]
