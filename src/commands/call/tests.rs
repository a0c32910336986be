//! The command line of a call.

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    call: CallArgs,
}

fn parse(arguments: &[&str]) -> Result<CallArgs, clap::Error> {
    let arguments = [&["call"], arguments].concat();
    Line::try_parse_from(arguments).map(|line| line.call)
}

#[test]
fn without_options_it_calls_the_engine_on_this_machine_and_talks() {
    let args = parse(&[]).unwrap();
    assert_eq!(args.url, "http://127.0.0.1:3000");
    assert_eq!(args.pace, Pace::CharsPerSecond(14.0));
    assert!(read_script(&args).unwrap().is_none());
}

#[test]
fn say_may_be_repeated_and_becomes_a_script() {
    let args = parse(&["--say", "Hi", "--say", "Bye", "--pace", "fast"]).unwrap();
    assert_eq!(args.pace, Pace::Instant);
    // And then it goes where the call goes.
    assert_eq!(read_script(&args).unwrap().unwrap().len(), 3);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for arguments in [
        &["--pace", "0"][..],
        &["--pace", "quick"],
        &["--pace", "NaN"],
        &["--token", ""],
        &["--reconnect", "again"],
        &["--say", "hi", "--script", "x"],
        &["--ws", "ws://h", "--url", "http://h"],
    ] {
        assert!(parse(arguments).is_err(), "{arguments:?}");
    }
}

#[test]
fn a_variant_is_taken_as_written_and_a_seed_makes_one_at_random() {
    let args = parse(&["--reconnect", "action,after=300"]).unwrap();
    assert_eq!(options(args).variant.to_string().parse(), "action,after=300".parse::<Reconnect>());
    let random = || options(parse(&["--reconnect", "random", "--seed", "7"]).unwrap()).variant;
    assert_eq!((random(), random()), (Reconnect::random(7), Reconnect::random(7)));
}

#[test]
fn the_token_of_the_command_line_wins_and_is_never_shown() {
    let args = parse(&["--token", "new,old"]).unwrap();
    assert!(!format!("{args:?}").contains("new"), "{args:?}");
    let signed = options(args).signatures.unwrap().sign_url("wss://x.example/");
    let expected = Signatures::new(["new".to_owned().into()]).unwrap();
    assert_eq!(signed, expected.sign_url("wss://x.example/"));
}

#[test]
fn a_script_that_is_not_there_is_named() {
    let args = parse(&["--script", "no-such-file.txt"]).unwrap();
    let error = read_script(&args).unwrap_err().to_string();
    assert!(error.contains("no-such-file.txt"), "{error}");
}
