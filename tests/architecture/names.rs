//! How files and things are named, and how long a file is.

use proc_macro2::TokenTree;

use super::source::{Source, Violation, each_run};

/// Lines of a file, tests included: what one reads in one go.
const LINES_MAX: usize = 400;

/// Names that say nothing about what they name.
const EMPTY: [&str; 7] = ["common", "data", "helper", "helpers", "misc", "util", "utils"];

/// What gives a thing its name.
const NAMING: [&str; 7] = ["enum", "fn", "macro_rules", "mod", "struct", "trait", "type"];

/// Length and names of files.
pub(crate) fn files(files: &[Source]) -> Vec<Violation> {
    let mut broken = Vec::new();
    for file in files {
        let lines = file.text.lines().count();
        if lines > LINES_MAX {
            let rule = format!("has {lines} lines, more than {LINES_MAX}");
            broken.push(file.breaks(lines, rule));
        }
        if file.path.ends_with("/mod.rs") {
            broken.push(file.breaks(1, "is foo/mod.rs: write foo.rs with foo/ beside it"));
        }
        let names = file.path.trim_end_matches(".rs").split('/');
        for name in names.filter(|name| EMPTY.contains(name)) {
            broken.push(file.breaks(1, format!("`{name}` names nothing")));
        }
    }
    broken
}

/// Names of functions, types and modules. `data` may be a part of a name: `data_dir` is one.
pub(crate) fn items(files: &[Source]) -> Vec<Violation> {
    let mut broken = Vec::new();
    for file in files {
        each_run(file.tokens(), &mut |run| {
            let [TokenTree::Ident(naming), rest @ ..] = run else { return };
            let name = match rest {
                [TokenTree::Ident(name), ..] => name,
                [TokenTree::Punct(_), TokenTree::Ident(name), ..] if naming == "macro_rules" => {
                    name
                }
                _ => return,
            };
            let text = name.to_string();
            if NAMING.iter().any(|word| naming == word) && is_empty(&text) {
                let rule = format!("`{text}` names nothing");
                broken.push(file.breaks(name.span().start().line, rule));
            }
        });
    }
    broken
}

fn is_empty(name: &str) -> bool {
    let words = snake(name);
    words == "data" || words.split('_').any(|word| word != "data" && EMPTY.contains(&word))
}

/// `ATypeLikeThis` as `a_type_like_this`.
fn snake(name: &str) -> String {
    let spell = |letter: char| match letter {
        'A'..='Z' => format!("_{}", letter.to_ascii_lowercase()),
        other => other.to_string(),
    };
    name.chars().map(spell).collect::<String>().trim_start_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_a_poor_name_is_found() {
        for path in ["src/http/mod.rs", "src/util.rs", "tests/it/common/ring.rs"] {
            assert_eq!(files(&[Source::new(path, "")]).len(), 1, "{path}");
        }
        assert!(files(&[Source::new("src/http/model.rs", "")]).is_empty());
    }

    #[test]
    fn a_file_that_is_too_long_is_found() {
        let file = |lines: usize| [Source::new("src/http.rs", &"//\n".repeat(lines))];
        assert!(files(&file(LINES_MAX)).is_empty());
        assert_eq!(files(&file(LINES_MAX + 1)).len(), 1);
    }

    #[test]
    fn a_thing_with_a_poor_name_is_found() {
        for text in [
            "fn helper() {}",
            "impl A { fn parse_util(&self) {} }",
            "struct CommonState;",
            "mod utils { }",
            "type Data = u8;",
            "macro_rules! test_helper { () => {} }",
        ] {
            assert_eq!(items(&[Source::new("src/http.rs", text)]).len(), 1, "{text}");
        }
        let text = "struct HandoffData; fn uncommon() {} // fn helper()\nfn data_dir() {}";
        assert!(items(&[Source::new("src/http.rs", text)]).is_empty());
    }
}
