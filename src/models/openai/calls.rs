//! The tools that a model calls in one answer, joined from the fragments of a stream.
//!
//! Providers agree on little: fragments come with and without `index` and `id`, with a name once or
//! every time, with arguments as text or as an object. Whatever can be told apart by one of them is;
//! what cannot belongs to the call before it.

use serde::de::IgnoredAny;
use serde_json::Value;
use switchhook_actors::domain::answer::ToolCall;

/// Calls of one answer; more are ignored. One is usual.
const CALLS_MAX: usize = 8;

/// The longest arguments, bytes: a reason and a summary have some hundred.
const ARGUMENTS_MAX: usize = 16 * 1024;

/// The longest name, bytes: twice what the API allows.
const NAME_MAX: usize = 128;

/// The longest id, bytes. Some bridges hide a whole thought in it.
const ID_MAX: usize = 512;

/// What a model calls, as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
    /// Where a fragment that does not say where it belongs goes; none after a call too many.
    current: Option<usize>,
    /// The call in the notation before `tool_calls`. It counts when there is no other.
    legacy: Option<Call>,
}

/// One call on its way.
#[derive(Debug, Default)]
struct Call {
    index: Option<u64>,
    id: Bounded,
    name: Bounded,
    arguments: Bounded,
}

/// A text that is too long is none, however it was cut.
#[derive(Debug, Default)]
struct Bounded {
    text: String,
    over: bool,
}

/// A piece of a call, as it came.
struct Fragment<'a> {
    index: Option<u64>,
    id: &'a str,
    name: &'a str,
    arguments: Option<&'a Value>,
}

impl Calls {
    /// Takes the value of `tool_calls`; what is no list of calls says nothing.
    pub(super) fn take(&mut self, list: &Value) {
        let fragments = list.as_array().into_iter().flatten().filter_map(Fragment::read);
        for (place, fragment) in fragments.enumerate() {
            let at = self.place_of(&fragment, place > 0);
            self.current = match at {
                Some(at) => Some(at),
                None if self.calls.len() < CALLS_MAX => {
                    self.calls.push(Call { index: fragment.index, ..Call::default() });
                    Some(self.calls.len() - 1)
                }
                None => None,
            };
            if let Some(call) = self.current.and_then(|at| self.calls.get_mut(at)) {
                call.push(&fragment);
            }
        }
    }

    /// Takes the value of `function_call`.
    pub(super) fn take_legacy(&mut self, function: &Value) {
        if let Some(fragment) = Fragment::of_function(function, None, "") {
            self.legacy.get_or_insert_default().push(&fragment);
        }
    }

    /// All calls, in the order in which they began. There are none left afterwards.
    pub(super) fn finish(&mut self) -> Vec<ToolCall> {
        let Self { mut calls, legacy, .. } = std::mem::take(self);
        if calls.is_empty() {
            calls.extend(legacy);
        }
        let finished = calls.into_iter().enumerate();
        finished.map(|(at, call)| call.finish(at)).collect()
    }

    /// The call that a fragment goes on with; `None` when it begins one. `listed`: it came behind
    /// another in the same chunk.
    fn place_of(&self, fragment: &Fragment<'_>, listed: bool) -> Option<usize> {
        let last = |is: &dyn Fn(&Call) -> bool| self.calls.iter().rposition(is);
        let at = match fragment.index {
            Some(index) => last(&|call| call.index == Some(index)),
            None if fragment.id.is_empty() && listed => None,
            None => {
                let known = last(&|call| !fragment.id.is_empty() && call.id.text == fragment.id);
                let names_another = !fragment.id.is_empty() && !fragment.name.is_empty();
                known.or_else(|| self.current.filter(|_| !names_another))
            }
        };
        at.filter(|at| self.calls.get(*at).is_some_and(|call| !call.is_behind(fragment)))
    }
}

impl Call {
    /// Whether a fragment that seems to go on with this call begins another: some servers number all
    /// their calls alike.
    fn is_behind(&self, fragment: &Fragment<'_>) -> bool {
        let other_id = !fragment.id.is_empty() && fragment.id != self.id.text;
        !fragment.name.is_empty()
            && (other_id || fragment.begins_arguments())
            && is_object(&self.arguments.text)
    }

    fn push(&mut self, fragment: &Fragment<'_>) {
        if self.id.is_empty() {
            self.id.push(fragment.id, ID_MAX);
        }
        self.push_name(fragment.name);
        match fragment.arguments {
            Some(Value::String(text)) => self.arguments.push(text, ARGUMENTS_MAX),
            None | Some(Value::Null) => {}
            Some(whole) => self.arguments.push(&whole.to_string(), ARGUMENTS_MAX),
        }
    }

    /// A name comes once, every time, or grows.
    fn push_name(&mut self, name: &str) {
        if name == self.name.text {
            return;
        }
        match name.strip_prefix(self.name.text.as_str()) {
            Some(more) => self.name.push(more, NAME_MAX),
            None if self.arguments.is_empty() => self.name.push(name, NAME_MAX),
            None => {}
        }
    }

    /// The call as the `at`-th of its answer. Without an id it gets one: its result has to name it.
    fn finish(self, at: usize) -> ToolCall {
        let id = if self.id.text.is_empty() { format!("call_{at}") } else { self.id.text };
        ToolCall { id, name: self.name.text, arguments: self.arguments.text }
    }
}

impl Bounded {
    fn is_empty(&self) -> bool {
        self.text.is_empty() && !self.over
    }

    fn push(&mut self, piece: &str, most: usize) {
        if self.over || self.text.len() + piece.len() > most {
            *self = Self { text: String::new(), over: true };
        } else {
            self.text.push_str(piece);
        }
    }
}

impl<'a> Fragment<'a> {
    /// A fragment that says something.
    fn read(value: &'a Value) -> Option<Self> {
        let index = value.get("index").and_then(Value::as_u64);
        let id = text(value.get("id"));
        // A few servers leave the wrapping out.
        let function = value.get("function").unwrap_or(value);
        Self::of_function(function, index, id)
    }

    fn of_function(function: &'a Value, index: Option<u64>, id: &'a str) -> Option<Self> {
        let name = text(function.get("name"));
        let arguments = function.get("arguments");
        let says = !id.is_empty() || !name.is_empty() || arguments.is_some_and(is_something);
        says.then_some(Self { index, id, name, arguments })
    }

    /// Whether its arguments are the beginning of some.
    fn begins_arguments(&self) -> bool {
        match self.arguments {
            Some(Value::String(text)) => text.trim_start().starts_with('{'),
            Some(Value::Object(_)) => true,
            _ => false,
        }
    }
}

fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

fn is_something(arguments: &Value) -> bool {
    !arguments.is_null() && arguments.as_str() != Some("")
}

/// Whether a text is a whole object, as far as JSON goes.
fn is_object(text: &str) -> bool {
    text.trim_end().ends_with('}') && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests;
