//! `/proc/kallsyms`: which functions the kernel and its modules have.

use std::{
    fs::File,
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
    /// Whether this process may see addresses; they all read 0 where it may not (kernel.kptr_restrict, CAP_SYSLOG).
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
