//! A small kernel: what is kept of it and how it is written.

use super::*;
use crate::facts::wanted::Wanted;

const WANTED: Wanted<'static> = Wanted {
    structs: &["sock"],
    parts: &[("task", &["comm"])],
    functions: &["netlink_*"],
    typedefs: &["btf_trace_*"],
    enums: &["kinds"],
    enumerators: &["FLAG"],
    variables: &[],
    options: &[],
};

fn plain<'a>(name: &'a str, kind: u32, size_or_type: Word<'a>, tail: &[Word<'a>]) -> Type<'a> {
    Type { name, kind, flag: false, linkage: 0, size_or_type, tail: tail.to_vec() }
}

/// A type that refers to another.
fn to<'a>(name: &'a str, kind: u32, id: Id) -> Type<'a> {
    plain(name, kind, Word::Type(id), &[])
}

/// A type of `size` bytes with members or values.
fn sized<'a>(name: &'a str, kind: u32, size: u32, tail: &[Word<'a>]) -> Type<'a> {
    plain(name, kind, Word::Number(size), tail)
}

fn member<'a>(name: &'a str, id: Id, offset: u32) -> [Word<'a>; 3] {
    [Word::Name(name), Word::Type(id), Word::Number(offset)]
}

/// A type as one line: kind, name, size or the names of what it refers to, the tail likewise.
fn show(types: &[Type<'_>], ty: &Type<'_>) -> String {
    let word = |word: &Word<'_>| match word {
        Word::Name(name) => (*name).to_owned(),
        Word::Number(number) => number.to_string(),
        Word::Type(0) => "void".to_owned(),
        Word::Type(id) => match &types[*id as usize - 1] {
            Type { name: "", kind, .. } => format!("kind{kind}"),
            other => other.name.to_owned(),
        },
    };
    let words: Vec<String> = std::iter::once(&ty.size_or_type).chain(&ty.tail).map(word).collect();
    format!("{}{} {} = {}", ty.kind, if ty.flag { "+" } else { "" }, ty.name, words.join(" "))
}

fn kernel() -> Vec<Type<'static>> {
    let members = |members: &[[Word<'static>; 3]]| members.concat();
    vec![
        // 1 to 4
        sized("int", kind::INT, 4, &[Word::Number(32)]),
        sized("other", kind::STRUCT, 4, &members(&[member("x", 1, 0)])),
        to("", kind::PTR, 2),
        sized("unwanted", kind::STRUCT, 8, &members(&[member("other", 3, 0)])),
        // 5 to 8: embedded by value, with a union that has no name
        sized("", kind::UNION, 8, &members(&[member("one", 1, 0), member("two", 3, 0)])),
        sized("inner", kind::STRUCT, 8, &members(&[member("", 5, 0)])),
        to("inner_t", kind::TYPEDEF, 6),
        Type {
            flag: true,
            ..sized("sock", kind::STRUCT, 24, &members(&[member("in", 7, 0), member("up", 10, 128)]))
        },
        // 9 to 12: pointers to a function, to a struct without a name, to itself
        plain("", kind::FUNC_PROTO, Word::Type(0), &[Word::Name("sk"), Word::Type(11)]),
        to("", kind::PTR, 9),
        to("", kind::PTR, 8),
        sized("", kind::STRUCT, 4, &members(&[member("y", 1, 0)])),
        // 13 to 16
        to("", kind::PTR, 12),
        sized("task", kind::STRUCT, 99, &members(&[member("pid", 4, 0), member("comm", 13, 640)])),
        Type { linkage: 1, ..to("netlink_send", kind::FUNC, 16) },
        plain("", kind::FUNC_PROTO, Word::Type(1), &[Word::Name("e"), Word::Type(20)]),
        // 17 to 20
        to("tcp_send", kind::FUNC, 9),
        sized("kinds", kind::ENUM, 4, &[Word::Name("A"), Word::Number(0)]),
        sized("", kind::ENUM64, 8, &[Word::Name("FLAG"), Word::Number(0), Word::Number(1)]),
        sized("reasons", kind::ENUM, 4, &[Word::Name("B"), Word::Number(0)]),
        // 21 to 24
        plain("bpf_kfunc", kind::DECL_TAG, Word::Type(15), &[Word::Number(u32::MAX)]),
        plain("bpf_kfunc", kind::DECL_TAG, Word::Type(17), &[Word::Number(u32::MAX)]),
        to("btf_trace_sent", kind::TYPEDEF, 10),
        sized("section", kind::DATASEC, 4, &[Word::Type(1), Word::Number(0), Word::Number(4)]),
    ]
}

#[test]
fn what_is_embedded_stays_whole_and_what_is_pointed_to_keeps_its_name() {
    let types = kernel();
    let without_trace = Wanted { typedefs: &[], ..WANTED };
    let kept = cut(&types, &without_trace);
    let lines: Vec<String> = kept.iter().map(|ty| show(&kept, ty)).collect();
    assert_eq!(
        lines,
        [
            "1 int = 4 32",
            "7 other = 0",
            "2  = other",
            "5  = 8 one int 0 two kind2 0",
            "4 inner = 8  kind5 0",
            "8 inner_t = inner",
            "4+ sock = 24 in inner_t 0 up kind2 128",
            // To a function, and to a struct without a name.
            "2  = void",
            "2  = void",
            "4 task = 99 comm kind2 640",
            "12 netlink_send = kind13",
            "13  = int e reasons",
            "6 kinds = 4 A 0",
            "19  = 8 FLAG 0 1",
            // Its size is kept, its values are not.
            "6 reasons = 4",
            "17 bpf_kfunc = netlink_send 4294967295",
        ]
    );
}

#[test]
fn a_member_within_one_without_a_name_is_kept_where_only_some_are() {
    let types = [
        sized("int", kind::INT, 4, &[Word::Number(32)]),
        sized("", kind::UNION, 4, &member("comm", 1, 0)),
        sized("", kind::STRUCT, 4, &member("", 2, 0)),
        sized("", kind::STRUCT, 4, &member("pid", 1, 0)),
        sized("task", kind::STRUCT, 8, &[member("", 3, 0), member("", 4, 32)].concat()),
    ];
    let kept = cut(&types, &WANTED);
    let lines: Vec<String> = kept.iter().map(|ty| show(&kept, ty)).collect();
    let [int, union, inner, task] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((int.as_str(), union.as_str()), ("1 int = 4 32", "5  = 4 comm int 0"));
    assert_eq!((inner.as_str(), task.as_str()), ("4  = 4  kind5 0", "4 task = 8  kind4 0"));
}

#[test]
fn a_raw_tracepoint_keeps_its_arguments() {
    let types = kernel();
    let kept = cut(&types, &WANTED);
    let lines: Vec<String> = kept.iter().map(|ty| show(&kept, ty)).collect();
    assert!(lines.contains(&"13  = void sk kind2".to_owned()), "{lines:?}");
    assert!(lines.contains(&"8 btf_trace_sent = kind2".to_owned()), "{lines:?}");
}

#[test]
fn what_is_written_reads_as_before() {
    let types = kernel();
    let bytes = write(&types);
    assert_eq!(read(&bytes).unwrap(), types);
    assert_eq!(write(&read(&bytes).unwrap()), bytes);
    let kept = cut(&types, &WANTED);
    assert_eq!(cut(&kept, &WANTED), kept);
}

#[test]
fn damaged_bytes_are_refused() {
    let bytes = write(&kernel());
    for length in 0..bytes.len() {
        // The last string may be cut off where its end is.
        let _ = read(&bytes[..length]);
    }
    assert!(read(&bytes[..bytes.len() - 1]).is_err());
    assert!(read(b"no BTF at all, of course").is_err());
    let mut new = bytes;
    new[HEADER_BYTES as usize + 7] = 20;
    assert!(format!("{:#}", read(&new).unwrap_err()).contains("kind 20 is new"));
}
