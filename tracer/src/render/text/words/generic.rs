//! Values by name: `name=value`, nests in braces, lists in brackets.

use crate::{
    decode::tree::{Bits, Name, Problem, Tree, Value},
    render::{
        buffer::{Buffer, is_text},
        text::words::Style,
        values,
    },
};

/// `name=value`; a flag is its name.
pub(super) fn named(out: &mut Buffer, tree: &Tree<'_>, index: usize, style: Style<'_>) {
    let node = tree.node(index);
    if let Value::Problem(problem) = node.value {
        return write_problem(out, problem, node.offset);
    }
    name(out, node.name, style);
    if matches!(node.value, Value::Flag) && !node.is_listed() {
        return;
    }
    out.byte(b'=');
    if !node.is_listed() {
        return value(out, tree, index, style);
    }
    out.byte(b'[');
    for (count, item) in tree.list(index).enumerate() {
        if count != 0 {
            out.raw(b", ");
        }
        if count == style.limits.items {
            out.raw(style.charset.ellipsis().as_bytes());
            break;
        }
        value(out, tree, item, style);
    }
    out.byte(b']');
}

pub(super) fn name(out: &mut Buffer, name: Name<'_>, style: Style<'_>) {
    match name {
        Name::Known(known) => out.raw(known.as_bytes()),
        Name::Attribute(number) => out.raw(format!("attr_{number}").as_bytes()),
        Name::Index(number) => out.number(number.into()),
        Name::Foreign(bytes) => {
            out.terminal_text(bytes.get(..style.limits.text).unwrap_or(bytes), style.charset);
        }
    }
}

/// A value without its name.
pub(in crate::render::text) fn value(out: &mut Buffer, tree: &Tree<'_>, index: usize, style: Style<'_>) {
    let node = tree.node(index);
    match node.value {
        Value::Number(number) => out.number(number),
        Value::Nest => within(out, tree, index, style, [b"{", b"}"]),
        Value::Array => within(out, tree, index, style, [b"[", b"]"]),
        Value::Bits(bits) => write_bits(out, bits),
        Value::Text(text) => quoted(out, text, style),
        Value::Bytes(bytes) if is_text(bytes) => quoted(out, bytes, style),
        Value::Bytes(bytes) => hex(out, bytes, node.cut, style),
        Value::Interface(number) => interface(out, number, style),
        Value::Problem(problem) => write_problem(out, problem, node.offset),
        other => values::write(out, other),
    }
    if node.cut && !matches!(node.value, Value::Bytes(bytes) if !is_text(bytes)) {
        out.raw(style.charset.ellipsis().as_bytes());
    }
}

fn within(out: &mut Buffer, tree: &Tree<'_>, index: usize, style: Style<'_>, around: [&[u8]; 2]) {
    let is_array = matches!(tree.node(index).value, Value::Array);
    let (before, after) = (around[0], around[1]);
    out.raw(before);
    for (count, child) in tree.children(index).enumerate() {
        if count != 0 {
            out.raw(if is_array { b", " } else { b" " });
        }
        if count == style.limits.items && is_array {
            out.raw(style.charset.ellipsis().as_bytes());
            break;
        }
        if is_array {
            value(out, tree, child, style);
        } else {
            named(out, tree, child, style);
        }
    }
    out.raw(after);
}

fn write_bits(out: &mut Buffer, bits: Bits) {
    let mut bar: &[u8] = b"";
    for name in bits.named() {
        out.raw(bar);
        out.raw(name.as_bytes());
        bar = b"|";
    }
    let unnamed = bits.unnamed();
    if unnamed != 0 || bits.value == 0 {
        out.raw(bar);
        if unnamed == 0 { out.byte(b'0') } else { values::write(out, Value::Hex(unnamed)) }
    }
}

fn quoted(out: &mut Buffer, text: &[u8], style: Style<'_>) {
    let shown = text.get(..style.limits.text).unwrap_or(text);
    out.raw(b"\"");
    out.terminal_text(shown, style.charset);
    out.raw(b"\"");
    if shown.len() < text.len() {
        out.raw(style.charset.ellipsis().as_bytes());
    }
}

/// Bytes and how many they are.
fn hex(out: &mut Buffer, bytes: &[u8], cut: bool, style: Style<'_>) {
    let shown = bytes.get(..style.limits.hex).unwrap_or(bytes);
    out.hex(shown);
    if shown.len() < bytes.len() || cut {
        out.raw(style.charset.ellipsis().as_bytes());
    }
    if !bytes.is_empty() {
        out.byte(b'(');
        out.number(bytes.len() as u64);
        out.byte(b')');
    } else if !cut {
        out.raw(b"(0)");
    }
}

pub(super) fn interface(out: &mut Buffer, number: u32, style: Style<'_>) {
    match style.interfaces.name(number) {
        Some(name) => {
            out.terminal_text(name.as_bytes(), style.charset);
        }
        None => out.signed(number.cast_signed().into()),
    }
}

pub(in crate::render::text) fn write_problem(out: &mut Buffer, problem: Problem, offset: u32) {
    let text = match problem {
        Problem::Cut(missing) => format!("[cut at {offset}: {missing} bytes were not captured]"),
        Problem::Bad { claimed, left } => {
            format!("[bad attribute at {offset}: length {claimed} where {left} bytes are left]")
        }
    };
    out.raw(text.as_bytes());
}
