//! What the engines have left in their journals, read when they are over: nothing, or what Redis has
//! as well.

use std::{collections::HashMap, path::Path};

use serde_json::Value;
use switchhook::{
    clock,
    config::Config,
    stores::{embedded::Embedded, sealed::Vault},
};
use switchhook_actors::{
    domain::{
        ids::CallSid,
        record::CallRecord,
        transcript::{Role, Turn},
    },
    registry::store::{CallStore as _, Key},
};

use crate::findings::{Finding, Findings};

/// Under which the calls of a run are sealed.
pub(crate) const KEYS: &str = "k:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=";

/// Compares the journal in that folder, whose engine is over, with the calls as Redis has them, by
/// their sids.
pub(crate) async fn compare(dir: &Path, kept: &HashMap<String, Value>, findings: &mut Findings) {
    match left(dir, kept.keys()).await {
        Ok(calls) => calls.iter().for_each(|call| judge(call, kept, findings)),
        Err(why) => findings.add(Finding::Journaled, format!("{}: {why}", dir.display())),
    }
}

/// The calls of a run that a journal holds.
async fn left(dir: &Path, sids: impl Iterator<Item = &String>) -> Result<Vec<CallRecord>, String> {
    let pairs = [("TRANSCRIPT_KEYS".to_owned(), KEYS.to_owned())];
    let config = Config::from_pairs(pairs).map_err(|problems| problems.to_string())?;
    let vault = Vault::new(&config.store.transcript_keys);
    let journal = Embedded::open(dir, vault, clock::now()).map_err(|error| error.to_string())?;
    let mut calls = Vec::new();
    for sid in sids {
        let sid: CallSid = sid.parse().map_err(|error| format!("{sid}: {error}"))?;
        let found = journal.find(Key::Sid(sid)).await.map_err(|error| format!("{sid}: {error}"))?;
        calls.extend(found);
    }
    journal.close().await;
    Ok(calls)
}

/// Each of the caller's turns in it has to be in Redis too, in the call or beside it.
fn judge(call: &CallRecord, kept: &HashMap<String, Value>, findings: &mut Findings) {
    let sid = call.sid.to_string();
    let lines = |name: &str| kept.get(&sid).and_then(|kept| kept[name].as_array());
    let is_there = |turn: &Turn| {
        let mut lines = ["transcript", "late"].into_iter().filter_map(lines).flatten();
        lines.any(|line| line["role"] == "customer" && line["text"] == turn.text)
    };
    let beside = call.late.iter().map(|late| &late.turn);
    let turns = call.transcript.turns().iter().chain(beside);
    let missing: Vec<_> =
        turns.filter(|turn| turn.role == Role::Customer && !is_there(turn)).collect();
    if missing.is_empty() {
        findings.add(Finding::BroughtBack, sid.as_str());
    }
    for turn in missing {
        findings.add(Finding::Journaled, format!("{sid} {:?}", turn.text));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use switchhook_actors::{
        domain::{
            ids::{InstanceId, TurnId},
            record::NewCall,
            time::Timestamp,
        },
        registry::store::Claimed,
    };

    use super::*;

    const SID: &str = "CA0123456789abcdef0123456789abcdef";

    /// A journal with a call in which that was said.
    async fn journal(dir: &Path, said: &str) {
        let config = Config::from_pairs([("TRANSCRIPT_KEYS".to_owned(), KEYS.to_owned())]).unwrap();
        let vault = Vault::new(&config.store.transcript_keys);
        let (store, at) = (Embedded::open(dir, vault, clock::now()).unwrap(), Timestamp(1));
        let (caller, called) = ("+12025550142".into(), "+12025550100".into());
        let call = NewCall { sid: SID.parse().unwrap(), caller, called, greeting: None, at };
        store.open(call).await.unwrap();
        let claimed = store.claim(SID.parse().unwrap(), InstanceId("a".to_owned()), at).await;
        let Ok(Claimed::Yours(record)) = claimed else { panic!("{claimed:?}") };
        let turn = Turn::new(TurnId(1), Role::Customer, said, at);
        store.append(record.sid, record.epoch, record.next_seq, turn).await.unwrap();
        store.close().await;
    }

    async fn found(kept: Value) -> Findings {
        let dir = tempfile::tempdir().unwrap();
        journal(dir.path(), "Please look at matter 3x1.").await;
        let mut findings = Findings::default();
        let kept = HashMap::from([(SID.to_owned(), kept)]);
        compare(dir.path(), &kept, &mut findings).await;
        findings
    }

    #[actix_web::test]
    async fn what_a_journal_holds_has_to_be_in_redis_in_the_call_or_beside_it() {
        let line = json!([{"role": "customer", "text": "Please look at matter 3x1."}]);
        for kept in [json!({"transcript": line}), json!({"transcript": [], "late": line})] {
            let there = found(kept).await;
            assert_eq!(there.kinds(), []);
            assert_eq!(there.of(Finding::BroughtBack), [SID]);
        }
        let gone = found(json!({"transcript": []})).await;
        assert_eq!(gone.kinds(), [Finding::Journaled]);
        assert_eq!(gone.of(Finding::BroughtBack), [""; 0]);
    }

    #[actix_web::test]
    async fn an_empty_journal_is_well_and_one_that_cannot_be_read_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let kept = HashMap::from([(SID.to_owned(), json!({}))]);
        let mut findings = Findings::default();
        compare(dir.path(), &kept, &mut findings).await;
        assert_eq!(findings.kinds(), []);
        std::fs::write(dir.path().join("calls.redb"), "no journal").unwrap();
        compare(dir.path(), &kept, &mut findings).await;
        assert_eq!(findings.kinds(), [Finding::Journaled]);
    }
}
