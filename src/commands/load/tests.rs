use clap::Parser;

use super::*;
use crate::load::report::Spread;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    load: LoadArgs,
}

fn parse(arguments: &[&str]) -> Result<LoadArgs, clap::Error> {
    let arguments = [&["load"], arguments].concat();
    Line::try_parse_from(arguments).map(|line| line.load)
}

#[test]
fn without_options_it_is_a_hundred_callers_who_ask_every_eight_seconds() {
    let args = parse(&[]).unwrap();
    assert_eq!((args.calls, args.turns, args.every), (100, 4, Duration::from_secs(8)));
    assert_eq!((args.ramp, args.hold, args.pace), (args.every, Duration::ZERO, Pace::Instant));
    assert!(!args.model.model_stub);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for arguments in [
        &["--calls", "0"][..],
        &["--calls", "1000000"],
        &["--ramp", "-1"],
        &["--every", "NaN"],
        &["--hold", "inf"],
        &["--interrupt-rate", "1.1"],
        &["--threads", "0"],
        &["--tokens", "40"],
        &["--model-stub", "--tokens", "401"],
        &["--ws", "ws://h", "--url", "http://h"],
        &["--token", ""],
    ] {
        assert!(parse(arguments).is_err(), "{arguments:?}");
    }
}

/// What is broken of a report without any calls, once it was changed.
fn broken(arguments: &[&str], change: impl FnOnce(&mut Report)) -> Vec<String> {
    let mut report = Report::default();
    change(&mut report);
    parse(arguments).unwrap().thresholds.broken_by(&report)
}

fn spread(p99: f64) -> Option<Spread> {
    Some(Spread { count: 100, p50: 1.0, p90: 2.0, p99, max: 9_000.0 })
}

#[test]
fn one_call_or_word_that_goes_wrong_is_too_much_unless_said_otherwise() {
    assert!(broken(&[], |_| {}).is_empty());
    let wrong: [fn(&mut Report); 7] = [
        |report| report.calls.failed = 1,
        |report| report.tokens.lost = 1,
        |report| report.tokens.doubled = 1,
        |report| report.tokens.foreign = 1,
        |report| report.tokens.stale = 1,
        |report| report.violations = 1,
        |report| (report.tokens.stamped, report.turns.unstamped) = (1, 1),
    ];
    for wrong in wrong {
        assert_eq!(broken(&[], wrong).len(), 1);
        let lenient = ["--max-failed", "1", "--max-lost", "1", "--max-violations", "1"];
        assert!(broken(&lenient, wrong).is_empty());
    }
}

#[test]
fn a_real_model_stamps_nothing_and_that_is_no_loss() {
    let answered = |report: &mut Report| {
        (report.turns.answered, report.turns.unstamped) = (5, 5);
    };
    assert!(broken(&[], answered).is_empty());
    let expected = |report: &mut Report| {
        answered(report);
        report.plan.stamps = true;
    };
    let lenient = ["--max-failed", "9", "--max-lost", "9", "--max-violations", "9"];
    for arguments in [&[][..], &lenient] {
        let told = broken(arguments, expected);
        assert!(matches!(&told[..], [told] if told.starts_with("stamps: none of 5 ")), "{told:?}");
    }
    assert!(broken(&[], |report| report.plan.stamps = true).is_empty(), "nobody was answered");
}

#[test]
fn a_delay_counts_once_a_threshold_was_given() {
    for (option, set) in [
        (
            "--max-first-token-ms",
            (|report, p99| report.first_token_ms = spread(p99)) as fn(&mut Report, f64),
        ),
        ("--max-added-p99-ms", |report, p99| report.added_ms = spread(p99)),
        ("--max-webhook-p99-ms", |report, p99| report.webhook_ms = spread(p99)),
    ] {
        assert!(broken(&[], |report| set(report, 51.0)).is_empty());
        assert!(broken(&[option, "50"], |report| set(report, 50.0)).is_empty());
        let broken_by = broken(&[option, "50"], |report| set(report, 51.0));
        assert!(matches!(&broken_by[..], [told] if told.ends_with("51.00 ms, at most 50")));
        let unknown = broken(&[option, "50"], |_| {});
        assert!(
            matches!(&unknown[..], [told] if told.contains(": not measured, no ")),
            "{unknown:?}"
        );
    }
}
