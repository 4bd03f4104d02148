//! End-to-end tests: what nltest and nltrace promise, shown inside a booted kernel.
//!
//! `cargo xtask test` boots each kernel and runs this package's one test program in it as root, one test after the other.
//! `guest` is what the tests are written with; every other file is one subject.

#[cfg(test)]
mod guest;

#[cfg(test)]
mod c_programs;
#[cfg(test)]
mod capture_end;
#[cfg(test)]
mod client;
#[cfg(test)]
mod counts;
#[cfg(test)]
mod delays;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod filters;
#[cfg(test)]
mod following;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod kernel_modules;
#[cfg(test)]
mod library;
#[cfg(test)]
mod loss;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod module;
#[cfg(test)]
mod namespaces;
#[cfg(test)]
mod nesting;
#[cfg(test)]
mod plain_text;
#[cfg(test)]
mod privileges;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod standard_output;
#[cfg(test)]
mod tracepoints;
#[cfg(test)]
mod ynl;
