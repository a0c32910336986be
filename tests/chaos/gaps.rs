//! Whether a call went on behind each loss of its socket: what the caller waited for was heard to its
//! end, the answer that was due when the socket was lost, or else the next one.

use std::collections::HashSet;

use switchhook::caller::record::{Account, What};

use crate::{
    callers::{PATIENCE, Story},
    hearing::Hearing,
    words::matter_of,
};

/// A caller who hangs up so soon after the loss of a line waits for nothing, ms.
const AT_ONCE_MS: u64 = 1_000;

/// What became of the gaps of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Gaps {
    pub(crate) lost: usize,
    /// The answer was heard to its end.
    pub(crate) gone_on: usize,
    /// Left out: the caller hung up at once.
    pub(crate) at_once: usize,
    /// Left out: nothing was due, and the caller asked nothing more.
    pub(crate) idle: usize,
    /// Calls with a gap that is not left out.
    pub(crate) hit: usize,
    /// Those of them that went on behind each.
    pub(crate) resumed: usize,
}

/// A call as one looks at its gaps.
pub(crate) struct Call<'a> {
    pub(crate) story: &'a Story,
    pub(crate) account: &'a Account,
    pub(crate) hearing: &'a Hearing,
    /// What the caller said and no engine was told, for a reason that there is.
    pub(crate) untold: &'a HashSet<String>,
}

impl Call<'_> {
    /// Everything that an engine was told: when, and which matter.
    pub(crate) fn asked(&self) -> impl DoubleEndedIterator<Item = (u64, &str)> {
        self.story.facts.iter().filter_map(|fact| {
            let What::Said { words, .. } = &fact.what else { return None };
            let matter = words.split_whitespace().find_map(matter_of)?;
            (!self.untold.contains(matter)).then_some((fact.ms, matter))
        })
    }

    /// The matter that was asked about before that moment, and whose answer's end was not there yet
    /// by then.
    pub(crate) fn pending(&self, at: u64, there: fn(&crate::hearing::Word) -> u64) -> Option<&str> {
        let (_, matter) = self.asked().rfind(|(said, _)| *said < at)?;
        let ended = self.hearing.ends(matter).any(|end| there(end) <= at);
        (!ended).then_some(matter)
    }

    fn left_at_once(&self, lost_ms: u64) -> bool {
        self.story.facts.iter().any(|fact| {
            let left =
                matches!(&fact.what, What::Ended { how } if how.contains("the caller hung up"));
            left && fact.ms < lost_ms + AT_ONCE_MS
        })
    }
}

impl Gaps {
    /// Looks at the gaps of a call. Those behind which it did not go on, in words.
    pub(crate) fn look(&mut self, call: &Call<'_>) -> Vec<String> {
        let patience = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
        let (gaps, mut stranded) = (&call.account.gaps, Vec::new());
        let before = self.gone_on;
        for (nth, gap) in gaps.iter().enumerate() {
            self.lost += 1;
            let lost = gap.lost_ms;
            if call.left_at_once(lost) {
                self.at_once += 1;
                continue;
            }
            let due = call.pending(lost, |end| end.heard_ms).map(|matter| (lost, matter));
            let Some((since, matter)) = due.or(call.asked().find(|(said, _)| *said >= lost)) else {
                self.idle += 1;
                continue;
            };
            let next = gaps.get(nth + 1).map_or(0, |next| next.lost_ms);
            let until = since.saturating_add(patience).max(next);
            if call.hearing.ends(matter).any(|end| end.heard_ms <= until) {
                self.gone_on += 1;
            } else {
                let sid = &call.story.sid;
                stranded.push(format!("{sid} {matter}, the line lost at {lost} ms"));
            }
        }
        let went_on = self.gone_on - before;
        self.hit += usize::from(went_on + stranded.len() > 0);
        self.resumed += usize::from(went_on > 0 && stranded.is_empty());
        stranded
    }
}

#[cfg(test)]
mod tests {
    use switchhook::caller::record::Fact;

    use super::*;
    use crate::{
        checker::stories::{ended, lost, said, story},
        words::answer,
    };

    fn look(facts: &[Vec<Fact>], untold: &[&str]) -> (Gaps, Vec<String>) {
        let story = story(&["1x1", "1x2"], facts);
        let account = Account::of(&story.facts, &[]);
        let hearing = Hearing::of(&story.facts);
        let untold = untold.iter().map(|matter| (*matter).to_owned()).collect();
        let call = Call { story: &story, account: &account, hearing: &hearing, untold: &untold };
        let mut gaps = Gaps::default();
        let stranded = gaps.look(&call);
        (gaps, stranded)
    }

    #[test]
    fn each_gap_needs_the_end_of_the_answer_that_was_due() {
        let heard = said(1_000, "1x1", &[&answer("1x1")]);
        let never = said(60_000, "1x2", &[]);
        let facts = [lost(500), heard.clone(), lost(61_000)];
        let (gaps, stranded) = look(&[&facts[..2], &[never], &facts[2..]].concat(), &[]);
        assert_eq!((gaps.lost, gaps.gone_on, gaps.hit, gaps.resumed), (2, 1, 1, 0));
        assert_eq!(stranded, ["CA1 1x2, the line lost at 61000 ms"]);
        let late =
            vec![said(1_000, "1x1", &[]), lost(1_050), said(60_000, "1x2", &[&answer("1x1")])];
        assert_eq!(look(&late, &[]).0.gone_on, 0, "45 s are over");
        let (gaps, stranded) = look(&[heard.clone(), lost(9_000)], &[]);
        assert_eq!((gaps.idle, gaps.hit, stranded.len()), (1, 0, 0));
        let hung_up = [heard, lost(9_000), ended(9_500, "the caller hung up")];
        assert_eq!(look(&hung_up, &[]).0.at_once, 1);
    }

    #[test]
    fn behind_words_that_nobody_was_told_the_next_answer_counts() {
        let facts = [said(1_000, "1x1", &[]), lost(1_050), said(60_000, "1x2", &[&answer("1x2")])];
        assert_eq!(look(&facts, &[]).1.len(), 1);
        let (gaps, stranded) = look(&facts, &["1x1"]);
        assert_eq!((gaps.gone_on, gaps.resumed, stranded.len()), (1, 1, 0));
    }
}
