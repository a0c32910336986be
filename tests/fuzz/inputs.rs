//! The inputs of an ordinary run: the committed ones, and a fixed number made of them by chance
//! that is the same on every machine.

use std::{fs, path::Path};

use proptest::{
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

/// Inputs of an ordinary run: a few seconds for all targets in a debug build.
const CASES: u32 = 2_000;

/// Where chance begins: the same inputs in every run. Other ones are the fuzzer's business.
const SEED: [u8; 32] = *b"switchhook: the same every time.";

/// Changes to one input.
const CHANGES_MAX: usize = 12;

/// A change to an input.
#[derive(Debug, Clone)]
enum Change {
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Cut(Index, Index),
    /// Puts a piece of it elsewhere in it.
    Copy(Index, Index, Index),
}

impl Change {
    fn any() -> impl Strategy<Value = Self> {
        let bytes = prop_oneof![
            prop::collection::vec(any::<u8>(), 1..9),
            any::<String>().prop_map(String::into_bytes),
            select(&["\n", "\r\n", "\0", "\"", "{", "}", "[", "<", "\u{feff}", "\u{202e}"][..])
                .prop_map(|sign| sign.as_bytes().to_vec()),
        ];
        prop_oneof![
            (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Self::Flip(at, bit)),
            (any::<Index>(), bytes).prop_map(|(at, bytes)| Self::Insert(at, bytes)),
            any::<(Index, Index)>().prop_map(|(from, to)| Self::Cut(from, to)),
            any::<(Index, Index, Index)>().prop_map(|(from, to, at)| Self::Copy(from, to, at)),
        ]
    }

    fn apply(&self, input: &mut Vec<u8>) {
        let place = |at: &Index| at.index(input.len() + 1);
        let range = |one: &Index, other: &Index| {
            let (one, other) = (place(one), place(other));
            one.min(other)..one.max(other)
        };
        match self {
            Self::Flip(at, bit) => {
                let at = place(at);
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
            Self::Insert(at, bytes) => {
                let at = place(at);
                input.splice(at..at, bytes.iter().copied());
            }
            Self::Cut(from, to) => drop(input.drain(range(from, to))),
            Self::Copy(from, to, at) => {
                let (range, at) = (range(from, to), place(at));
                let piece = input.get(range).unwrap_or_default().to_vec();
                input.splice(at..at, piece);
            }
        }
    }
}

/// Tries the committed inputs of a target, then those made by chance.
pub(crate) fn try_all(target: &str, check: fn(&[u8])) {
    let seeds = seeds(target);
    for (name, seed) in &seeds {
        // Shown only when the check fails.
        println!("{name}");
        check(seed);
    }
    let seeds: Vec<_> = seeds.into_iter().map(|(_, seed)| seed).collect();
    let changes = prop::collection::vec(Change::any(), 0..CHANGES_MAX);
    let changed = (select(seeds), changes).prop_map(|(mut input, changes)| {
        changes.iter().for_each(|change| change.apply(&mut input));
        input
    });
    let anything = prop::collection::vec(any::<u8>(), 0..400);
    let inputs = prop_oneof![4 => changed, 1 => anything];
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let chance = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let tried = TestRunner::new_with_rng(config, chance).run(&inputs, |input| {
        check(&input);
        Ok(())
    });
    tried.unwrap_or_else(|error| panic!("{target}: {error}"));
}

/// The committed inputs: names and bytes.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(target);
    let files = fs::read_dir(&folder).expect("the target has committed inputs");
    let mut seeds: Vec<_> = files
        .map(|file| {
            let path = file.expect("the folder can be read").path();
            let bytes = fs::read(&path).expect("an input can be read");
            (path.display().to_string(), bytes)
        })
        .collect();
    assert!(!seeds.is_empty(), "{target} has no committed inputs");
    seeds.sort();
    seeds
}
