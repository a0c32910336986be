//! Every metric, once: name, labels, kind and meaning. Dashboards and alerts build on the names.

/// What a metric measures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Grows and shrinks.
    Gauge,
    /// A histogram of durations, in seconds.
    Seconds {
        /// Upper ends of its buckets.
        buckets: &'static [f64],
    },
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What its series are told apart by: closed sets, never an id or a number.
    pub labels: &'static [&'static str],
    /// What it measures.
    pub kind: Kind,
    /// What it means.
    pub help: &'static str,
}

/// A call: from a wrong number to Twilio's maximum.
const CALL: Kind = Kind::Seconds {
    buckets: &[5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0],
};

/// A model's first token: close together where a caller begins to wonder.
const FIRST_TOKEN: Kind =
    Kind::Seconds { buckets: &[0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0] };

/// A webhook: Twilio gives up after 15 seconds.
const WEBHOOK: Kind = Kind::Seconds {
    buckets: &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0],
};

/// A store operation: a group commit takes milliseconds.
const STORE: Kind = Kind::Seconds {
    buckets: &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0],
};

const fn metric(
    name: &'static str,
    labels: &'static [&'static str],
    kind: Kind,
    help: &'static str,
) -> Metric {
    Metric { name, labels, kind, help }
}

/// All metrics.
#[rustfmt::skip]
pub const METRICS: &[Metric] = &[
    metric("switchhook_calls_live", &[], Kind::Gauge, "Calls this instance holds"),
    metric("switchhook_calls_opened_total", &[], Kind::Counter, "Calls opened"),
    metric("switchhook_calls_ended_total", &["status"], Kind::Counter, "Calls ended, by their last status"),
    metric("switchhook_calls_refused_total", &["reason"], Kind::Counter, "Calls not taken"),
    metric("switchhook_calls_abandoned_total", &[], Kind::Counter, "Calls of instances that are gone, ended by another"),
    metric("switchhook_call_seconds", &[], CALL, "Length of ended calls"),
    metric("switchhook_lines_total", &["event"], Kind::Counter, "Sockets opened, closed and lost, calls connected again, moved and claimed anew"),
    metric("switchhook_relay_frames_total", &["type"], Kind::Counter, "Messages from ConversationRelay"),
    metric("switchhook_relay_frames_rejected_total", &["reason"], Kind::Counter, "Messages from ConversationRelay that could not be read"),
    metric("switchhook_turns_total", &["outcome"], Kind::Counter, "Turns of callers, by what came of them"),
    metric("switchhook_first_token_seconds", &[], FIRST_TOKEN, "From a question to the model's first token"),
    metric("switchhook_interrupts_total", &["located"], Kind::Counter, "Times a caller cut in, by whether the place was found"),
    metric("switchhook_model_requests_total", &["outcome"], Kind::Counter, "Requests to the model"),
    metric("switchhook_model_retries_total", &[], Kind::Counter, "Questions put to the model a second time, before a word was spoken"),
    metric("switchhook_fillers_total", &[], Kind::Counter, "Phrases that covered the wait for an answer"),
    metric("switchhook_reprompts_total", &["after"], Kind::Counter, "Phrases to a caller who said nothing, after a silence or an interrupt"),
    metric("switchhook_model_refusals_total", &["reason"], Kind::Counter, "Questions not put to the model: too many at once, or its breaker is open"),
    metric("switchhook_model_breaker_open", &[], Kind::Gauge, "1 while the model is not asked because it failed too often of late"),
    metric("switchhook_inputs_ignored_total", &["input"], Kind::Counter, "Things that came when a call had no use for them, such as digits after its end"),
    metric("switchhook_escalations_total", &["code"], Kind::Counter, "Times a person was asked for, by the reason"),
    metric("switchhook_escalations_stayed_total", &[], Kind::Counter, "Callers who took the wish for a person back before they were handed over"),
    metric("switchhook_escalation_steps_total", &["state"], Kind::Counter, "Escalations that reached a state"),
    metric("switchhook_escalation_seconds", &["state"], CALL, "From the wish for a person to a state"),
    metric("switchhook_escalations_overdue_total", &["state"], Kind::Counter, "Callers who were to be with a person and of whom nothing was heard for a minute"),
    metric("switchhook_handoffs_total", &["to"], Kind::Counter, "Callers handed over, by where to; back: nobody takes calls"),
    metric("switchhook_task_events_total", &["outcome"], Kind::Counter, "Events of TaskRouter's"),
    metric("switchhook_summaries_total", &["outcome"], Kind::Counter, "Summaries for a person, written by the model or extracted"),
    metric("switchhook_messages_total", &[], Kind::Counter, "Messages that callers left"),
    metric("switchhook_tool_calls_refused_total", &["why"], Kind::Counter, "Calls of the model's that could not be followed"),
    metric("switchhook_webhooks_total", &["route", "outcome"], Kind::Counter, "Webhooks answered"),
    metric("switchhook_webhook_seconds", &["route"], WEBHOOK, "Time to answer a webhook"),
    metric("switchhook_signatures_refused_total", &["route", "reason"], Kind::Counter, "Requests without a right signature of Twilio's"),
    metric("switchhook_twilio_requests_total", &["resource", "outcome"], Kind::Counter, "Requests to Twilio's REST API, every attempt"),
    metric("switchhook_access_refused_total", &["route"], Kind::Counter, "Requests without a token that allows them"),
    metric("switchhook_store_operations_total", &["operation", "outcome"], Kind::Counter, "Operations of the store"),
    metric("switchhook_store_operation_seconds", &["operation"], STORE, "Time of operations of the store"),
    metric("switchhook_redis_connects_total", &["outcome"], Kind::Counter, "Connections to Redis that were opened, failed or lost"),
    metric("switchhook_redis_misses_total", &[], Kind::Counter, "Answers of Redis that did not come in time"),
    metric("switchhook_redis_losses_total", &[], Kind::Counter, "Times that Redis had lost what it held"),
    metric("switchhook_orders_total", &["way", "outcome"], Kind::Counter, "Orders about calls of other engines that were sent, and from them that were received, by what came of them"),
    metric("switchhook_journal_calls", &[], Kind::Gauge, "Calls that are kept in the journal until Redis takes them"),
    metric("switchhook_late_turns_total", &[], Kind::Counter, "Turns that came to Redis when their call had moved on"),
    metric("switchhook_unsaved_turns_total", &[], Kind::Counter, "Turns spoken and not stored"),
    metric("switchhook_lost_turns_total", &[], Kind::Counter, "Turns that were said and will not be in the record"),
    metric("switchhook_actors_replaced_total", &["actor"], Kind::Counter, "Shared actors that died and were replaced"),
    metric("switchhook_descriptors_open", &[], Kind::Gauge, "File descriptors that are open"),
    metric("switchhook_panics_total", &[], Kind::Counter, "Panics; each may have ended a call"),
];
