//! A decoded message as a tree: a value a line, what is inside further to the right.

use super::words::{Style, generic_value, write_problem_line};
use crate::{
    decode::tree::{Name, Tree, Value},
    render::buffer::Buffer,
};

/// Spaces for each nest.
const INDENT: usize = 2;

/// Columns of the names beside each other.
const NAMES: usize = 24;

/// Appends the lines, each with its line break. `depth` is how far to the right they start.
pub fn tree_text(out: &mut Buffer, tree: &Tree<'_>, depth: usize, style: Style<'_>) {
    for index in tree.roots() {
        node(out, tree, index, depth, style);
    }
}

fn node(out: &mut Buffer, tree: &Tree<'_>, index: usize, depth: usize, style: Style<'_>) {
    for index in tree.list(index) {
        one(out, tree, index, depth, style);
    }
}

fn one(out: &mut Buffer, tree: &Tree<'_>, index: usize, depth: usize, style: Style<'_>) {
    let this = tree.node(index);
    out.spaces(INDENT * depth);
    let from = out.place();
    match this.name {
        _ if matches!(this.value, Value::Problem(_)) => {}
        Name::Known(name) => out.raw(name.as_bytes()),
        Name::Attribute(number) => out.raw(format!("attr_{number}").as_bytes()),
        Name::Index(number) => out.raw(format!("[{number}]").as_bytes()),
        Name::Foreign(name) => {
            out.terminal_text(name, style.charset);
        }
    }
    let width = out.place() - from;
    match this.value {
        Value::Nest | Value::Array => {
            if this.cut {
                out.raw(b" ");
                out.raw(style.charset.ellipsis().as_bytes());
            }
            out.raw(b"\n");
            for child in tree.children(index) {
                node(out, tree, child, depth + 1, style);
            }
        }
        Value::Flag => out.raw(b"\n"),
        Value::Problem(problem) => {
            write_problem_line(out, problem, this.offset);
            out.raw(b"\n");
        }
        _ => {
            out.spaces(NAMES.saturating_sub(width + INDENT * depth).max(1));
            generic_value(out, tree, index, style);
            out.raw(b"\n");
        }
    }
}
