//! What one token, one frame, one request costs inside the engine, without a socket:
//! `cargo bench --bench micro`.
#![expect(clippy::expect_used, reason = "what is measured is known to work")]

use std::sync::Arc;

use divan::{Bencher, black_box};
use switchhook::{
    app,
    config::Config,
    load::words::{Moment, Tag, Word},
    models::sse::SseParser,
    twilio::signature::Signatures,
};
use switchhook_actors::domain::{
    answer::AnswerEvent,
    conversation::{Conversation, Effect, Input},
    ids::TurnId,
    persona::Persona,
    prompt::PromptBuilder,
    record::{CallRecord, NewCall},
    relay::{Inbound, Info, Outbound, Prompted},
    time::Timestamp,
};

/// Tokens of an answer, as in the offered load.
const TOKENS: u64 = 40;

const SID: &str = "CA0123456789abcdef0123456789abcdef";
const BEGUN: Timestamp = Timestamp(1_000_000);
const PROMPT: &str = r#"{"type":"prompt","voicePrompt":"What is the annual fee of the card?","lang":"en-US","last":true}"#;
const PLAYED: &str =
    r#"{"type":"info","name":"tokensPlayed","value":"The annual fee of the Eagle Card is"}"#;

fn main() {
    divan::main();
}

/// The protocol of the line.
mod relay {
    use super::*;

    #[divan::bench]
    fn parse_prompt() -> Inbound {
        Inbound::parse(black_box(PROMPT)).expect("a prompt")
    }

    #[divan::bench]
    fn parse_tokens_played() -> Inbound {
        Inbound::parse(black_box(PLAYED)).expect("an info")
    }

    #[divan::bench]
    fn encode_token() -> String {
        Outbound::text(black_box(" account"), false).encode()
    }
}

/// A conversation that has begun and waits for its answer, and the turn it waits for.
fn asked() -> (Conversation, TurnId) {
    let config = Config::from_pairs([]).expect("defaults");
    let persona = Arc::new(Persona::parse(app::OWL_BANK).expect("a persona"));
    let prompts = Arc::new(PromptBuilder::new(&persona));
    let rules = app::rules(&config, &persona);
    let record = CallRecord::ringing(NewCall {
        sid: SID.parse().expect("a call"),
        caller: "+12025550142".to_owned(),
        called: "+12025550100".to_owned(),
        greeting: Some("Hello.".to_owned()),
        at: BEGUN,
    });
    let mut talk = Conversation::new(record, persona, prompts, rules);
    let mut effects = Vec::new();
    let words = Prompted { text: "What is the fee?".to_owned(), lang: None, last: true };
    talk.on(BEGUN, Input::Attached, &mut effects);
    talk.on(BEGUN, Input::Relay(Inbound::Prompt(words)), &mut effects);
    let turn = effects.iter().find_map(|effect| match effect {
        Effect::Ask { turn, .. } => Some(*turn),
        _ => None,
    });
    let turn = turn.expect("a question to the model");
    talk.on(BEGUN, Input::Saved(turn), &mut effects);
    (talk, turn)
}

/// A whole answer token by token: markers, speech, playback, what shall be said.
fn answer(bencher: Bencher<'_, '_>, token: &str) {
    bencher
        .counter(divan::counter::ItemsCount::new(TOKENS))
        .with_inputs(|| (asked(), Vec::with_capacity(8)))
        .bench_refs(|((talk, turn), effects)| {
            for number in 0..TOKENS {
                let event = AnswerEvent::Token(token.to_owned());
                talk.on(
                    Timestamp(BEGUN.0 + 300 + 25 * number),
                    Input::Answer(*turn, event),
                    effects,
                );
                black_box(&effects);
                effects.clear();
            }
        });
}

/// The turn machine.
mod machine {
    use super::*;

    #[divan::bench]
    fn answer_of_plain_tokens(bencher: Bencher<'_, '_>) {
        answer(bencher, " account");
    }

    #[divan::bench]
    fn answer_with_markup(bencher: Bencher<'_, '_>) {
        answer(bencher, " **$1,200**");
    }

    /// Twilio's report that a sentence has been spoken, in an answer of 40 words.
    #[divan::bench]
    fn tokens_played(bencher: Bencher<'_, '_>) {
        let input = || Input::Relay(Inbound::Info(Info::TokensPlayed(" account".repeat(12))));
        let talked = || {
            let (mut talk, turn) = asked();
            let mut effects = Vec::new();
            for _ in 0..TOKENS {
                let event = AnswerEvent::Token(" account".to_owned());
                talk.on(BEGUN, Input::Answer(turn, event), &mut effects);
            }
            assert!(effects.len() >= 40, "every token is said");
            effects.clear();
            (talk, effects, input())
        };
        bencher.with_inputs(talked).bench_values(|(mut talk, mut effects, input)| {
            talk.on(Timestamp(BEGUN.0 + 8_000), input, &mut effects);
            (talk, effects)
        });
    }
}

/// The stream of the model.
mod model {
    use super::*;

    fn events() -> Vec<u8> {
        let event = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\
            \"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" account\"},\"finish_reason\":\
            null}]}\n\n";
        event.as_bytes().to_vec()
    }

    #[divan::bench]
    fn one_event_in_one_piece(bencher: Bencher<'_, '_>) {
        let event = events();
        bencher.with_inputs(SseParser::new).bench_refs(|parser| {
            let mut bytes = 0;
            let pushed = parser.push(black_box(&event), &mut |event| bytes += event.len());
            pushed.expect("an event stream");
            bytes
        });
    }

    #[divan::bench]
    fn one_event_in_two_pieces(bencher: Bencher<'_, '_>) {
        let event = events();
        let (one, two) = event.split_at(event.len() / 2);
        bencher.with_inputs(SseParser::new).bench_refs(|parser| {
            let mut bytes = 0;
            for piece in [one, two] {
                let pushed = parser.push(black_box(piece), &mut |event| bytes += event.len());
                pushed.expect("an event stream");
            }
            bytes
        });
    }
}

/// Webhooks and upgrades.
mod signature {
    use super::*;

    const ADDRESS: &str = "https://bank.example/voice/incoming";

    fn signatures() -> Signatures {
        let token = "0123456789abcdef0123456789abcdef".to_owned();
        Signatures::new([token.into()]).expect("a token")
    }

    fn form() -> Vec<(String, String)> {
        let fields = ["CallSid", "AccountSid", "From", "To", "CallStatus", "Direction"];
        fields.map(|name| (name.to_owned(), SID.to_owned())).to_vec()
    }

    #[divan::bench]
    fn verify_form(bencher: Bencher<'_, '_>) {
        let (signatures, form) = (signatures(), form());
        let signed = signatures.sign_form(ADDRESS, &form);
        bencher.bench(|| signatures.verify_form(black_box(ADDRESS), &form, Some(&signed)));
    }

    #[divan::bench]
    fn verify_upgrade(bencher: Bencher<'_, '_>) {
        let signatures = signatures();
        let address = "wss://bank.example/conversation/CA0123456789abcdef0123456789abcdef";
        let signed = signatures.sign_url(address);
        bencher.bench(|| signatures.verify_upgrade(black_box(address), Some(&signed)));
    }
}

/// The stamped words of the load tool.
mod load {
    use super::*;

    fn word() -> String {
        let mut text = Vec::new();
        let tag = Tag { caller: 999, question: 3 };
        Word { tag, left: 39, written: Moment::now() }.write(&mut text);
        String::from_utf8(text).expect("letters")
    }

    #[divan::bench]
    fn read_word(bencher: Bencher<'_, '_>) {
        let word = word();
        bencher.bench(|| Word::read(black_box(&word)));
    }

    #[divan::bench]
    fn write_word() -> String {
        word()
    }

    /// What the callers do with each frame of the engine.
    #[divan::bench]
    fn read_frame(bencher: Bencher<'_, '_>) {
        let frame = Outbound::text(&word(), false).encode();
        bencher.bench(|| switchhook::caller::read_frame(black_box(&frame)));
    }
}
