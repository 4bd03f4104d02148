//! Judges imports: whether they run up a floor or make a circle, and whether that is a known exception.

use std::path::{Path, PathBuf};

use super::{
    Import, Place, circles,
    crates::Crate,
    roots::Root,
    table::{Exception, NAME, Table},
};

/// What the check found.
#[derive(Debug, Default)]
pub(in crate::test) struct Report {
    /// What is wrong, and what to do about it; each may be several lines.
    pub(in crate::test) problems: Vec<String>,
    /// Known exceptions, for people: their list has to become shorter.
    pub(in crate::test) exceptions: Vec<String>,
}

/// An import between neighbours: two nodes below the same module.
struct Edge<'a> {
    nodes: (PathBuf, PathBuf),
    import: &'a Import,
}

/// Everything that was found, whether or not it is excepted.
#[derive(Default)]
pub(super) struct Findings {
    /// Imports that run up a floor, and what to say about each.
    upward: Vec<(Import, String)>,
    /// Files that stand on no floor.
    homeless: Vec<String>,
    /// Imports between neighbours, with the nodes.
    between: Vec<(PathBuf, PathBuf, Import)>,
}

impl Findings {
    /// Takes the imports of a crate.
    pub(super) fn rust(&mut self, table: &Table, root: &Root, tree: &Crate, imports: Vec<Import>) {
        for import in imports {
            if table.has(&root.package) {
                self.floors(table, root, &import);
            }
            if let Place::File(to) = &import.to {
                let (from, to) = (tree.ancestry(&import.from), tree.ancestry(to));
                let common = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
                // One of them is above the other if either list has ended.
                if let (Some(from), Some(to)) = (from.get(common), to.get(common)) {
                    self.between.push((from.to_path_buf(), to.to_path_buf(), import));
                }
            }
        }
    }

    /// Takes those of C files.
    pub(super) fn c(&mut self, imports: Vec<Import>) {
        for import in imports {
            let (from, to) = (import.from.clone(), import.to.path().to_owned());
            self.between.push((from, to, import));
        }
    }

    /// Holds one import against the floors of its package.
    fn floors(&mut self, table: &Table, root: &Root, import: &Import) {
        let from = part(root, &import.from);
        let to = match &import.to {
            Place::File(file) => part(root, file),
            Place::Crate(name) => name.clone(),
        };
        let floor = |part: &str| table.floor(&root.package, part);
        match (floor(&from), floor(&to)) {
            (Some(low), Some(high)) if from != to && low <= high => {
                let how = if low == high { "stands beside" } else { "stands above" };
                let what = format!(
                    "{import}, but {to} {how} {from} in {NAME}: move what both need to {from} or below it, or pass it as \
                     an argument"
                );
                let same = |(other, _): &(Import, String)| other.from == import.from && other.to == import.to;
                if !self.upward.iter().any(same) {
                    self.upward.push((import.clone(), what));
                }
            }
            (Some(_), Some(_)) => {}
            (from_floor, _) => {
                let name = if from_floor.is_none() { from } else { to };
                let what =
                    format!("{name} of {} stands on no floor: give it a place in {NAME}", root.package);
                if !self.homeless.contains(&what) {
                    self.homeless.push(what);
                }
            }
        }
    }

    /// Says what is wrong.
    pub(super) fn report(self, table: &Table) -> Report {
        let excepted = |import: &Import| table.excepts(&import.from, import.to.path());
        let mut report = Report { problems: self.homeless, exceptions: Vec::new() };
        let upward = self.upward.iter().filter(|(import, _)| !excepted(import));
        report.problems.extend(upward.map(|(_, what)| what.clone()));
        let edges: Vec<Edge<'_>> = self
            .between
            .iter()
            .map(|(from, to, import)| Edge { nodes: (from.clone(), to.clone()), import })
            .collect();
        let (known, kept): (Vec<_>, Vec<_>) = edges.into_iter().partition(|edge| excepted(edge.import));
        let nodes: Vec<_> = kept.iter().map(|edge| edge.nodes.clone()).collect();
        for circle in circles::circles(&nodes) {
            let lines: Vec<String> = circle.iter().map(|&at| format!("  {}", kept[at].import)).collect();
            report.problems.push(format!(
                "these import each other in a circle:\n{}\n  move what both sides need into a file of its own below them",
                lines.join("\n")
            ));
        }
        for exception @ Exception { from, to } in &table.exceptions {
            let is_this = |import: &Import| import.from == *from && import.to.path() == to;
            let is_needed = self.upward.iter().any(|(import, _)| is_this(import))
                || known
                    .iter()
                    .filter(|edge| is_this(edge.import))
                    .any(|edge| circles::closes(&nodes, &edge.nodes));
            let line = format!("{} -> {}", exception.from.display(), exception.to.display());
            if !is_needed {
                report
                    .problems
                    .push(format!("{NAME}: the exception {line} is needed no more: remove its line"));
            }
            report.exceptions.push(line);
        }
        report
    }
}

/// The part of the crate that a file belongs to: the first name below the folder of its root.
fn part(root: &Root, file: &Path) -> String {
    let folder = root.file.parent().unwrap_or(Path::new(""));
    let below = file.strip_prefix(folder).unwrap_or(file);
    let first = below.components().next().map(|first| PathBuf::from(first.as_os_str())).unwrap_or_default();
    first.with_extension("").display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "[p]\nlow\nbeside other\nhigh lib\n";

    /// Checks a crate of package `p` against a table.
    fn check(table: &str, files: &[(&str, &str)]) -> Report {
        let table = Table::read(table).unwrap();
        let root = Root { package: "p".to_owned(), library: None, file: files[0].0.into() };
        let tree = Crate::of(files, &[]).unwrap();
        let mut found = Findings::default();
        found.rust(&table, &root, &tree, tree.imports(&[]));
        found.report(&table)
    }

    #[test]
    fn an_import_that_runs_up_is_shown_with_both_files_and_what_to_do() {
        let files = [
            ("p/src/lib.rs", "mod high; mod low;"),
            ("p/src/high.rs", "use crate::low::L; pub struct H;"),
            ("p/src/low.rs", "\nfn f(_: crate::high::H) {} pub struct L;"),
        ];
        let report = check(TABLE, &files);
        let expected = "p/src/low.rs:2: `crate::high::H` imports p/src/high.rs, but high stands above low in xtask/floors.txt: move \
                        what both need to low or below it, or pass it as an argument";
        assert!(report.problems.iter().any(|problem| problem == expected), "{:#?}", report.problems);
        // With the exception, the circle that both imports make is excepted, too.
        let excepted = format!("{TABLE}[exceptions]\np/src/low.rs -> p/src/high.rs\n");
        let report = check(&excepted, &files);
        assert!(report.problems.is_empty(), "{:#?}", report.problems);
        assert_eq!(report.exceptions, ["p/src/low.rs -> p/src/high.rs"]);
    }

    #[test]
    fn neighbours_on_a_floor_do_not_import_each_other_and_everybody_has_a_floor() {
        let files = [
            ("p/src/lib.rs", "mod beside; mod other; mod new;"),
            ("p/src/beside.rs", "use crate::other::O;"),
            ("p/src/other.rs", "pub struct O;"),
            ("p/src/new.rs", "use crate::other::O;"),
        ];
        let problems = check(TABLE, &files).problems;
        let [homeless, beside] = problems.as_slice() else { panic!("{problems:#?}") };
        assert!(homeless.contains("new of p stands on no floor"), "{homeless}");
        assert!(beside.contains("other stands beside beside"), "{beside}");
    }

    #[test]
    fn folders_make_a_circle_also_where_none_of_their_files_does() {
        let files = [
            ("p/src/lib.rs", "mod a; mod b;"),
            ("p/src/a.rs", "mod one; mod two;"),
            ("p/src/a/one.rs", "use crate::b::B;"),
            ("p/src/a/two.rs", "pub struct Two;"),
            ("p/src/b.rs", "use crate::a::two::Two; pub struct B;"),
        ];
        let problems = check("", &files).problems;
        let [circle] = problems.as_slice() else { panic!("{problems:#?}") };
        for line in [
            "p/src/a/one.rs:1: `crate::b::B` imports p/src/b.rs",
            "p/src/b.rs:1: `crate::a::two::Two` imports p/src/a/two.rs",
        ] {
            assert!(circle.contains(line), "{circle}");
        }
    }

    #[test]
    fn a_module_and_what_is_below_it_may_use_each_other_and_pass_names_on() {
        let files = [
            ("p/src/lib.rs", "mod a; pub use a::one::One; pub struct Top;"),
            (
                "p/src/a.rs",
                "mod one; mod two; pub use self::one::One; pub struct A; fn f() { self::two::g() }",
            ),
            ("p/src/a/one.rs", "use super::A; use crate::Top; pub struct One;"),
            ("p/src/a/two.rs", "use super::One; pub fn g() {}"),
        ];
        let report = check("", &files);
        assert!(report.problems.is_empty(), "{:#?}", report.problems);
    }

    #[test]
    fn an_exception_that_is_needed_no_more_fails() {
        let files = [
            ("p/src/lib.rs", "mod a; mod b;"),
            ("p/src/a.rs", "use crate::b::B;"),
            ("p/src/b.rs", "pub struct B;"),
        ];
        for line in ["p/src/a.rs -> p/src/b.rs", "p/src/b.rs -> p/src/a.rs"] {
            let problems = check(&format!("[exceptions]\n{line}\n"), &files).problems;
            assert_eq!(
                problems,
                [format!("xtask/floors.txt: the exception {line} is needed no more: remove its line")]
            );
        }
    }
}
