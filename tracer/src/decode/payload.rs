//! What is in the messages of the families that are understood, a family a file.

pub(super) mod generic;
pub(super) mod nltest;
