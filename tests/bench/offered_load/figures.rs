//! Medians, and how they are printed.

use serde_json::{Map, Value, json};

/// What is told of a report: name, and where it stands.
const FIGURES: [(&str, &str); 22] = [
    ("calls served", "/calls/served"),
    ("calls failed", "/calls/failed"),
    ("tokens a second", "/tokens_per_second"),
    ("CPU us a token, talking", "/engine/talking_cpu_us_per_token"),
    ("CPU us a token, whole calls", "/engine/cpu_us_per_token"),
    ("added p50 ms", "/added_ms/p50"),
    ("added p99 ms", "/added_ms/p99"),
    ("added max ms", "/added_ms/max"),
    ("first token p50 ms", "/first_token_ms/p50"),
    ("first token p99 ms", "/first_token_ms/p99"),
    ("webhook p99 ms", "/webhook_ms/p99"),
    ("connect p99 ms", "/connect_ms/p99"),
    ("RSS KiB a call", "/engine/rss_kib_per_call"),
    ("RSS KiB before", "/engine/rss_before_kib"),
    ("tokens lost", "/tokens/lost"),
    ("tokens doubled", "/tokens/doubled"),
    ("tokens foreign", "/tokens/foreign"),
    ("answers without stamp", "/turns/unstamped"),
    ("questions put late", "/turns/delayed"),
    ("violations", "/violations"),
    ("callers' timers late p99 ms", "/client/tick_late_p99_ms"),
    ("callers' CPU us a token", "/client/cpu_us_per_token"),
];

/// The middle one, or the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (lower, upper) = (values.len().checked_sub(1)? / 2, values.len() / 2);
    Some((values.get(lower)? + values.get(upper)?) / 2.0)
}

fn values(reports: &[Value], place: &str) -> Vec<f64> {
    reports.iter().filter_map(|report| report.pointer(place)?.as_f64()).collect()
}

/// Prints a table of medians of what is measured beside what it is measured against, and returns it
/// with what it was made of.
pub(crate) fn table(
    title: &str,
    [one, other]: [&str; 2],
    measured: &[Value],
    against: &[Value],
) -> Value {
    println!("\n{title}");
    println!("{:<30}{one:>12}{other:>12}{:>8}   each run of the {one}", "", "ratio");
    let mut medians = Map::new();
    for (name, place) in FIGURES {
        let runs = values(measured, place);
        let each = runs.iter().map(|value| format!("{value:.2}")).collect::<Vec<_>>().join(" ");
        let (left, right) = (median(runs), median(values(against, place)));
        let ratio = left.zip(right).filter(|(_, right)| *right > 0.0);
        let ratio = ratio.map(|(left, right)| left / right);
        let told = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
        println!("{name:<30}{:>12}{:>12}{:>8}   {each}", told(left), told(right), told(ratio));
        medians.insert(name.to_owned(), json!({one: left, other: right, "ratio": ratio}));
    }
    let noisy = measured.iter().chain(against).filter(|report| report["client"]["noisy"] == true);
    let noisy = noisy.count();
    if noisy > 0 {
        let runs = measured.len() + against.len();
        println!("NOISY: in {noisy} of {runs} runs the callers were too busy");
    }
    json!({"medians": medians, "noisy": noisy, one: measured, other: against})
}
