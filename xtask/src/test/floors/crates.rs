//! The module trees of the workspace's crates, and which file an import leads to.

use std::{
    collections::HashMap,
    fs,
    path::{Path as FilePath, PathBuf},
};

use anyhow::{Context, Result};

use super::{
    Import, Place,
    rust::{self, Content, Path},
};

/// A module, in a file of its own or within one.
#[derive(Debug)]
struct Module {
    parent: Option<usize>,
    file: PathBuf,
    children: HashMap<String, usize>,
    content: Content,
}

/// All modules of one crate; the first is the root.
#[derive(Debug)]
pub(super) struct Crate {
    modules: Vec<Module>,
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    Module(usize),
    /// Another crate of the workspace, by its name in code.
    Crate(String),
}

impl Crate {
    /// Reads a crate. Names of files are relative to `top`.
    pub(super) fn read(top: &FilePath, root: &FilePath, libraries: &[&str]) -> Result<Self> {
        let mut tree = Self { modules: Vec::new() };
        let text = fs::read_to_string(top.join(root)).with_context(|| format!("read {}", root.display()))?;
        let content = rust::read(&text, libraries).with_context(|| root.display().to_string())?;
        let folder = root.parent().unwrap_or(FilePath::new("")).to_owned();
        tree.add(None, root.to_owned(), &folder, content, &mut |file| {
            let path = top.join(file);
            if !path.exists() {
                return Ok(None);
            }
            let text = fs::read_to_string(&path).with_context(|| format!("read {}", file.display()))?;
            rust::read(&text, libraries).map(Some).with_context(|| file.display().to_string())
        })?;
        Ok(tree)
    }

    /// Adds a module and everything below it; `folder` is where the files of its children are.
    fn add(
        &mut self,
        parent: Option<usize>,
        file: PathBuf,
        folder: &FilePath,
        mut content: Content,
        load: &mut dyn FnMut(&FilePath) -> Result<Option<Content>>,
    ) -> Result<usize> {
        let declared = std::mem::take(&mut content.modules);
        let this = self.modules.len();
        self.modules.push(Module { parent, file: file.clone(), children: HashMap::new(), content });
        for (name, inner) in declared {
            let below = folder.join(&name);
            let child = match inner {
                Some(inner) => self.add(Some(this), file.clone(), &below, inner, load)?,
                None => {
                    let candidates = [folder.join(format!("{name}.rs")), below.join("mod.rs")];
                    let mut found = None;
                    for candidate in candidates {
                        if let Some(content) = load(&candidate)? {
                            found = Some((candidate, content));
                            break;
                        }
                    }
                    let (path, content) =
                        found.with_context(|| format!("{}: no file for `mod {name}`", file.display()))?;
                    self.add(Some(this), path, &below, content, load)?
                }
            };
            self.modules[this].children.insert(name, child);
        }
        Ok(this)
    }

    /// All that the crate's files import of each other, and of other crates of the workspace.
    pub(super) fn imports(&self, libraries: &[&str]) -> Vec<Import> {
        let mut imports = Vec::new();
        for (at, module) in self.modules.iter().enumerate() {
            let uses = module.content.uses.iter().map(|leaf| &leaf.path);
            for path in uses.chain(&module.content.paths) {
                let to = match self.resolve(at, &path.segments, libraries, 0) {
                    Some(Target::Module(to)) => Place::File(self.modules[to].file.clone()),
                    Some(Target::Crate(name)) => Place::Crate(name),
                    None => continue,
                };
                if to != Place::File(module.file.clone()) {
                    imports.push(import(&module.file, path, to));
                }
            }
        }
        imports
    }

    /// The files from the crate's root down to `file`, which comes last; none for a file that is not of this
    /// crate.
    pub(super) fn ancestry(&self, file: &FilePath) -> Vec<&FilePath> {
        let mut at = self.modules.iter().position(|module| module.file == file);
        let mut files: Vec<&FilePath> = Vec::new();
        while let Some(module) = at.map(|at| &self.modules[at]) {
            if files.last() != Some(&module.file.as_path()) {
                files.push(&module.file);
            }
            at = module.parent;
        }
        files.reverse();
        files
    }

    /// Follows a path from a module to the module that defines what it names.
    fn resolve(&self, from: usize, path: &[String], libraries: &[&str], depth: u32) -> Option<Target> {
        // Names that are imported from each other in a circle.
        if depth > 32 {
            return None;
        }
        let (first, rest) = path.split_first()?;
        let (mut at, mut rest) = match first.as_str() {
            "crate" => (0, rest),
            "self" => (from, rest),
            "super" => (self.modules[from].parent?, rest),
            name if libraries.contains(&name) => return Some(Target::Crate(name.to_owned())),
            _ => (from, path),
        };
        // A name that stands alone may be one that the compiler knows or another crate's.
        let mut relative = rest.len() == path.len();
        while let Some((name, behind)) = rest.split_first() {
            let module = &self.modules[at];
            if name == "super" {
                at = module.parent?;
            } else if let Some(&child) = module.children.get(name) {
                at = child;
            } else if module.content.items.contains(name) {
                return Some(Target::Module(at));
            } else if let Some(target) = self.imported(at, name, behind, libraries, depth) {
                return target;
            } else {
                return if relative { None } else { Some(Target::Module(at)) };
            }
            relative = false;
            rest = behind;
        }
        Some(Target::Module(at))
    }

    /// Where a name leads that a module imports itself: `None` if it imports no such name.
    fn imported(
        &self,
        at: usize,
        name: &str,
        behind: &[String],
        libraries: &[&str],
        depth: u32,
    ) -> Option<Option<Target>> {
        let uses = &self.modules[at].content.uses;
        if let Some(leaf) = uses.iter().find(|leaf| leaf.name.as_deref() == Some(name)) {
            let path = &leaf.path.segments;
            // `use name;` and `use name::…` of another crate lead nowhere here.
            if path
                .first()
                .is_some_and(|first| first == name && !self.modules[at].children.contains_key(name))
            {
                let known = libraries.contains(&name);
                return Some(known.then(|| Target::Crate(name.to_owned())));
            }
            return Some(self.resolve(at, &[path, behind].concat(), libraries, depth + 1));
        }
        for glob in uses.iter().filter(|leaf| leaf.name.is_none()) {
            let Some(Target::Module(there)) = self.resolve(at, &glob.path.segments, libraries, depth + 1)
            else {
                continue;
            };
            let module = &self.modules[there];
            let has = module.children.contains_key(name)
                || module.content.items.contains(name)
                || module.content.uses.iter().any(|leaf| leaf.name.as_deref() == Some(name));
            if has && there != at {
                let path = [&["self".to_owned(), name.to_owned()], behind].concat();
                return Some(self.resolve(there, &path, libraries, depth + 1));
            }
        }
        None
    }
}

fn import(from: &FilePath, path: &Path, to: Place) -> Import {
    Import { from: from.to_owned(), line: path.line, what: format!("`{}`", path.segments.join("::")), to }
}

#[cfg(test)]
impl Crate {
    /// A crate of files that are given as text; the first is the root.
    pub(super) fn of(files: &[(&str, &str)], libraries: &[&str]) -> Result<Self> {
        let read = |text: &str| rust::read(text, libraries);
        let mut tree = Self { modules: Vec::new() };
        let (root, text) = files[0];
        let folder = FilePath::new(root).parent().context("a root without a folder")?;
        tree.add(None, root.into(), folder, read(text)?, &mut |file| {
            files.iter().find(|(name, _)| FilePath::new(name) == file).map(|(_, text)| read(text)).transpose()
        })?;
        Ok(tree)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let imports = Crate::of(files, &["common"]).unwrap().imports(&["common"]);
        let to = |place: &Place| place.to_string();
        imports.iter().map(|import| (import.from.display().to_string(), to(&import.to))).collect()
    }

    fn pair(from: &str, to: &str) -> (String, String) {
        (from.to_owned(), to.to_owned())
    }

    #[test]
    fn an_import_leads_to_the_file_that_defines_the_name_through_whatever_passes_it_on() {
        let files = [
            ("src/lib.rs", "mod a; mod b;"),
            ("src/a.rs", "use crate::b::{C, D, E, made_here}; use common::X;"),
            (
                "src/b/mod.rs",
                "mod c; mod d; pub use self::c::C; pub use d::*; pub use anyhow::E; fn made_here() {}",
            ),
            ("src/b/c.rs", "pub struct C;"),
            ("src/b/d.rs", "pub struct D;"),
        ];
        let expected = [
            pair("src/a.rs", "src/b/c.rs"),
            pair("src/a.rs", "src/b/d.rs"),
            pair("src/a.rs", "src/b/mod.rs"),
            pair("src/a.rs", "common"),
            pair("src/b/mod.rs", "src/b/c.rs"),
            pair("src/b/mod.rs", "src/b/d.rs"),
        ];
        assert_eq!(imports(&files), expected);
    }

    #[test]
    fn a_child_finds_what_its_parent_imports() {
        let files = [
            ("src/main.rs", "mod a; mod z;"),
            ("src/a.rs", "mod inner; use std::fs; use crate::z::{self, Z};"),
            ("src/a/inner.rs", "use super::{Z, fs, z::Y};"),
            ("src/z.rs", "pub struct Z; pub struct Y;"),
        ];
        let expected = [
            pair("src/a.rs", "src/z.rs"),
            pair("src/a.rs", "src/z.rs"),
            pair("src/a/inner.rs", "src/z.rs"),
            pair("src/a/inner.rs", "src/z.rs"),
        ];
        assert_eq!(imports(&files), expected);
    }
}
