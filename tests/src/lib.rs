//! End-to-end tests: what nltest and nltrace promise, shown inside a booted kernel.
//!
//! `cargo xtask test` boots each kernel and runs this package's one test program in it as root, a process for
//! each test, one test after the other. `guest` is what the tests are written with; every other file is one
//! subject.

#![cfg(test)]

mod guest;

mod c_programs;
mod capture_end;
mod cases;
mod client;
mod counts;
mod delays;
mod delivery;
mod drop_causes;
mod drop_origins;
mod drop_senders;
mod drops;
mod drops_report;
mod exchange_answers;
mod exchange_bounds;
mod exchange_cases;
mod exchange_datagrams;
mod exchange_drops;
mod exchange_endings;
mod exchange_errors;
mod exchange_fields;
mod exchange_locks;
mod exchange_sharing;
mod exchange_softirq;
mod exchange_times;
mod exchange_who;
mod exchange_witness;
mod exchanges;
mod filters;
mod following;
mod generated;
mod generic_names;
mod hangs;
mod hist_by;
mod kernel_modules;
mod large_payloads;
mod library;
mod loss;
mod malformed;
mod messages;
mod missed_returns;
mod module;
mod namespaces;
mod nesting;
mod outcomes;
mod plain_text;
mod privileges;
mod recording_files;
mod recordings;
mod refusals;
mod socket_owners;
mod sockets;
mod spans;
mod standard_output;
mod tracepoints;
mod words;
mod words_objects;
mod ynl;
