//! A small BTF file is built here, with the shapes that a kernel's has: anonymous unions, typedefs, flagged
//! structs.

use super::*;

#[derive(Default)]
struct Builder {
    types: Vec<u8>,
    strings: Vec<u8>,
    count: u32,
}

impl Builder {
    fn new() -> Self {
        Self { strings: vec![0], ..Self::default() }
    }

    fn name(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let at = self.strings.len() as u32;
        self.strings.extend_from_slice(name.as_bytes());
        self.strings.push(0);
        at
    }

    fn words(&mut self, words: &[u32]) {
        self.types.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
    }

    fn ty(&mut self, name: &str, kind: u32, vlen: u32, size_or_type: u32) -> u32 {
        let name = self.name(name);
        self.words(&[name, kind << 24 | vlen, size_or_type]);
        self.count += 1;
        self.count
    }

    fn aggregate(&mut self, name: &str, info: u32, members: &[(&str, u32, u32)]) -> u32 {
        let name = self.name(name);
        let mut words = vec![name, info | members.len() as u32, 0];
        for (member, ty, bits) in members {
            words.extend([self.name(member), *ty, *bits]);
        }
        self.words(&words);
        self.count += 1;
        self.count
    }

    fn structure(&mut self, name: &str, members: &[(&str, u32, u32)]) -> u32 {
        self.aggregate(name, kind::STRUCT << 24, members)
    }

    fn union(&mut self, members: &[(&str, u32, u32)]) -> u32 {
        self.aggregate("", kind::UNION << 24, members)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        for word in [24, 0, types, types, strings] {
            bytes.extend(word.to_ne_bytes());
        }
        bytes.extend(&self.types);
        bytes.extend(&self.strings);
        bytes
    }
}

/// A kernel's types as small as they can be; without the member `left_out`.
fn kernel(left_out: &str) -> Builder {
    let mut b = Builder::new();
    let int = b.ty("int", 1, 0, 4);
    b.words(&[32]);
    let pointer = b.ty("", 2, 0, int);
    let array = b.ty("", 3, 0, 0);
    b.words(&[int, int, 48]);
    b.ty("color", 6, 2, 4);
    b.words(&[0, 0, 0, 1]);
    let list = b.structure("", &[("next", pointer, 0), ("prev", pointer, 64)]);
    let queue = b.union(&[("", list, 0), ("list", list, 0)]);
    let owner = b.union(&[("sk", pointer, 0), ("ip_defrag_offset", int, 0)]);
    b.structure(
        "sk_buff",
        &[
            ("", queue, 0),
            ("", owner, 128),
            ("cb", array, 192),
            (if left_out == "len" { "length" } else { "len" }, int, 576),
            ("data_len", int, 608),
            ("data", pointer, 640),
        ],
    );
    b.structure("netlink_skb_parms", &[("creds", list, 0), ("portid", int, 128)]);
    let possible = b.structure("", &[("net", pointer, 0)]);
    let possible = b.ty("possible_net_t", kind::TYPEDEF, 0, possible);
    let common = b.structure("sock_common", &[("skc_hash", int, 0), ("skc_net", possible, 384)]);
    // A flagged struct: the top eight bits of an offset are the width of a bit-field.
    b.aggregate(
        "sock",
        1 << 31 | kind::STRUCT << 24,
        &[("__sk_common", common, 64), ("sk_padding", int, 1 << 24 | 1023), ("sk_protocol", int, 1024)],
    );
    let ns = b.structure("ns_common", &[("inum", int, 192)]);
    b.structure("net", &[("passive", int, 0), ("ns", ns, 1024)]);
    b.structure("task_struct", &[("pid", int, 800), ("tgid", int, 832), ("comm", array, 1600)]);
    let proto = b.ty("", 13, 1, int);
    b.words(&[0, pointer]);
    for function in ["netlink_unicast", "netlink_broadcast", "netlink_broadcast_deliver"] {
        b.ty(function, kind::FUNC, 0, proto);
    }
    b.ty("net_mutex", 14, 0, int);
    b.words(&[0]);
    b
}

/// What the tests look for.
fn query() -> Query {
    Query {
        structs: vec!["sk_buff", "netlink_skb_parms", "sock", "net", "task_struct"],
        enums: vec!["color"],
        functions: vec!["netlink_unicast", "netlink_broadcast", "genl_rcv", "f"],
    }
}

/// Members as the programs need them, as far as they are there.
fn members(btf: &Btf<'_>) -> Result<Vec<u32>, BtfError> {
    let members: [(&str, &[&str]); 8] = [
        ("sk_buff", &["len"]),
        ("sk_buff", &["data"]),
        ("sk_buff", &["sk"]),
        ("sk_buff", &["cb"]),
        ("netlink_skb_parms", &["portid"]),
        ("sock", &["__sk_common", "skc_net", "net"]),
        ("sock", &["sk_protocol"]),
        ("net", &["ns", "inum"]),
    ];
    members.into_iter().map(|(structure, path)| btf.member(structure, path)).collect()
}

#[test]
fn offsets_are_found_through_anonymous_unions_typedefs_and_flagged_structs() {
    let bytes = kernel("").bytes();
    let btf = Btf::parse(&bytes, &query()).unwrap();
    assert_eq!(members(&btf).unwrap(), [72, 80, 16, 24, 16, 8 + 48, 128, 128 + 24]);
}

#[test]
fn a_function_counts_only_by_its_whole_name_and_however_short_that_is() {
    let mut b = kernel("");
    let f = b.ty("f", kind::FUNC, 0, 1);
    b.ty("fg", kind::FUNC, 0, 1);
    let bytes = b.bytes();
    let btf = Btf::parse(&bytes, &query()).unwrap();
    let known = ["netlink_unicast", "netlink_broadcast", "genl_rcv", "f"].map(|name| btf.function(name));
    assert!(known[0].is_some() && known[1].is_some() && known[2].is_none() && known[3] == Some(f));
    assert_eq!(btf.function("netlink_broadcast_deliver"), None, "nobody asked for it");
}

#[test]
fn enumerators_are_found_by_their_whole_name() {
    let mut b = Builder::new();
    let (red, green) = (b.name("RED"), b.name("GREEN"));
    b.ty("color", kind::ENUM, 2, 4);
    b.words(&[red, 0, green, 1]);
    let bytes = b.bytes();
    let btf = Btf::parse(&bytes, &query()).unwrap();
    let has = |name: &str| btf.has_enumerator("color", name);
    assert!(
        has("RED") && has("GREEN") && !has("GREE") && !has("BLUE") && !btf.has_enumerator("shape", "RED")
    );
}

#[test]
fn a_member_that_is_not_there_is_named() {
    let bytes = kernel("len").bytes();
    let error = members(&Btf::parse(&bytes, &query()).unwrap()).unwrap_err();
    assert!(error.to_string().contains("struct sk_buff with len"), "{error}");
    let bytes = Builder::new().bytes();
    let error = members(&Btf::parse(&bytes, &query()).unwrap()).unwrap_err();
    assert!(error.to_string().contains("struct sk_buff"), "{error}");
}

#[test]
fn a_missing_file_says_which_kernel_option_brings_it() {
    let error = read(Path::new("/nonexistent"), &query(), |_| Ok(())).unwrap_err().to_string();
    assert!(
        error.contains("CONFIG_DEBUG_INFO_BTF") && error.contains("/nonexistent/sys/kernel/btf/vmlinux"),
        "{error}"
    );
}

#[test]
fn cut_and_spoilt_files_are_errors() {
    let whole = kernel("").bytes();
    let look = |bytes: &[u8]| members(&Btf::parse(bytes, &query())?);
    for len in 0..whole.len() {
        assert!(look(&whole[..len]).is_err(), "{len} of {} bytes", whole.len());
    }
    // Any byte may be wrong: an answer or an error, but no panic and no endless loop.
    for at in 0..whole.len() {
        for bits in [0x01, 0x80, 0xff] {
            let mut spoilt = whole.clone();
            spoilt[at] ^= bits;
            let _ = look(&spoilt);
        }
    }
}
