//! Files as the checks see them: a path and a text, and for Rust its tokens and the paths in them.
//!
//! Tokens, not lines: comments and strings are none, and a path is read the same way in a `use`, an
//! expression or the arguments of a macro.

use std::{fmt, fs, io, path::Path};

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

/// Folders, at the top or below, that are made, not written.
const MADE: [&str; 7] =
    [".git", "target", "data", "node_modules", "mutants.out", "corpus", "artifacts"];

/// A file of the repository.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// From the top of the repository, with `/`.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
}

impl Source {
    /// A file that a test plants.
    #[cfg(test)]
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// A rule that this file breaks at `line`.
    pub(crate) fn breaks(&self, line: usize, rule: impl Into<String>) -> Violation {
        Violation { path: self.path.clone(), line, rule: rule.into() }
    }

    /// Whether the file is `part`'s own or lies in its folder.
    pub(crate) fn is_of(&self, part: &str) -> bool {
        self.path
            .strip_prefix(part)
            .is_some_and(|rest| rest == ".rs" || rest.starts_with('/') || rest.is_empty())
    }

    /// The tokens, or nothing for a text that is no Rust: the compiler tells that better.
    pub(crate) fn tokens(&self) -> TokenStream {
        self.text.parse().unwrap_or_default()
    }

    /// Every name in the code and its line.
    pub(crate) fn words(&self) -> Vec<(usize, String)> {
        let mut words = Vec::new();
        each_run(self.tokens(), &mut |run| {
            if let [TokenTree::Ident(word), ..] = run {
                words.push((word.span().start().line, word.to_string()));
            }
        });
        words
    }

    /// Every path in the code, absolute: `actors::…`, `switchhook::…`, `std::…`.
    pub(crate) fn paths(&self) -> Vec<(usize, String)> {
        let (own, inside) = match self.path.strip_prefix("actors/") {
            Some(inside) => ("actors", inside),
            None => ("switchhook", self.path.as_str()),
        };
        let file = inside.trim_start_matches("src/").trim_end_matches(".rs");
        let module = match file {
            "lib" | "main" => vec![own.to_owned()],
            file => [own].into_iter().chain(file.split('/')).map(str::to_owned).collect(),
        };
        let mut paths = Paths::default();
        paths.walk(self.tokens(), &module);
        paths.found
    }
}

/// A rule that is broken somewhere.
#[derive(Debug)]
pub(crate) struct Violation {
    path: String,
    line: usize,
    rule: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.rule)
    }
}

/// Every text in the repository.
pub(crate) fn repository() -> io::Result<Vec<Source>> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut files, mut folders) = (Vec::new(), vec![top.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let (entry, path) = entry.map(|entry| (entry.file_type(), entry.path()))?;
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            // `.env` is a person's own and holds secrets; what ends in `.log` is what a run left.
            if MADE.contains(&name) || name == ".env" || name.ends_with(".log") {
                continue;
            }
            if entry?.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(top).unwrap_or(&path).to_string_lossy();
                files.push(Source { path: path.replace('\\', "/"), text });
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// Calls `see` with what begins at each token, in groups as well.
pub(crate) fn each_run(tokens: TokenStream, see: &mut dyn FnMut(&[TokenTree])) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut rest = tokens.as_slice();
    while let [first, tail @ ..] = rest {
        see(rest);
        if let TokenTree::Group(group) = first {
            each_run(group.stream(), see);
        }
        rest = tail;
    }
}

#[derive(Default)]
struct Paths {
    found: Vec<(usize, String)>,
}

impl Paths {
    fn walk(&mut self, tokens: TokenStream, module: &[String]) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        while let [first, tail @ ..] = rest {
            rest = match (first, tail) {
                (
                    TokenTree::Ident(word),
                    [TokenTree::Ident(name), TokenTree::Group(body), tail @ ..],
                ) if word == "mod" => {
                    self.walk(body.stream(), &[module, &[name.to_string()]].concat());
                    tail
                }
                (TokenTree::Ident(_), _) => self.path(&[], rest, module),
                (TokenTree::Group(group), tail) => {
                    self.walk(group.stream(), module);
                    tail
                }
                (_, tail) => tail,
            };
        }
    }

    /// Reads one path with all branches of its braces, and returns what follows it.
    fn path<'a>(
        &mut self,
        stem: &[String],
        mut tokens: &'a [TokenTree],
        module: &[String],
    ) -> &'a [TokenTree] {
        let mut segments = stem.to_vec();
        let line = tokens.first().map_or(0, |token| token.span().start().line);
        loop {
            match tokens {
                [
                    TokenTree::Ident(word),
                    TokenTree::Punct(one),
                    TokenTree::Punct(two),
                    rest @ ..,
                ] if one.as_char() == ':'
                    && one.spacing() == Spacing::Joint
                    && two.as_char() == ':' =>
                {
                    segments.push(word.to_string());
                    tokens = rest;
                }
                [TokenTree::Ident(word), rest @ ..] => {
                    segments.push(word.to_string());
                    self.add(line, &segments, module);
                    return rest;
                }
                [TokenTree::Group(group), rest @ ..] if is_branches(group) => {
                    let branches: Vec<_> = group.stream().into_iter().collect();
                    for branch in branches.split(is_comma).filter(|branch| !branch.is_empty()) {
                        self.path(&segments, branch, module);
                    }
                    return rest;
                }
                // A glob, or the arguments of a type.
                rest => {
                    self.add(line, &segments, module);
                    return rest;
                }
            }
        }
    }

    /// Notes a path, from the root of its crate. One name alone is no path.
    fn add(&mut self, line: usize, segments: &[String], module: &[String]) {
        let own = module.get(..1).unwrap_or_default();
        let path = match segments {
            [] => return,
            [only] if only != "super" => return,
            [first, rest @ ..] if first == "crate" => [own, rest].concat(),
            [first, rest @ ..] if first == "self" => [module, rest].concat(),
            [first, ..] if first == "super" => {
                let up = segments.iter().take_while(|segment| *segment == "super").count();
                let above = module.len().saturating_sub(up).max(1);
                let rest = segments.get(up..).unwrap_or_default();
                [module.get(..above).unwrap_or_default(), rest].concat()
            }
            [first, rest @ ..] if first == "switchhook_actors" => {
                [&["actors".to_owned()], rest].concat()
            }
            other => other.to_vec(),
        };
        let path = path.join("::");
        self.found.push((line, path.trim_end_matches("::self").to_owned()));
    }
}

fn is_branches(group: &Group) -> bool {
    group.delimiter() == Delimiter::Brace
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(path: &str, text: &str) -> Vec<String> {
        Source::new(path, text).paths().into_iter().map(|(_, path)| path).collect()
    }

    #[test]
    fn paths_are_read_from_the_root_of_their_crate() {
        for (file, text, expected) in [
            ("src/http/voice.rs", "use super::{Web, error::HttpError};", "switchhook::http::Web"),
            ("src/http.rs", "use self::voice::answer;", "switchhook::http::voice::answer"),
            ("src/http.rs", "mod tests { use super::*; }", "switchhook::http"),
            ("src/http.rs", "fn f() { assert!(crate::stop::now()) }", "switchhook::stop::now"),
            ("src/app.rs", "use switchhook_actors::{a::{self, B}};", "actors::a"),
            ("src/main.rs", "use switchhook::{config::Config};", "switchhook::config::Config"),
            (
                "actors/src/lib.rs",
                "pub use crate::registry::Registry;",
                "actors::registry::Registry",
            ),
            ("actors/src/domain/a.rs", "use super::super::clock;", "actors::clock"),
            ("actors/src/a.rs", "let x = tokio::time::sleep::<A>(b);", "tokio::time::sleep"),
        ] {
            let found = paths(file, text);
            assert!(found.iter().any(|path| path == expected), "{text}: {found:?}");
        }
    }

    #[test]
    fn comments_strings_and_single_names_are_no_paths() {
        let text = "/// See crate::http.\n// crate::http\nfn f() { g(\"crate::http\", models); }";
        assert!(paths("src/config.rs", text).is_empty());
    }

    #[test]
    fn a_path_knows_its_line() {
        let source = Source::new("src/config.rs", "use std::{\n    fmt,\n    io::Read,\n};\n");
        assert_eq!(source.paths(), [(2, "std::fmt".to_owned()), (3, "std::io::Read".to_owned())]);
    }
}
