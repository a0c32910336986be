//! What every call store must do: one suite, instantiated for each back end with [`contract!`].
//!
//! A back end gives a function that makes an empty [`Home`]; each test gets one of its own.

use std::{any::Any, sync::Arc};

use switchhook_actors::{
    domain::{
        escalation::{Escalation, Grounds, ReasonCode},
        ids::{CallSid, Epoch, EscalationId, InstanceId, TurnId},
        record::{CallRecord, Change, Failure, NewCall, Status},
        time::{Millis, Timestamp},
        transcript::{Role, Turn},
    },
    registry::store::{Appended, CallStore, Claimed, Key, Settled},
};

pub(crate) mod copies;
pub(crate) mod feed;
pub(crate) mod lookups;
pub(crate) mod ownership;
pub(crate) mod race;
pub(crate) mod tidying;

/// When every test begins.
pub(crate) const BEGIN: Timestamp = Timestamp(1_700_000_000_000);

/// An empty store, opened at [`BEGIN`], and what must live as long as it does.
pub(crate) struct Home {
    pub(crate) store: Arc<dyn CallStore>,
    pub(crate) _keep: Box<dyn Any>,
}

/// Makes a test of each rule of the contract for the back end whose homes `$home` makes:
/// `async fn() -> Home`.
macro_rules! contract {
    ($home:path: $($chapter:ident :: $rule:ident),+ $(,)?) => {$(
        #[tokio::test]
        async fn $rule() {
            $crate::stores::contract::$chapter::$rule($home().await).await;
        }
    )+};
    ($home:path) => {
        $crate::stores::contract::contract! { $home:
            ownership::a_call_that_rings_twice_is_opened_once,
            ownership::each_claim_has_a_higher_epoch_and_the_words_so_far,
            ownership::a_call_that_nobody_opened_can_be_claimed,
            ownership::an_ended_call_cannot_be_claimed,
            ownership::a_fenced_owner_changes_nothing,
            ownership::turns_are_stored_once_and_without_a_hole,
            ownership::a_later_version_of_a_turn_replaces_it,
            ownership::an_ended_call_still_takes_its_last_cut,
            ownership::a_final_status_never_changes_again,
            ownership::what_is_settled_is_found,
            ownership::nothing_is_known_of_an_unknown_call,
            ownership::words_of_every_script_survive,
            copies::what_was_lost_is_restored_from_a_copy,
            copies::what_a_store_has_lost_of_a_call_is_restored_and_the_rest_is_kept,
            copies::a_store_that_has_lost_a_claim_takes_from_the_copy_how_the_call_stands,
            copies::a_copy_of_an_older_owner_changes_nothing,
            copies::late_turns_stand_beside_the_transcript_once,
            lookups::the_first_reply_to_a_webhook_stands_until_its_time_is_over,
            lookups::a_call_is_found_by_its_linked_ids,
            lookups::the_newest_link_of_an_id_stands,
            lookups::an_erased_call_leaves_no_trace,
            lookups::all_calls_from_a_number_are_erased_and_no_others,
            lookups::an_order_about_a_call_that_nobody_holds_reaches_nobody,
            lookups::flush_resolves_after_what_was_accepted_before,
            feed::live_calls_are_listed_by_their_start,
            feed::a_reader_gets_a_snapshot_and_then_what_happens,
            feed::a_reader_that_was_away_for_too_long_begins_anew,
            feed::what_changes_nothing_is_no_news,
            tidying::a_silent_call_that_nobody_attends_is_closed_as_failed,
            tidying::every_sign_of_life_counts,
            tidying::an_ended_call_is_deleted_after_its_retention,
            race::effects_follow_the_order_of_the_calls,
            race::each_epoch_has_one_owner_and_turns_have_no_hole,
        }
    };
}
pub(crate) use contract;

/// The `n`th call of a test.
fn sid(n: u32) -> CallSid {
    format!("CA{n:032x}").parse().unwrap()
}

fn engine(name: &str) -> InstanceId {
    InstanceId(name.into())
}

fn ringing(n: u32) -> NewCall {
    NewCall {
        sid: sid(n),
        caller: "+15550001111".into(),
        called: "+15550002222".into(),
        greeting: Some("Hello".into()),
        at: BEGIN + Millis::from(n),
    }
}

fn caller_says(exchange: u32, words: &str) -> Turn {
    Turn::new(TurnId(exchange), Role::Customer, words, BEGIN)
}

fn agent_says(exchange: u32, words: &str) -> Turn {
    Turn::new(TurnId(exchange), Role::Agent, words, BEGIN)
}

/// Twilio gave a session up at that moment.
fn rejoined(at: Timestamp) -> Change {
    Change::Rejoined { failure: Failure::new(at) }
}

fn ended(status: Status) -> Change {
    Change::Ended { status }
}

/// The first escalation of a call.
fn escalated(n: u32, reason: &str) -> Change {
    let id = EscalationId { call: sid(n), number: 1 };
    let grounds = Grounds::new(ReasonCode::CallerAsked, reason);
    Change::Escalated { escalation: Box::new(Escalation::new(id, grounds, BEGIN)) }
}

/// What the tests ask most, without the ceremony.
impl Home {
    async fn ring(&self, n: u32) -> CallRecord {
        self.store.open(ringing(n)).await.unwrap().record
    }

    async fn claim(&self, n: u32, by: &str) -> CallRecord {
        match self.store.claim(sid(n), engine(by), BEGIN).await.unwrap() {
            Claimed::Yours(record) => *record,
            Claimed::Ended => panic!("call {n} is over"),
        }
    }

    async fn append(&self, n: u32, epoch: Epoch, seq: u64, turn: Turn) -> Appended {
        self.store.append(sid(n), epoch, seq, turn).await.unwrap()
    }

    async fn settle(&self, n: u32, epoch: Epoch, change: Change, at: Timestamp) -> CallRecord {
        match self.store.settle(sid(n), epoch, change, at).await.unwrap() {
            Settled::Settled(record) => *record,
            refused => panic!("call {n}: {refused:?}"),
        }
    }

    async fn epoch(&self, n: u32) -> Epoch {
        self.find(n).await.unwrap().epoch
    }

    async fn find(&self, n: u32) -> Option<CallRecord> {
        self.store.find(Key::Sid(sid(n))).await.unwrap()
    }

    async fn words(&self, n: u32) -> Vec<String> {
        let record = self.find(n).await.unwrap();
        record.transcript.turns().iter().map(|turn| turn.text.clone()).collect()
    }
}
