use std::{
    collections::HashSet,
    panic::catch_unwind,
    sync::{Arc, Mutex},
};

use super::*;

/// Shows every metric once, in a process-independent recorder.
fn shown() -> String {
    let (recorder, metrics) = Metrics::record().unwrap();
    metrics::with_local_recorder(&recorder, || {
        for metric in METRICS {
            let labels: Vec<_> =
                metric.labels.iter().map(|label| metrics::Label::new(*label, "some")).collect();
            match metric.kind {
                Kind::Counter => metrics::counter!(metric.name, labels).increment(3),
                Kind::Gauge => metrics::gauge!(metric.name, labels).set(3.0),
                Kind::Seconds { .. } => metrics::histogram!(metric.name, labels).record(3.0),
            }
        }
    });
    metrics.upkeep();
    metrics.render()
}

#[test]
fn an_operator_finds_every_metric_described() {
    let text = shown();
    for metric in METRICS {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Seconds { .. } => "histogram",
        };
        for line in [
            format!("# HELP {} {}\n", metric.name, metric.help),
            format!("# TYPE {} {kind}\n", metric.name),
        ] {
            assert_eq!(text.matches(&line).count(), 1, "{line}{text}");
        }
        for label in metric.labels {
            assert!(text.contains(&format!("{label}=\"some\"")), "{label}");
        }
    }
}

#[test]
fn durations_fall_into_buckets_of_their_own() {
    let text = shown();
    for line in [
        r#"switchhook_first_token_seconds_bucket{le="2"} 0"#,
        r#"switchhook_first_token_seconds_bucket{le="3"} 1"#,
        r#"switchhook_webhook_seconds_bucket{route="some",le="5"} 1"#,
        r#"switchhook_call_seconds_bucket{le="5"} 1"#,
        r#"switchhook_store_operation_seconds_bucket{operation="some",le="0.0005"} 0"#,
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn a_counter_without_labels_is_there_before_its_first_step() {
    let (_recorder, metrics) = Metrics::record().unwrap();
    let text = metrics.render();
    for line in
        ["switchhook_calls_live 0", "switchhook_panics_total 0", "switchhook_unsaved_turns_total 0"]
    {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn the_names_of_metrics_follow_prometheus() {
    let mut seen = HashSet::new();
    for metric in METRICS {
        assert!(seen.insert(metric.name), "{} stands twice", metric.name);
        assert!(metric.name.starts_with("switchhook_"), "{}", metric.name);
        assert_eq!(
            metric.name.ends_with("_total"),
            metric.kind == Kind::Counter,
            "{}",
            metric.name
        );
        if let Kind::Seconds { buckets } = metric.kind {
            assert!(metric.name.ends_with("_seconds"), "{}", metric.name);
            assert!(buckets.is_sorted(), "{}", metric.name);
        }
    }
}

#[test]
fn the_log_is_pretty_for_people_and_json_for_machines() {
    let log = |format| Log { filter: "info".to_owned(), format };
    for (format, is_terminal, expected) in [
        (None, true, Format::Pretty),
        (None, false, Format::Json),
        (Some(Format::Json), true, Format::Json),
        (Some(Format::Pretty), false, Format::Pretty),
    ] {
        assert_eq!(form(&log(format), is_terminal), expected);
    }
}

#[test]
fn a_filter_that_is_none_is_an_error() {
    let log = Log { filter: "switchhook=loud".to_owned(), format: None };
    assert!(matches!(init(&log, false), Err(TelemetryError::Filter(_))));
}

/// What a subscriber wrote.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_panic_is_counted_and_logged_without_the_words_of_a_caller() {
    let (recorder, metrics) = Metrics::record().unwrap();
    let written = Written::default();
    let writer = written.clone();
    let lines = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    let usual = std::panic::take_hook();
    install_panic_hook();
    metrics::with_local_recorder(&recorder, || {
        tracing::subscriber::with_default(lines, || {
            assert!(catch_unwind(|| panic!("a fixed message")).is_err());
            let words = String::from("my card number is 4111");
            assert!(catch_unwind(|| panic!("cannot understand {words}")).is_err());
        });
    });
    std::panic::set_hook(usual);

    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("a fixed message") && text.contains("telemetry/tests.rs"), "{text}");
    assert!(!text.contains("4111"), "{text}");
    assert!(metrics.render().contains("switchhook_panics_total 2"));
}

#[test]
fn a_long_message_of_a_panic_is_cut() {
    let long: &'static str = Box::leak("é".repeat(500).into_boxed_str());
    assert_eq!(message(&long).chars().count(), MESSAGE_MAX);
}

/// The most memory that this process ever held, KiB, as Linux tells it.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[test]
#[ignore = "run by the test below, in a process of its own"]
fn a_process_that_panics() {
    init(&Log { filter: "info".to_owned(), format: Some(Format::Json) }, false).unwrap();
    install_panic_hook();
    let before = peak();
    assert!(catch_unwind(|| panic!("planted")).is_err());
    eprintln!("\ngrown by {} KiB", peak() - before);
}

#[test]
fn a_panic_is_told_by_its_place_alone_whatever_the_environment_asks_for() {
    /// Reading what a backtrace is made of takes tens of MiB.
    const GROWN_MAX: u64 = 16 * 1024;
    for wish in ["1", "full"] {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "telemetry::tests::a_process_that_panics", "--ignored"])
            .arg("--nocapture")
            .env("RUST_BACKTRACE", wish)
            .env("RUST_LIB_BACKTRACE", wish)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let grown =
            said.lines().find_map(|line| line.strip_prefix("grown by ")?.strip_suffix(" KiB"));
        let grown: u64 = grown.expect(&said).parse().unwrap();
        assert!(grown < GROWN_MAX, "{grown} KiB\n{said}");
        let lines: Vec<_> = said.lines().filter(|line| line.contains("panic")).collect();
        assert_eq!(lines.len(), 1, "{said}");
        assert!(lines[0].contains(r#""place":"src/telemetry/tests.rs:"#), "{said}");
        for trace in ["backtrace", "rust_begin_unwind", "core::panicking", "   0:"] {
            assert!(!said.contains(trace), "{trace} in {said}");
        }
    }
}
