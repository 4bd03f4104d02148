//! nltrace: see, time and explain every netlink message on a Linux machine.
//!
//! Data flows one way: kernel function → [`probes`] → [`events`] or histograms → [`model`] → [`output`].

pub mod capture;
pub mod cli;
pub mod commands;
pub mod decode;
pub mod events;
pub mod exit;
pub mod kernel;
pub mod model;
mod note;
pub mod output;
pub mod probes;

pub use note::note;
