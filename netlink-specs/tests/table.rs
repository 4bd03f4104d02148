//! What is written in YAML is found in the table, and what is wrong is said.

use netlink_specs::{Direction, Document, Hint, Kind, Operation, Order, Set, Spec, Struct, Table, compile};

const FAMILY: &str = r#"
name: my-family
doc: Nothing of this line is kept.
definitions:
  - {name: name-max, type: const, value: 0x10}
  - {name: colour, type: enum, entries: [red, {name: green, value: 5}, blue, off, "12"]}
  - {name: option, type: flags, value-start: 1, entries: [fast, safe]}
  - name: inner
    type: struct
    members:
      - {name: address, type: binary, len: 6, display-hint: mac}
      - {name: gap, type: pad, len: 2}
  - name: head
    type: struct
    members:
      - {name: own-name, type: string, len: name-max}
      - {name: last, type: binary, len: name-max - 1}
      - {name: inner, type: binary, struct: inner}
      - {name: port, type: u16, byte-order: big-endian, enum: colour}
      - {name: level, type: u8}
attribute-sets:
  - name: main
    attributes:
      - {name: unspec, type: unused, value: 0}
      - {name: kind, type: string}
      - {name: data, type: sub-message, sub-message: data, selector: kind}
      - {name: level, type: u32, enum: option, enum-as-flags: true, value: 100}
      - {name: list, type: nest, nested-attributes: main, multi-attr: true}
      - {name: index, type: u32, display-hint: interface}
  - name: part
    subset-of: main
    attributes:
      - {name: kind}
      - {name: level, enum: colour}
sub-messages:
  - name: data
    formats:
      - {value: a, fixed-header: inner}
      - {value: b, attribute-set: part}
operations:
  fixed-header: head
  list:
    - name: get-it
      attribute-set: main
      do: {request: {attributes: [kind, level]}, reply: {attributes: [list]}}
    - {name: it-came, value: 7, notify: get-it}
mcast-groups:
  list: [{name: news, value: 3}]
"#;

fn table(texts: &[&str]) -> &'static Table {
    let documents = texts.iter().map(|text| Document::parse(text).expect("it is a specification")).collect();
    let bytes = compile(documents).expect("it holds together");
    let table = Table::from_bytes(Box::leak(bytes.into_boxed_slice())).expect("it is a table");
    Box::leak(Box::new(table))
}

#[test]
fn everything_is_found_again() {
    let table = table(&[FAMILY]);
    let spec = table.generic(b"my_family").expect("dashes and underscores are alike");
    assert!(table.generic(b"my family").is_none());
    assert_eq!((spec.name(), spec.protocol(), spec.is_generic()), ("my-family", 16, true));
    let get = spec.operation(Direction::Request, 1).unwrap();
    assert_eq!((get.name(), get.is_notification()), ("get_it", false));
    assert_eq!(get.attributes().collect::<Vec<_>>(), [1, 100]);
    let came = spec.operation(Direction::Reply, 7).unwrap();
    assert_eq!((came.name(), came.is_notification()), ("it_came", true));
    assert_eq!(came.attributes().collect::<Vec<_>>(), [101]);
    assert!(spec.operation(Direction::Request, 7).is_none());
    assert_eq!(spec.groups().map(|group| (group.name(), group.value())).collect::<Vec<_>>(), [("news", 3)]);

    let main = get.set().unwrap();
    let names: Vec<_> = main.attributes().map(|attribute| (attribute.number(), attribute.name())).collect();
    assert_eq!(
        names,
        [(0, "unspec"), (1, "kind"), (2, "data"), (100, "level"), (101, "list"), (102, "index")]
    );
    let level = main.attribute(100).unwrap();
    let (options, are_flags) = level.enumeration().unwrap();
    assert!(are_flags && options.is_flags() && options.entry(2) == Some("safe"), "{options:?}");
    assert!(main.attribute(101).unwrap().is_multi() && !level.is_multi());
    assert_eq!(main.attribute(102).unwrap().hint(), Hint::Interface);
    assert!(main.attribute(3).is_none() && main.attribute(103).is_none());

    let (data, selector) = main.attribute(2).unwrap().sub_message().unwrap();
    assert_eq!(main.selected(selector).unwrap().name(), "kind");
    let (header, set) = data.format(b"a").unwrap();
    assert_eq!((header.unwrap().size(), set.is_none()), (8, true));
    let (_, part) = data.format(b"b").unwrap();
    let part = part.unwrap();
    let (colours, are_flags) = part.attribute(100).unwrap().enumeration().unwrap();
    assert!(!colours.is_flags() && are_flags, "what the whole set says stays");
    assert_eq!(
        [0, 1, 5, 6, 7, 8].map(|value| colours.entry(value)),
        [Some("red"), None, Some("green"), Some("blue"), Some("off"), Some("12"),]
    );
    assert_eq!(part.attribute(101).unwrap().name(), "list", "a subset knows the whole set's");
    assert!(data.format(b"c").is_none());

    let head = get.header().unwrap();
    let members: Vec<_> =
        head.members().map(|member| (member.name(), member.offset(), member.size())).collect();
    let expected =
        [("own_name", 0, 16), ("last", 16, 15), ("inner", 31, 8), ("port", 39, 2), ("hdr_level", 41, 1)];
    assert_eq!((members, head.size()), (expected.to_vec(), 42), "a member and an attribute have two names");
    let port = head.members().nth(3).unwrap();
    assert_eq!((port.kind(), port.order()), (Kind::U16, Order::Big));
}

#[test]
fn later_documents_add_to_earlier_ones() {
    let addition = "name: my-family\nattribute-sets: [{name: main, attributes: [{name: index, display-hint: hex}, \
        {name: more, type: u8}]}]\noperations: {list: [{name: set-it, value: 9, attribute-set: main, do: {request: {}}}]}\n";
    let table = table(&[FAMILY, addition]);
    assert_eq!(table.specs().count(), 1);
    let spec = table.generic(b"my-family").unwrap();
    let main = spec.operation(Direction::Request, 9).unwrap().set().unwrap();
    assert_eq!(
        (main.attribute(102).unwrap().hint(), main.attribute(102).unwrap().kind()),
        (Hint::Hex, Kind::U32)
    );
    assert_eq!(main.attribute(103).unwrap().name(), "more");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let cases = [
        (
            "attribute-sets: [{name: s, attributes: [{name: a, type: nest, nested-attributes: t}]}]",
            "x: s.a: there is no attribute set t",
        ),
        ("attribute-sets: [{name: s, attributes: [{name: a, type: u33}]}]", "x: s.a: there is no type u33"),
        ("attribute-sets: [{name: s, attributes: [{name: a}]}]", "x: s.a: its type is missing"),
        (
            "attribute-sets: [{name: s, attributes: [{name: a, type: u8, value: 20000}]}]",
            "x: s: a: numbers end at 16,383",
        ),
        (
            "attribute-sets: [{name: s, subset-of: t, attributes: []}]",
            "x: s: there is no whole attribute set t",
        ),
        (
            "definitions: [{name: d, type: struct, members: [{name: m, type: binary}]}]",
            "x: d.m: its length is missing (len)",
        ),
        (
            "definitions: [{name: d, type: struct, members: [{name: m, type: binary, struct: d}]}]",
            "x: d.m: structs are too deep inside of each other",
        ),
        (
            "definitions: [{name: d, type: struct, members: [{name: m, type: pad, len: n}]}]",
            "x: d.m: there is no constant n",
        ),
        ("definitions: [{name: d, type: enumeration}]", "x: d: there is no type enumeration of definitions"),
        (
            "operations: {list: [{name: o, attribute-set: s, do: {request: {}}}]}",
            "x: o: there is no attribute set s",
        ),
    ];
    for (text, expected) in cases {
        let document = Document::parse(&format!("name: x\n{text}\n")).unwrap();
        assert_eq!(compile(vec![document]).unwrap_err().to_string(), expected);
    }
    for text in ["", "- a\n", "name: [x\n", "name: x\nattribute-sets: 5\n"] {
        assert!(Document::parse(text).is_err(), "{text:?}");
    }
    let error =
        Document::parse("name: x\nattribute-sets:\n  - {name: s, attributes: 7}\n").unwrap_err().to_string();
    assert!(error.contains('3'), "it names the line: {error}");
}

#[test]
fn any_bytes_make_a_table_or_none() {
    let whole = Table::kernel_bytes();
    for len in (0..whole.len()).step_by(997) {
        assert!(Table::from_bytes(&whole[..len]).is_none());
    }
    // References to anything: nothing is found, nothing panics.
    let mut noise = 1u64;
    for _ in 0..20 {
        let mut bytes = whole.to_vec();
        for _ in 0..2000 {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = 64 + (noise >> 33) as usize % (bytes.len() - 64);
            bytes[at] = (noise >> 20) as u8;
        }
        let Some(table) = Table::from_bytes(Box::leak(bytes.into_boxed_slice())) else { continue };
        let table: &'static Table = Box::leak(Box::new(table));
        for spec in table.specs() {
            let sets: usize =
                spec.sets().flat_map(Set::attributes).map(|attribute| attribute.name().len()).sum();
            let members = spec.operations().filter_map(Operation::header);
            let members: usize = members.flat_map(Struct::members).map(|member| member.name().len()).sum();
            std::hint::black_box((sets, members, spec.groups().count()));
        }
    }
}

#[test]
fn the_table_in_the_program_is_small_and_whole() {
    let bytes = Table::kernel_bytes().len();
    assert!(bytes <= 600 << 10, "{bytes}");
    let table = Table::kernel();
    assert!(table.specs().count() >= 50 && table.slots() >= 3900);
    // This project's own descriptions are in it as they are in its folder.
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/specs");
    let mut found = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let document = Document::parse(&std::fs::read_to_string(file.unwrap().path()).unwrap()).unwrap();
        let name = document.name.clone();
        let spec = table
            .specs()
            .find(|spec| spec.name() == name)
            .unwrap_or_else(|| panic!("{name}: run cargo xtask specs"));
        let Ok(alone) = compile(vec![document]) else { continue };
        let alone: &'static Table =
            Box::leak(Box::new(Table::from_bytes(Box::leak(alone.into_boxed_slice())).unwrap()));
        found += 1;
        for operation in alone.specs().flat_map(Spec::operations) {
            let known = spec.operation(operation.direction(), operation.value());
            let known = known.unwrap_or_else(|| panic!("{name}/{}: run cargo xtask specs", operation.name()));
            let Some(set) = operation.set() else { continue };
            for attribute in set.attributes() {
                let same = known.set().and_then(|set| set.attribute(attribute.number()));
                let same =
                    same.unwrap_or_else(|| panic!("{name}.{}: run cargo xtask specs", attribute.name()));
                assert_eq!(
                    (same.name(), same.kind()),
                    (attribute.name(), attribute.kind()),
                    "{name}: run cargo xtask specs"
                );
            }
        }
    }
    assert!(found >= 20, "{found}");
}

#[test]
fn a_name_that_a_terminal_or_json_would_take_otherwise_is_refused() {
    for odd in ["\\u001b[31m", "caf\\u00e9", "\\\"", "\\\\"] {
        let named =
            FAMILY.replacen("my-family", "\"my-family\"", 1).replace("my-family", &format!("my{odd}"));
        let error = compile(vec![Document::parse(&named).unwrap()]).unwrap_err();
        assert_eq!(error.problem, "a name has printable ASCII without quotes and backslashes");
        assert!(error.place.is_ascii() && !error.place.contains('\u{1b}'), "{error}");
    }
}

#[test]
fn a_users_files_are_read() {
    let folder = std::env::temp_dir().join(format!("netlink-specs-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    assert!(netlink_specs::load(&folder).unwrap_err().to_string().ends_with("has no file NAME.yaml in it"));
    std::fs::write(folder.join("mine.yaml"), FAMILY).unwrap();
    std::fs::write(folder.join("notes.txt"), "not read").unwrap();
    for path in [folder.clone(), folder.join("mine.yaml")] {
        let loaded = netlink_specs::load(&path).unwrap();
        assert_eq!(loaded.files, [folder.join("mine.yaml")]);
        assert!(loaded.table.generic(b"my-family").is_some());
    }
    std::fs::write(folder.join("broken.yaml"), "name: [").unwrap();
    let error = netlink_specs::load(&folder).unwrap_err().to_string();
    assert!(error.contains("broken.yaml is no YNL specification"), "{error}");
    assert!(netlink_specs::load(&folder.join("none.yaml")).unwrap_err().to_string().contains("cannot read"));
    std::fs::remove_dir_all(&folder).unwrap();
}
