//! Metrics in code and in the table: dashboards and alerts are built on the table, so it must be
//! complete and hold nothing that never moves.

use std::collections::BTreeSet;

use proc_macro2::TokenTree;

use super::source::{Source, Violation, each_run};

/// The macros that record.
const MACROS: [&str; 3] = ["counter", "gauge", "histogram"];

/// Describes and tests whatever the table holds.
const TELEMETRY: &str = "src/telemetry";

/// Where the table stands.
const TABLE: &str = "src/telemetry/table.rs";

/// Holds the names in code against those of the table, both ways.
pub(crate) fn names(files: &[Source], table: &[&str]) -> Vec<Violation> {
    let (mut broken, mut used) = (Vec::new(), BTreeSet::new());
    for file in files.iter().filter(|file| file.is_of("src") || file.is_of("actors/src")) {
        for (line, name) in recorded(file) {
            match name {
                None if file.is_of(TELEMETRY) => {}
                None => broken.push(file.breaks(line, "the name of a metric is a literal")),
                Some(name) => {
                    if !table.contains(&name.as_str()) {
                        let rule = format!("metric `{name}` does not stand in {TABLE}");
                        broken.push(file.breaks(line, rule));
                    }
                    used.insert(name);
                }
            }
        }
    }
    for name in table.iter().filter(|name| !used.contains(**name)) {
        let found = files.iter().find(|file| file.path == TABLE);
        let missing = Source { path: TABLE.to_owned(), text: String::new() };
        let file = found.unwrap_or(&missing);
        let line = file.text.lines().position(|line| line.contains(&format!("\"{name}\"")));
        let rule = format!("metric `{name}` is recorded nowhere");
        broken.push(file.breaks(line.unwrap_or_default() + 1, rule));
    }
    broken
}

/// Every record of a metric: its line, and its name where that is a literal.
fn recorded(file: &Source) -> Vec<(usize, Option<String>)> {
    let mut found = Vec::new();
    each_run(file.tokens(), &mut |run| {
        let [TokenTree::Ident(word), TokenTree::Punct(bang), TokenTree::Group(arguments), ..] = run
        else {
            return;
        };
        if bang.as_char() == '!' && MACROS.iter().any(|name| word == name) {
            let name = match arguments.stream().into_iter().next() {
                Some(TokenTree::Literal(name)) => Some(name.to_string().replace('"', "")),
                _ => None,
            };
            found.push((word.span().start().line, name));
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: [&str; 1] = ["switchhook_calls_live"];
    const USED: &str = "fn f() { metrics::gauge!(\"switchhook_calls_live\").increment(1.0); }\n";

    fn broken(more: &str) -> Vec<String> {
        let file = Source::new("src/http.rs", &format!("{USED}{more}"));
        names(&[file], &LISTED).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_metric_that_is_not_in_the_table_is_found() {
        assert_eq!(broken(""), [""; 0]);
        let found = broken("fn g() { if a { counter!(\"switchhook_cals_total\", \"a\" => b); } }");
        let expected = "src/http.rs:2: metric `switchhook_cals_total` does not stand in src/telemetry/table.rs";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn a_metric_whose_name_is_made_up_at_run_time_is_found() {
        assert_eq!(broken("fn g() { histogram!(name).record(1.0); }").len(), 1);
    }

    #[test]
    fn a_metric_that_nothing_moves_is_found() {
        let table = Source::new(TABLE, "\n    metric(\"switchhook_calls_live\", &[]),\n");
        let found = names(&[table], &LISTED);
        assert_eq!(found.len(), 1);
        let expected = format!("{TABLE}:2: metric `switchhook_calls_live` is recorded nowhere");
        assert!(found.iter().all(|violation| violation.to_string() == expected), "{found:?}");
    }
}
