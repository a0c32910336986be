use super::*;

fn process(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

#[test]
fn a_variable_of_the_process_wins_over_the_file_even_when_it_is_empty() {
    let file = "BIND=0.0.0.0\nPORT=4000\nLOG='debug'\n";
    let pairs = merge(process(&[("PORT", "5000"), ("LOG", ""), ("PATH", "/bin")]), Some(file));
    let expected = [("BIND", "0.0.0.0"), ("LOG", ""), ("PORT", "5000")];
    let expected: BTreeMap<String, String> =
        expected.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    assert_eq!(pairs, Ok(expected));
}

#[test]
fn a_broken_line_is_named_by_its_number_and_not_shown() {
    let file =
        "\u{feff}# a comment\nPORT=3000\n\nOPENAI_API_KEY=sk canary one\nLOG=info\nno name\n";
    let problems = merge([], Some(file)).unwrap_err();
    let said = problems.to_string();
    assert!(said.contains(".env line 4: expected NAME=value"), "{said}");
    assert!(said.contains(".env line 6: expected NAME=value"), "{said}");
    assert_eq!(problems.0.len(), 2, "{said}");
    assert!(!format!("{said}{problems:?}").contains("canary"), "{said}");
}

#[test]
fn lines_longer_than_any_buffer_and_values_of_many_lines_count_right() {
    let file = format!("LOG='{}'\nA='1\n2\n3'\n\n# c\nPORT=a b\nBIND=a b\n", "x".repeat(20_000));
    let problems = merge([], Some(&file)).unwrap_err();
    let named: Vec<_> = problems.0.iter().map(|problem| problem.variable.as_str()).collect();
    assert_eq!(named, [".env line 7", ".env line 8"]);
}

#[test]
fn an_open_quote_is_named_by_the_line_where_it_begins() {
    let problems = merge([], Some("PORT=3000\nLOG='info\nBIND=::1\n")).unwrap_err();
    assert_eq!(problems.0.len(), 1);
    assert!(problems.to_string().starts_with(".env line 2: "), "{problems}");
}

#[test]
fn a_variable_that_stands_twice_in_the_file_is_a_problem() {
    let problems = merge([], Some("PORT=3000\nPORT=4000\nOTHER=1\nOTHER=2\n")).unwrap_err();
    assert_eq!(problems.to_string(), "PORT: stands in .env twice");
}

#[test]
fn the_example_file_is_read_when_every_line_is_uncommented() {
    let example = include_str!("../../../.env.example");
    let uncommented: String = example
        .lines()
        .filter_map(|line| line.strip_prefix("# ").filter(|line| is_assignment(line)))
        .map(|line| format!("{line}\n"))
        .collect();
    let pairs = merge([], Some(&uncommented)).unwrap();
    let names: Vec<&str> = pairs.keys().map(String::as_str).collect();
    let mut known: Vec<&str> =
        super::super::VARIABLES.iter().map(|variable| variable.name).collect();
    known.sort_unstable();
    assert_eq!(names, known);
    for variable in super::super::VARIABLES {
        assert_eq!(pairs[variable.name], variable.default.unwrap_or_default(), "{}", variable.name);
    }
    assert!(crate::config::Config::from_pairs(pairs).unwrap().warnings.iter().all(|warning| {
        // The example sets the base URL to its default, and so names a model.
        !warning.contains("not a variable")
    }));
}

fn is_assignment(line: &str) -> bool {
    line.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    })
}

#[cfg(unix)]
#[test]
fn a_variable_of_ours_that_is_not_utf_8_is_a_problem_and_others_are_none() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = || OsString::from_vec(vec![b'c', 0xff]);
    let all = [("LOG".into(), bytes()), ("SOMETHING".into(), bytes()), (bytes(), bytes())];
    let problems = merge(all, None).unwrap_err();
    assert_eq!(problems.to_string(), "LOG: expected UTF-8");
}

proptest::proptest! {
    #[test]
    fn any_file_is_read_or_refused(file in "([A-Z]{0,3}=?[ '\"#$\\\\{}\n\r\u{e9}a-c]{0,8}\n?){0,6}") {
        drop(merge([], Some(&file)));
    }
}
