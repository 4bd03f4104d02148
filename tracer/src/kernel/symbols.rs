//! `/proc/kallsyms`: which functions the kernel and its modules have.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufRead as _, BufReader},
    path::Path,
};

/// A function's line in kallsyms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// The module that it is in; None: the kernel itself.
    pub module: Option<String>,
    /// Whether this process may see addresses; they all read 0 where it may not (kernel.kptr_restrict,
    /// CAP_SYSLOG).
    pub address_shown: bool,
}

/// The functions of these names, in the kernel's order. Reads the whole file, some ten megabytes, in pieces.
pub fn find(root: &Path, names: &[&str]) -> io::Result<Vec<Symbol>> {
    let mut file = BufReader::with_capacity(64 << 10, File::open(root.join("proc/kallsyms"))?);
    let mut found = Vec::new();
    let mut line = Vec::with_capacity(256);
    while file.read_until(b'\n', &mut line)? > 0 {
        found.extend(parse(line.trim_ascii_end(), names));
        line.clear();
    }
    Ok(found)
}

/// The functions that addresses lie in, in their order; None: none is known, or the kernel does not show
/// addresses. Reads the whole file twice.
pub fn names(root: &Path, addresses: &[u64]) -> io::Result<Vec<Option<String>>> {
    let mut sorted = addresses.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    // For each address where the function begins that is nearest before it. Modules are not in the order of
    // their addresses.
    let mut starts = vec![0; sorted.len()];
    each_function(root, |start, _, _| {
        let first = sorted.partition_point(|address| *address < start);
        // The farther an address, the nearer its function's start to it, or the same.
        starts[first..]
            .iter_mut()
            .take_while(|nearest| **nearest < start)
            .for_each(|nearest| *nearest = start);
    })?;
    let ends = module_ends(root);
    let mut names = vec![None; sorted.len()];
    each_function(root, |start, name, module| {
        // Behind a module's memory lies what has no name there, as a trampoline.
        let end = module.and_then(|module| ends.get(module).copied()).unwrap_or(u64::MAX);
        let places = names.iter_mut().zip(&starts).zip(&sorted);
        for ((place, _), _) in
            places.filter(|((name, known), address)| name.is_none() && **known == start && **address < end)
        {
            *place = Some(name.to_owned());
        }
    })?;
    let name = |address: &u64| {
        let index = sorted.binary_search(address).ok()?;
        names[index].clone().filter(|_| address - starts[index] < FARTHEST)
    };
    Ok(addresses.iter().map(name).collect())
}

/// Where the memory of each module ends, by the module's name; none where the kernel does not show that.
fn module_ends(root: &Path) -> HashMap<String, u64> {
    let modules = fs::read_to_string(root.join("proc/modules")).unwrap_or_default();
    let end = |line: &str| {
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        let [name, size, _, _, _, address, ..] = words.as_slice() else { return None };
        let start = u64::from_str_radix(address.strip_prefix("0x")?, 16).ok().filter(|start| *start != 0)?;
        Some(((*name).to_owned(), start.checked_add(size.parse().ok()?)?))
    };
    modules.lines().filter_map(end).collect()
}

/// Calls `each` with where a function begins, its name, and the module that it is in.
fn each_function(root: &Path, mut each: impl FnMut(u64, &str, Option<&str>)) -> io::Result<()> {
    let mut file = BufReader::with_capacity(64 << 10, File::open(root.join("proc/kallsyms"))?);
    let mut line = Vec::with_capacity(256);
    while file.read_until(b'\n', &mut line)? > 0 {
        if let Some((start, name, module)) = function(line.trim_ascii_end()) {
            each(start, name, module);
        }
        line.clear();
    }
    Ok(())
}

/// No function is longer, in bytes: what lies farther behind the last one is in none.
const FARTHEST: u64 = 1 << 20;

/// Where a line's function begins, its name, and its module; None: it is no function's, or addresses are not
/// shown.
fn function(line: &[u8]) -> Option<(u64, &str, Option<&str>)> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_ascii_whitespace();
    let start = u64::from_str_radix(words.next()?, 16).ok().filter(|start| *start != 0)?;
    matches!(words.next()?, "t" | "T" | "w" | "W").then_some(())?;
    let (name, module) = (words.next()?, words.next());
    Some((start, name, module.and_then(|module| module.strip_prefix('[')?.strip_suffix(']'))))
}

/// `ADDRESS TYPE NAME` or `ADDRESS TYPE NAME<tab>[MODULE]`, if it is a function's and has one of the names.
fn parse(line: &[u8], names: &[&str]) -> Option<Symbol> {
    let space = line.iter().position(|byte| *byte == b' ')?;
    let (address, [_, b't' | b'T' | b'w' | b'W', b' ', rest @ ..]) = line.split_at(space) else {
        return None;
    };
    let end = rest.iter().position(|byte| *byte == b'\t').unwrap_or(rest.len());
    let (name, module) = rest.split_at(end);
    let name = names.iter().find(|wanted| wanted.as_bytes() == name)?;
    let module = module.strip_prefix(b"\t[").and_then(|module| module.strip_suffix(b"]"));
    Some(Symbol {
        name: (*name).to_owned(),
        module: module.map(|module| String::from_utf8_lossy(module).into_owned()),
        address_shown: address.iter().any(|digit| *digit != b'0'),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fixture::Root;

    const SHOWN: &str = "ffffffff81000000 T _text\n\
        ffffffff81b04e20 T netlink_unicast\n\
        ffffffff81b04e40 D netlink_broadcast\n\
        ffffffff81b04e60 t netlink_unicast.cold\n\
        ffffffffc0a3f010 t test_nl_receive_message\t[nltest]\n";

    #[test]
    fn functions_are_found_by_their_whole_name_with_their_module() {
        let root = Root::new().file("proc/kallsyms", SHOWN);
        let names = ["netlink_unicast", "netlink_broadcast", "test_nl_receive_message"];
        let found = find(root.path(), &names).unwrap();
        let symbol = |name: &str, module: Option<&str>| Symbol {
            name: name.to_owned(),
            module: module.map(str::to_owned),
            address_shown: true,
        };
        assert_eq!(
            found,
            [symbol("netlink_unicast", None), symbol("test_nl_receive_message", Some("nltest"))]
        );
    }

    #[test]
    fn what_lies_behind_a_module_is_in_none_of_its_functions() {
        let modules =
            "nltest 16384 0 - Live 0xffffffffc0a3e000 (OE)\nother 4096 1 nltest, Live 0x0000000000000000\n";
        let root = Root::new().file("proc/kallsyms", SHOWN).file("proc/modules", modules);
        let names = names(root.path(), &[0xffff_ffff_c0a4_1fff, 0xffff_ffff_c0a4_2000]).unwrap();
        assert_eq!(names, [Some("test_nl_receive_message".to_owned()), None]);
    }

    #[test]
    fn an_address_lies_in_the_function_that_begins_before_it() {
        let root = Root::new().file("proc/kallsyms", SHOWN);
        let at = |addresses: &[u64]| {
            let names = names(root.path(), addresses).unwrap();
            names.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>()
        };
        assert_eq!(
            at(&[
                0xffff_ffff_c0a3_f011,
                0xffff_ffff_81b0_4e20,
                0xffff_ffff_81b0_4e7f,
                5,
                0xffff_ffff_81b0_4e20
            ]),
            ["test_nl_receive_message", "netlink_unicast", "netlink_unicast.cold", "", "netlink_unicast"]
        );
        assert_eq!(at(&[u64::MAX]), [""], "far behind the last one");
        let hidden = Root::new().file("proc/kallsyms", "0000000000000000 T netlink_unicast\n");
        assert_eq!(super::names(hidden.path(), &[7]).unwrap(), [None]);
    }

    #[test]
    fn hidden_addresses_hide_no_names() {
        let hidden =
            SHOWN.lines().map(|line| format!("0000000000000000{}\n", &line[16..])).collect::<String>();
        let root = Root::new().file("proc/kallsyms", &hidden);
        let found = find(root.path(), &["netlink_unicast"]).unwrap();
        assert!(matches!(&found[..], [symbol] if !symbol.address_shown));
    }

    #[test]
    fn lines_of_another_form_are_passed_over() {
        let root = Root::new().file("proc/kallsyms", "\n0 \n0 t\n0 t \nnonsense\n0 T netlink_unicast");
        assert_eq!(find(root.path(), &["netlink_unicast"]).unwrap().len(), 1);
        assert!(find(Path::new("/nonexistent"), &[]).is_err());
    }
}
