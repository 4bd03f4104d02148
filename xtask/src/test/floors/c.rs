//! What a C file needs of others: headers of the project that it includes, and functions and variables that
//! another file of the same program defines.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{Import, Place};

/// A file of C, without comments and strings: they are blanks.
struct Source {
    file: PathBuf,
    /// As it is, for the names of headers.
    text: String,
    code: String,
}

/// Reads the C files of `folder` below `top`, headers in folders below it included.
pub(super) fn imports(top: &Path, folder: &Path, is_one_program: bool) -> Result<Vec<Import>> {
    let mut sources = Vec::new();
    read(top, folder, &mut sources)?;
    Ok(between(&sources, is_one_program))
}

fn read(top: &Path, folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    let place = top.join(folder);
    for entry in fs::read_dir(&place).with_context(|| format!("read {}", place.display()))? {
        let entry = entry?;
        let file = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            read(top, &file, sources)?;
        } else if file.extension().is_some_and(|extension| extension == "c" || extension == "h")
            && !file.to_string_lossy().ends_with(".mod.c")
        {
            sources.push(Source::new(file, fs::read_to_string(entry.path())?));
        }
    }
    sources.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(())
}

/// All imports between files.
fn between(sources: &[Source], is_one_program: bool) -> Vec<Import> {
    let mut defined: HashMap<&str, &Path> = HashMap::new();
    if is_one_program {
        for source in sources.iter().filter(|source| !source.is_header()) {
            let shared = source.definitions().into_iter().filter(|(_, shared)| *shared);
            defined.extend(shared.map(|(name, _)| (name, source.file.as_path())));
        }
    }
    let mut imports = Vec::new();
    for source in sources {
        let own: HashSet<&str> = source.definitions().into_iter().map(|(name, _)| name).collect();
        let mut add = |line: usize, what: String, to: &Path| {
            if to != source.file {
                imports.push(Import {
                    from: source.file.clone(),
                    line,
                    what,
                    to: Place::File(to.to_owned()),
                });
            }
        };
        for (line, name) in source.includes() {
            let beside = source.file.parent().unwrap_or(Path::new("")).join(name);
            let exported = Path::new("uapi").join(name);
            let find = |is: &dyn Fn(&Path) -> bool| sources.iter().find(|other| is(&other.file));
            let to = find(&|file| file == beside).or_else(|| find(&|file| file.ends_with(&exported)));
            if let Some(to) = to {
                add(line, format!("`#include \"{name}\"`"), &to.file);
            }
        }
        let mut seen = HashSet::new();
        for (line, name) in source.mentions() {
            if let Some(to) = defined.get(name).filter(|_| !own.contains(name) && seen.insert(name)) {
                add(line, format!("`{name}`"), to);
            }
        }
    }
    imports
}

impl Source {
    fn new(file: PathBuf, text: String) -> Self {
        let code = without_comments(&text);
        Self { file, text, code }
    }

    fn is_header(&self) -> bool {
        self.file.extension().is_some_and(|extension| extension == "h")
    }

    /// `#include "…"`, by line.
    fn includes(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().zip(1..);
        lines.filter_map(|(line, number)| {
            let name = line.trim_start().strip_prefix("#include")?.trim_start().strip_prefix('"')?;
            Some((number, name.split_once('"')?.0))
        })
    }

    /// Functions and variables, and whether other files can use them.
    fn definitions(&self) -> Vec<(&str, bool)> {
        let outside = outside_braces(&self.code);
        let mut names = Vec::new();
        for (declaration, end) in outside {
            let words: Vec<&str> = words(declaration).map(|(_, word)| word).collect();
            let is_type = ["struct", "union", "enum"].contains(words.first().unwrap_or(&""));
            let name = match end {
                _ if words.contains(&"extern") || words.contains(&"typedef") => None,
                // A function's body, or a type's.
                '{' if declaration.contains('(') => before(declaration, '('),
                '=' => before(declaration, '[').or(words.last().copied()),
                ';' if !declaration.contains('(') && words.len() > 1 + usize::from(is_type) => {
                    before(declaration, '[').or(words.last().copied())
                }
                _ => None,
            };
            names.extend(name.map(|name| (name, !words.contains(&"static"))));
        }
        names
    }

    /// Words that may be uses of something: all of a C file, and of a header those in bodies and macros.
    fn mentions(&self) -> Vec<(usize, &str)> {
        let mut found = Vec::new();
        let mut depth = 0_usize;
        let mut goes_on = false;
        for (line, number) in self.code.lines().zip(1..) {
            let is_macro = goes_on || line.starts_with("#define");
            goes_on = is_macro && line.ends_with('\\');
            for (at, word) in words(line) {
                let inside = depth + line[..at].matches('{').count() > line[..at].matches('}').count();
                if !self.is_header() || inside || is_macro {
                    found.push((number, word));
                }
            }
            depth = (depth + line.matches('{').count()).saturating_sub(line.matches('}').count());
        }
        found
    }
}

/// The last word before the first `mark`.
fn before(declaration: &str, mark: char) -> Option<&str> {
    let (head, _) = declaration.split_once(mark)?;
    words(head).last().map(|(_, word)| word)
}

/// Identifiers and where they begin.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(move |c| !is_part(c))
        .filter(|word| word.starts_with(|c: char| !c.is_ascii_digit()))
        .map(move |word| (word.as_ptr().addr() - text.as_ptr().addr(), word))
}

/// Pieces of text outside of all braces, each with the mark that ends it: `;`, `=` or `{`. What follows `=`
/// is skipped to `;`.
fn outside_braces(code: &str) -> Vec<(&str, char)> {
    let (mut pieces, mut depth, mut begin, mut value) = (Vec::new(), 0_usize, 0, false);
    for (at, mark) in code.char_indices() {
        match mark {
            '{' => {
                if depth == 0 && !value {
                    pieces.push((&code[begin..at], mark));
                }
                depth += 1;
            }
            '}' => {
                depth = depth.saturating_sub(1);
                begin = at + 1;
            }
            '=' if depth == 0 && !value => {
                pieces.push((&code[begin..at], mark));
                value = true;
            }
            ';' if depth == 0 => {
                if !value {
                    pieces.push((&code[begin..at], mark));
                }
                (value, begin) = (false, at + 1);
            }
            _ => {}
        }
    }
    pieces
}

/// The same text with blanks for comments, strings, and directives other than macros.
fn without_comments(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => quoted(rest, first),
            '#' if !rest.starts_with("#define") => rest.find('\n').unwrap_or(rest.len()),
            _ => {
                code.push(first);
                rest = &rest[first.len_utf8()..];
                continue;
            }
        };
        code.extend(rest[..length].chars().map(|c| if c == '\n' { c } else { ' ' }));
        rest = &rest[length..];
    }
    code
}

/// The length of a literal, its quotes included.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)], is_one_program: bool) -> Vec<String> {
        let sources: Vec<_> =
            files.iter().map(|(name, text)| Source::new(name.into(), (*text).to_owned())).collect();
        let imports = between(&sources, is_one_program);
        imports
            .iter()
            .map(|Import { from, line, to, .. }| format!("{}:{line} {to}", from.display()))
            .collect()
    }

    const HEADER: (&str, &str) = (
        "k/a.h",
        "/* f() in a comment */\n#include <linux/f.h>\nint f(int x,\n\tint y);\nextern int number;\nstruct s;\n\
         static inline int g(void)\n{\n\treturn f(1, 2);\n}\n",
    );

    #[test]
    fn a_header_needs_what_its_bodies_call_and_not_what_it_declares() {
        let definition =
            ("k/a.c", "#include \"a.h\"\nint number = 3;\nint f(int x, int y)\n{\n\treturn x;\n}\n");
        assert_eq!(found(&[HEADER, definition], true), ["k/a.h:9 k/a.c", "k/a.c:1 k/a.h"]);
        assert_eq!(found(&[HEADER, definition], false), ["k/a.c:1 k/a.h"]);
    }

    #[test]
    fn the_header_beside_a_file_comes_before_the_exported_one() {
        let files = [
            ("k/a.c", "#include \"a.h\"\n#include \"b.h\"\n"),
            ("k/a.h", "#include \"include/uapi/a.h\"\n"),
            ("k/include/uapi/a.h", ""),
            ("k/include/uapi/b.h", ""),
        ];
        let expected = ["k/a.c:1 k/a.h", "k/a.c:2 k/include/uapi/b.h", "k/a.h:1 k/include/uapi/a.h"];
        assert_eq!(found(&files, true), expected);
    }

    #[test]
    fn variables_count_and_what_is_static_does_not() {
        let b = (
            "k/b.c",
            "static int mine;\nint table[3];\nstruct s shared = {\n\t.f = 1,\n};\nstatic void help(void)\n{\n}\n",
        );
        let c = ("k/c.c", "int mine;\nvoid help(void)\n{\n\ttable[0] = \"shared\" + 'help';\n}\n");
        let d = ("k/d.c", "void d(void)\n{\n\tcall(&shared);\n}\n");
        assert_eq!(found(&[b, c, d], true), ["k/c.c:4 k/b.c", "k/d.c:3 k/b.c"]);
    }
}
