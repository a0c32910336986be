//! Several engines that take one call from each other.

use std::collections::HashMap;

use futures_util::future::join_all;
use proptest::{
    collection::vec,
    prelude::any,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use super::*;

const CLAIMANTS: usize = 4;
const SCHEDULES: u32 = 40;

/// What one claimant does next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Claim,
    /// Its next turn, under the sequence number that it expects.
    Append,
    /// The last turn once more, as if the answer had been lost.
    Repeat,
}

/// The contract in a few lines.
#[derive(Default)]
struct Expected {
    owner: Option<usize>,
    epochs: [u64; CLAIMANTS],
    next: [u64; CLAIMANTS],
    epoch: u64,
    stored: u64,
}

impl Expected {
    fn claim(&mut self, who: usize, epoch: u64) {
        assert!(epoch > self.epoch, "epochs only rise");
        self.epoch = epoch;
        self.owner = Some(who);
        self.epochs[who] = epoch;
        self.next[who] = self.stored + 1;
    }

    fn append(&mut self, who: usize, seq: u64) -> Appended {
        if self.owner != Some(who) {
            return Appended::Fenced;
        }
        if seq <= self.stored {
            return Appended::Duplicate;
        }
        self.stored = seq;
        self.next[who] = seq + 1;
        Appended::Appended
    }
}

/// Asks all turns at once and awaits the answers backwards: only the order of asking may count. An
/// epoch is known when its claim is answered, before any of the turns around it is.
pub(crate) async fn effects_follow_the_order_of_the_calls(home: Home) {
    let step = any::<u8>().prop_map(|n| match n % 5 {
        0 => Step::Claim,
        1 => Step::Repeat,
        _ => Step::Append,
    });
    let schedules = vec((0..CLAIMANTS, step), 1..80);
    let mut runner = TestRunner::deterministic();
    for n in 0..SCHEDULES {
        let schedule = schedules.new_tree(&mut runner).unwrap().current();
        let epoch = home.claim(n, "opener").await.epoch.0;
        let mut expected = Expected { epoch, ..Expected::default() };
        let mut appends = Vec::new();
        for &(who, step) in &schedule {
            if matches!(step, Step::Claim) {
                let record = home.claim(n, &who.to_string()).await;
                assert_eq!(record.next_seq, expected.stored + 1, "{schedule:?}");
                expected.claim(who, record.epoch.0);
                continue;
            }
            let back = u64::from(matches!(step, Step::Repeat));
            let seq = expected.next[who].saturating_sub(back).max(1);
            let epoch = Epoch(expected.epochs[who]);
            let turn = caller_says(u32::try_from(seq).unwrap(), &format!("{who}:{seq}"));
            let append = home.store.append(sid(n), epoch, seq, turn);
            appends.push((append, expected.append(who, seq)));
        }
        for (answer, expected) in appends.into_iter().rev() {
            assert_eq!(answer.await, Ok(expected), "{schedule:?}");
        }
        let found = home.find(n).await.unwrap();
        assert_eq!((found.next_seq, found.epoch.0), (expected.stored + 1, expected.epoch));
    }
}

/// Claims, writes until somebody else has claimed, and claims again.
async fn engine_that_insists(store: Arc<dyn CallStore>, who: usize) -> (Vec<u64>, Vec<u64>) {
    let (mut epochs, mut stored) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        let claimed = store.claim(sid(1), engine(&who.to_string()), BEGIN).await;
        let Ok(Claimed::Yours(record)) = claimed else { panic!("{claimed:?}") };
        epochs.push(record.epoch.0);
        for seq in (record.next_seq..).take(8) {
            let turn = caller_says(u32::try_from(seq).unwrap(), &format!("{who}:{seq}"));
            match store.append(sid(1), record.epoch, seq, turn).await {
                Ok(Appended::Appended) => stored.push(seq),
                Ok(Appended::Fenced) => break,
                wrong => panic!("an owner was answered {wrong:?}"),
            }
        }
    }
    (epochs, stored)
}

pub(crate) async fn each_epoch_has_one_owner_and_turns_have_no_hole(home: Home) {
    home.ring(1).await;
    let engines =
        (0..CLAIMANTS).map(|who| tokio::spawn(engine_that_insists(Arc::clone(&home.store), who)));
    let mut writers = HashMap::new();
    let mut epochs = Vec::new();
    for (who, engine) in join_all(engines).await.into_iter().enumerate() {
        let (claimed, stored) = engine.unwrap();
        assert!(claimed.is_sorted(), "epochs only rise");
        epochs.extend(claimed);
        writers.extend(stored.into_iter().map(|seq| (seq, who)));
    }
    let claims = epochs.len();
    epochs.sort_unstable();
    epochs.dedup();
    assert_eq!(epochs.len(), claims, "no epoch has two owners");
    let words: Vec<_> =
        (1..=writers.len() as u64).map(|seq| format!("{}:{seq}", writers[&seq])).collect();
    assert_eq!(home.words(1).await, words);
}
