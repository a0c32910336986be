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

/// Prints a table of medians, and returns it with what it was made of.
pub(crate) fn table(title: &str, engine: &[Value], floor: &[Value]) -> Value {
    println!("\n{title}");
    println!("{:<30}{:>12}{:>12}{:>8}   each run of the engine", "", "engine", "floor", "ratio");
    let mut medians = Map::new();
    for (name, place) in FIGURES {
        let runs = values(engine, place);
        let each = runs.iter().map(|value| format!("{value:.2}")).collect::<Vec<_>>().join(" ");
        let (engine, floor) = (median(runs), median(values(floor, place)));
        let ratio = engine.zip(floor).filter(|(_, floor)| *floor > 0.0);
        let ratio = ratio.map(|(engine, floor)| engine / floor);
        let told = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
        println!("{name:<30}{:>12}{:>12}{:>8}   {each}", told(engine), told(floor), told(ratio));
        medians.insert(name.to_owned(), json!({"engine": engine, "floor": floor, "ratio": ratio}));
    }
    let noisy = engine.iter().chain(floor).filter(|report| report["client"]["noisy"] == true);
    let noisy = noisy.count();
    if noisy > 0 {
        println!(
            "NOISY: in {noisy} of {} runs the callers were too busy",
            engine.len() + floor.len()
        );
    }
    json!({"medians": medians, "noisy": noisy, "engine": engine, "floor": floor})
}
