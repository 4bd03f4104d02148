//! `nltrace decode`: messages in words, from bytes that somebody has.

use std::io::{self, IsTerminal as _, Read as _};

use anyhow::{Context as _, bail};
use netlink_specs::{Loaded, load};
use terminal::Charset;

use super::conclude::STDOUT;
use crate::{
    decode::{
        Family, Messages,
        notation::{self, Found},
        tree::{Decoder, GenericFamily, Tree, likeliest_family},
    },
    exit::Exit,
    note,
    options::{DecodeFamily, DecodeOptions},
    render::{
        Buffer,
        json::message_json,
        text::{Limits, Style, message_text, message_tree},
    },
    sink::print,
};

/// Bytes of standard input that are read at most.
const INPUT_BYTES: u64 = 64 << 20;

/// Decodes, and prints a line, a tree or an object for each message.
pub(super) fn run(options: &DecodeOptions) -> anyhow::Result<Exit> {
    let own = match &options.specs {
        Some(path) => {
            let Loaded { table, .. } = load(path)?;
            Some(table)
        }
        None => None,
    };
    let mut decoder = Decoder::new(own);
    let input = input(options)?;
    let mut out = Buffer::default();
    let mut memory = Tree::default();
    let mut guessed = None;
    let style = Style { charset: Charset::from_environment(), interfaces: &(), limits: Limits::LONG };
    for found in notation::read(&input)? {
        let family = match &options.family {
            Some(DecodeFamily::Family(family)) => *family,
            Some(DecodeFamily::Generic(_)) => Family::GENERIC,
            None => match found.family {
                Some(family) => family,
                None => {
                    let family = likeliest_family(&decoder, &found.bytes, found.direction);
                    guessed = Some(family);
                    family
                }
            },
        };
        if let Some(DecodeFamily::Generic(name)) = &options.family {
            name_generic(&mut decoder, name, &found.bytes);
        }
        memory = datagram(&mut out, &mut decoder, family, &found, options, style, memory).recycle();
    }
    if let Some(family) = guessed {
        note(format_args!(
            "taken for messages of the family {family}; if that is wrong, name it with --family"
        ));
    }
    print(&out.rest(0)).context(STDOUT)?;
    Ok(Exit::Done)
}

fn input(options: &DecodeOptions) -> anyhow::Result<Vec<u8>> {
    if !options.bytes.is_empty() && options.bytes != ["-"] {
        return Ok(options.bytes.join(" ").into_bytes());
    }
    let stdin = io::stdin();
    if options.bytes.is_empty() && stdin.is_terminal() {
        bail!(
            "give the bytes of a message as an argument, or - to type or paste them and end with Ctrl-D; \
             `nltrace decode --help` has examples"
        );
    }
    let mut input = Vec::new();
    let read = stdin.lock().take(INPUT_BYTES + 1).read_to_end(&mut input);
    read.context("cannot read standard input")?;
    if input.len() as u64 > INPUT_BYTES {
        bail!("standard input has more than 64 MiB; decode a part of it");
    }
    Ok(input)
}

/// The message's type is the number of the family that the user has named.
fn name_generic(decoder: &mut Decoder, name: &str, bytes: &[u8]) {
    let number = bytes.get(4..6).and_then(|number| number.try_into().ok()).map(u16::from_ne_bytes);
    if let Some(number) = number {
        decoder.generic.insert(number, GenericFamily { name: name.to_owned(), ..GenericFamily::default() });
    }
}

fn datagram<'a>(
    out: &mut Buffer,
    decoder: &mut Decoder,
    family: Family,
    found: &'a Found,
    options: &DecodeOptions,
    style: Style<'_>,
    memory: Tree<'_>,
) -> Tree<'a> {
    let direction = options.direction.or(found.direction);
    let mut memory = memory.recycle();
    for message in Messages::new(family, &found.bytes, found.cut) {
        let tree = decoder.decode(family, &message, direction, memory);
        if family == Family::GENERIC {
            decoder.generic.learn(&message, direction, &tree);
        }
        if options.json {
            message_json(out, family, &message, &tree, &decoder.generic);
        } else if options.tree {
            message_tree(out, family, &message, &tree, &decoder.generic, style);
        } else {
            message_text(out, family, &message, &tree, &decoder.generic, style);
        }
        memory = tree.recycle();
    }
    memory
}
