//! What a Rust file says about other modules: the modules that it declares, what it imports, the paths that
//! it writes out.
//!
//! It reads tokens, not syntax: a path is the same in a macro's arguments, in a type and in an expression.
//! What stands below `#[cfg(test)]` is left out: tests may use whatever they need.

use std::{collections::HashSet, str::FromStr};

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// What one module contains; nothing of it is resolved yet.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// `mod name;`, and `mod name { … }` with what is in there.
    pub(super) modules: Vec<(String, Option<Content>)>,
    /// The leaves of all `use` trees.
    pub(super) uses: Vec<Use>,
    /// Paths that begin at a place which is known without looking at names, but for those of `uses`.
    pub(super) paths: Vec<Path>,
    /// Names of the items that are defined here.
    pub(super) items: HashSet<String>,
}

/// A path as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
}

/// An imported path, and the name that it has from then on; a glob has none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) path: Path,
    pub(super) name: Option<String>,
}

/// Words after which an item's name stands.
const ITEMS: &[&str] = &["fn", "struct", "enum", "union", "trait", "type", "const", "static"];

/// Words that may stand between the above and the name, or begin an item themselves.
const BETWEEN: &[&str] = &["fn", "mut", "unsafe", "async", "extern"];

/// Reads a file. `crates` are the names by which other crates of this workspace are known.
pub(super) fn read(text: &str, crates: &[&str]) -> Result<Content> {
    let tokens = TokenStream::from_str(text).map_err(|error| anyhow!("it cannot be parsed: {error}"))?;
    let mut content = Content::default();
    Reader { crates }.module(tokens, &mut content);
    Ok(content)
}

struct Reader<'a> {
    crates: &'a [&'a str],
}

impl Reader<'_> {
    /// A module's items.
    fn module(&self, tokens: TokenStream, content: &mut Content) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            at = match word(&tokens, at).as_deref() {
                Some("mod") => self.submodule(&tokens, at, content),
                Some(keyword) if ITEMS.contains(&keyword) => {
                    if let Some(name) = word(&tokens, at + 1).filter(|name| !BETWEEN.contains(&name.as_str()))
                    {
                        content.items.insert(name);
                    }
                    at + 1
                }
                Some("macro_rules") => {
                    content.items.extend(word(&tokens, at + 2));
                    at + 1
                }
                _ => self.step(&tokens, at, content),
            };
        }
    }

    /// Whatever stands in a body, a type or a macro's arguments.
    fn inside(&self, group: &Group, content: &mut Content) {
        let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            at = self.step(&tokens, at, content);
        }
    }

    /// Reads what begins at `at`; where the next begins.
    fn step(&self, tokens: &[TokenTree], at: usize, content: &mut Content) -> usize {
        if is_for_tests(tokens, at) {
            return after_item(tokens, at + 2);
        }
        match &tokens[at] {
            TokenTree::Group(group) => {
                self.inside(group, content);
                at + 1
            }
            TokenTree::Ident(ident) if *ident == "use" => {
                let end = (at..tokens.len()).find(|&end| is_mark(tokens, end, ';')).unwrap_or(tokens.len());
                leaves(&tokens[at + 1..end], &[], &mut content.uses);
                end + 1
            }
            TokenTree::Ident(ident)
                if !is_behind_path(tokens, at) && self.begins_path(&ident.to_string()) =>
            {
                let (segments, end) = path(tokens, at);
                if segments.len() > 1 {
                    content.paths.push(Path { segments, line: ident.span().start().line });
                }
                end
            }
            _ => at + 1,
        }
    }

    fn begins_path(&self, word: &str) -> bool {
        matches!(word, "crate" | "self" | "super") || self.crates.contains(&word)
    }

    fn submodule(&self, tokens: &[TokenTree], at: usize, content: &mut Content) -> usize {
        let Some(name) = word(tokens, at + 1) else { return at + 1 };
        match tokens.get(at + 2) {
            Some(TokenTree::Group(group)) => {
                let mut inner = Content::default();
                self.module(group.stream(), &mut inner);
                content.modules.push((name, Some(inner)));
            }
            _ => content.modules.push((name, None)),
        }
        at + 3
    }
}

/// The identifier at `at`.
fn word(tokens: &[TokenTree], at: usize) -> Option<String> {
    match tokens.get(at) {
        Some(TokenTree::Ident(ident)) => Some(ident.to_string().trim_start_matches("r#").to_owned()),
        _ => None,
    }
}

fn is_mark(tokens: &[TokenTree], at: usize, mark: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

/// Whether `::` stands at `at`.
fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    is_mark(tokens, at, ':') && is_mark(tokens, at + 1, ':')
}

/// Whether the word at `at` is the end of something longer: a later segment of a path, or a field.
fn is_behind_path(tokens: &[TokenTree], at: usize) -> bool {
    at >= 2 && is_separator(tokens, at - 2) || at >= 1 && is_mark(tokens, at - 1, '.')
}

/// The path that begins at `at`, and where it ends.
fn path(tokens: &[TokenTree], mut at: usize) -> (Vec<String>, usize) {
    let mut segments: Vec<String> = word(tokens, at).into_iter().collect();
    at += 1;
    while is_separator(tokens, at) {
        let Some(segment) = word(tokens, at + 2) else { break };
        segments.push(segment);
        at += 3;
    }
    (segments, at)
}

/// Whether `#[cfg(test)]` stands at `at`, or a condition that has `test` in it and no `not`.
fn is_for_tests(tokens: &[TokenTree], at: usize) -> bool {
    let Some(TokenTree::Group(attribute)) = tokens.get(at + 1).filter(|_| is_mark(tokens, at, '#')) else {
        return false;
    };
    let inner: Vec<TokenTree> = attribute.stream().into_iter().collect();
    let Some(TokenTree::Group(condition)) = inner.get(1) else { return false };
    let mut words = HashSet::new();
    all_words(condition.stream(), &mut words);
    word(&inner, 0).as_deref() == Some("cfg") && words.contains("test") && !words.contains("not")
}

fn all_words(tokens: TokenStream, words: &mut HashSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => drop(words.insert(ident.to_string())),
            TokenTree::Group(group) => all_words(group.stream(), words),
            _ => {}
        }
    }
}

/// Where the item at `at` ends: behind its body, or its semicolon. The braces of a `use` are no body.
fn after_item(tokens: &[TokenTree], at: usize) -> usize {
    let mut import = false;
    for (end, token) in tokens.iter().enumerate().skip(at) {
        match token {
            TokenTree::Ident(ident) if *ident == "use" => import = true,
            TokenTree::Punct(punct) if punct.as_char() == ';' => return end + 1,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !import => return end + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Adds every leaf of a `use` tree, behind the segments that lead to it.
fn leaves(tokens: &[TokenTree], before: &[String], uses: &mut Vec<Use>) {
    for tree in tokens.split(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')) {
        let tree = if is_separator(tree, 0) { &tree[2..] } else { tree };
        let Some(first) = tree.first() else { continue };
        let line = first.span().start().line;
        let mut segments = before.to_vec();
        let (more, end) = if word(tree, 0).is_some() { path(tree, 0) } else { (Vec::new(), 0) };
        segments.extend(more);
        let behind = if is_separator(tree, end) { end + 2 } else { end };
        match tree.get(behind) {
            Some(TokenTree::Group(group)) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                leaves(&inner, &segments, uses);
            }
            Some(TokenTree::Punct(_)) => uses.push(Use { path: Path { segments, line }, name: None }),
            Some(TokenTree::Ident(_)) => {
                // `as NAME`.
                let name = word(tree, behind + 1);
                uses.push(Use { path: Path { segments, line }, name });
            }
            _ => {
                // `self` at the end stands for the module itself.
                if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
                    segments.pop();
                }
                let name = segments.last().cloned();
                uses.push(Use { path: Path { segments, line }, name });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(text: &str) -> Vec<(String, Option<String>)> {
        let content = read(text, &["common"]).unwrap();
        content.uses.into_iter().map(|leaf| (leaf.path.segments.join("::"), leaf.name)).collect()
    }

    #[test]
    fn every_leaf_of_a_nested_import_counts() {
        let text =
            "pub(crate) use crate::{a::{self, B as C}, d::*, e};\nuse ::common::f;\nuse super::{super::g};";
        let leaf = |path: &str, name: &str| (path.to_owned(), Some(name.to_owned()));
        let expected = [
            leaf("crate::a", "a"),
            leaf("crate::a::B", "C"),
            ("crate::d".to_owned(), None),
            leaf("crate::e", "e"),
            leaf("common::f", "f"),
            leaf("super::super::g", "g"),
        ];
        assert_eq!(uses(text), expected);
    }

    #[test]
    fn a_path_counts_wherever_it_stands_and_comments_do_not() {
        let text = "// crate::no::no\nfn f(x: &crate::a::A) -> u8 { format!(\"{}\", super::b(\"crate::no::no\")); x.self_(1) }\n\
            const C: u8 = common::D;\nimpl self::e::E {}\n";
        let content = read(text, &["common"]).unwrap();
        let paths: Vec<_> = content.paths.iter().map(|path| (path.segments.join("::"), path.line)).collect();
        let expected = [("crate::a::A", 2), ("super::b", 2), ("common::D", 3), ("self::e::E", 4)];
        assert_eq!(paths, expected.map(|(path, line)| (path.to_owned(), line)));
        assert!(content.items.contains("f") && content.items.contains("C"), "{:?}", content.items);
    }

    #[test]
    fn what_is_for_tests_only_does_not_count() {
        let text = "#[cfg(test)]\nmod tests { use crate::no; }\n#[cfg(test)]\nuse crate::{no, no::no};\n\
            #[cfg(all(test, unix))] fn f() { crate::no() }\n#[cfg(not(test))]\nuse crate::yes;\nmod m { use crate::inner; }\n";
        assert_eq!(uses(text), [("crate::yes".to_owned(), Some("yes".to_owned()))]);
        let content = read(text, &[]).unwrap();
        assert!(content.paths.is_empty(), "{:?}", content.paths);
        let [(name, Some(inner))] = content.modules.as_slice() else { panic!("{:?}", content.modules) };
        assert_eq!((name.as_str(), inner.uses.len()), ("m", 1));
    }
}
