//! The REST interface: authentication, and what comes of a request. It only changes the state;
//! how an answer goes astray is the server's affair.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Map, Value, json};

use super::{
    expression::Expression,
    kinds::{self, Check, Kind, Use, is_sid, kind, snake},
    state::{State, Thing},
    statistics,
};

/// A request as far as the interface looks at it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `GET`, `POST`, `DELETE`.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Decoded.
    pub query: Vec<(String, String)>,
    /// Decoded.
    pub form: Vec<(String, String)>,
    /// `Authorization`.
    pub authorization: Option<String>,
    /// `If-Match`.
    pub if_match: Option<String>,
}

/// An answer: the status, the body, the version of a thing.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON; null for none.
    pub body: Value,
    /// For `ETag`.
    pub etag: Option<u32>,
}

impl Answer {
    fn new(status: u16, body: Value) -> Self {
        Self { status, body, etag: None }
    }

    fn of(status: u16, thing: &Thing) -> Self {
        Self { status, body: thing.json(), etag: Some(thing.version) }
    }
}

/// A refusal in Twilio's words.
pub fn refusal(status: u16, code: u32, message: &str) -> Answer {
    let more = format!("https://www.twilio.com/docs/errors/{code}");
    let body = json!({"code": code, "message": message, "more_info": more, "status": status});
    Answer::new(status, body)
}

type Result = std::result::Result<Answer, Answer>;

fn unknown(path: &str) -> Answer {
    refusal(404, 20404, &format!("The requested resource {path} was not found"))
}

fn wrong(message: &str) -> Answer {
    refusal(400, 20001, message)
}

/// Does what is asked, if it may be.
pub fn answer(state: &mut State, asked: &Asked) -> Answer {
    if !is_authorized(state, asked) {
        return refusal(401, 20003, "Authenticate");
    }
    route(state, asked).unwrap_or_else(|answer| answer)
}

fn is_authorized(state: &State, asked: &Asked) -> bool {
    let options = &state.options;
    let Some(text) = asked.authorization.as_deref().and_then(|text| text.strip_prefix("Basic "))
    else {
        return false;
    };
    let known = [
        format!("{}:{}", options.account_sid, options.auth_token),
        format!("{}:{}", options.api_key_sid, options.api_key_secret),
    ];
    BASE64.decode(text).is_ok_and(|text| known.iter().any(|known| known.as_bytes() == text))
}

fn route(state: &mut State, asked: &Asked) -> Result {
    let account = state.options.account_sid.clone();
    let path = asked.path.trim_start_matches('/');
    let names: Vec<&str> = path.split('/').collect();
    match names.as_slice() {
        ["v1", "Workspaces", rest @ ..] => match rest {
            [workspace, segment, rest @ ..] if *segment != "RealTimeStatistics" => {
                let known = state.thing(workspace).is_some_and(|thing| thing.kind.prefix == "WS");
                if !known || !is_sid(workspace, "WS") {
                    return Err(unknown(&asked.path));
                }
                list(state, asked, kind(segment).filter(|kind| kind.in_workspace), workspace, rest)
            }
            rest => list(state, asked, kind("Workspaces"), &account, rest),
        },
        ["2010-04-01", "Accounts", rest @ ..] => {
            let last = rest.last().and_then(|last| last.strip_suffix(".json"));
            let (Some(last), [.., _]) = (last, rest) else { return Err(unknown(&asked.path)) };
            let mut names = rest.to_vec();
            names.pop();
            names.push(last);
            core(state, asked, &account, &names)
        }
        _ => Err(unknown(&asked.path)),
    }
}

fn core(state: &mut State, asked: &Asked, account: &str, names: &[&str]) -> Result {
    match names {
        [sid] if *sid == account => {
            Ok(Answer::new(200, json!({"sid": account, "status": "active", "type": "Full"})))
        }
        [sid, "Calls", call] if *sid == account => state.update_call(call, asked),
        [sid, segment, rest @ ..] if *sid == account => {
            let kind = kind(segment).filter(|kind| !kind.taskrouter);
            list(state, asked, kind, account, rest)
        }
        _ => Err(unknown(&asked.path)),
    }
}

fn list(
    state: &mut State,
    asked: &Asked,
    kind: Option<&'static Kind>,
    parent: &str,
    rest: &[&str],
) -> Result {
    let kind = kind.ok_or_else(|| unknown(&asked.path))?;
    let (sid, below) = match rest {
        [] | [""] => (None, None),
        [sid] => (Some(*sid), None),
        [sid, below] => (Some(*sid), Some(*below)),
        _ => return Err(unknown(&asked.path)),
    };
    let Some(sid) = sid else {
        return match asked.method.as_str() {
            "GET" => page(state, asked, kind, parent),
            "POST" if kind.makes => create(state, asked, kind, parent),
            "POST" => Err(refusal(400, 21404, "The fake sells nothing")),
            _ => Err(refusal(405, 20004, "Method not allowed")),
        };
    };
    let thing = state.thing(sid).filter(|thing| thing.kind.segment == kind.segment);
    let thing = thing.filter(|thing| thing.parent == parent && is_sid(sid, kind.prefix));
    let thing = thing.ok_or_else(|| unknown(&asked.path))?;
    match (asked.method.as_str(), below) {
        ("GET", None) => {
            let mut thing = thing.clone();
            if kind.segment == "Tasks" {
                thing.body.insert("age".to_owned(), json!(state.now() - thing.made));
            }
            Ok(Answer::of(200, &thing))
        }
        ("GET", Some(below)) => statistics::of(state, thing, below)
            .map(|body| Answer::new(200, body))
            .ok_or_else(|| unknown(&asked.path)),
        ("POST", None) => update(state, asked, kind, parent, sid),
        ("DELETE", None) if kind.deletes => delete(state, sid),
        _ => Err(refusal(405, 20004, "Method not allowed")),
    }
}

/// Reads the form against the fields of the kind.
fn fields(
    state: &State,
    asked: &Asked,
    kind: &Kind,
    parent: &str,
    creates: bool,
) -> std::result::Result<Map<String, Value>, Answer> {
    let queues = state.queues(parent);
    let mut body = Map::new();
    for (name, text) in &asked.form {
        let field = kind.fields.iter().find(|field| field.form == name);
        let taken =
            field.filter(|field| if creates { field.create != Use::Never } else { field.update });
        let field = taken.ok_or_else(|| wrong(&format!("{name} is not a known parameter")))?;
        let value = kinds::read(field.check, text, &queues);
        let value = value.map_err(|why| wrong(&format!("{name} {why}")))?;
        if let (Check::Sid(prefix), Value::String(sid)) = (field.check, &value)
            && !sid.is_empty()
            && state.thing(sid).is_none()
        {
            return Err(wrong(&format!("{name}: there is no such {prefix}")));
        }
        if body.insert(snake(name), value).is_some() {
            return Err(wrong(&format!("{name} is there twice")));
        }
    }
    Ok(body)
}

fn create(state: &mut State, asked: &Asked, kind: &'static Kind, parent: &str) -> Result {
    let mut body = fields(state, asked, kind, parent, true)?;
    for field in kind.fields {
        let name = snake(field.form);
        if field.create == Use::Must && !body.contains_key(&name) {
            return Err(wrong(&format!("Missing required parameter {}", field.form)));
        }
        if let (Some(text), false) = (field.default, body.contains_key(&name)) {
            let value = kinds::read(field.check, text, &[]).expect("a default");
            body.insert(name, value);
        }
    }
    refuse_double(state, kind, parent, &body, "")?;
    let mut workflows = state.of("Workflows", parent);
    if kind.segment == "Tasks" && body["workflow_sid"] == "" {
        match (workflows.next().map(|thing| thing.sid.clone()), workflows.next()) {
            (Some(only), None) => body.insert("workflow_sid".to_owned(), json!(only)),
            _ => return Err(wrong("WorkflowSid is required")),
        };
    }
    drop(workflows);
    let sid = state.new_sid(kind.prefix);
    state.keep(kind, parent, &sid, body);
    match kind.segment {
        "Workspaces" => furnish(state, &sid),
        "Tasks" => state.tell_of_task("task.created", &sid, &[]),
        _ => {}
    }
    Ok(Answer::of(201, state.thing(&sid).expect("it was just made")))
}

/// What every new workspace has.
fn furnish(state: &mut State, workspace: &str) {
    for (name, available) in [("Offline", "false"), ("Available", "true"), ("Unavailable", "false")]
    {
        let sid = state.new_sid("WA");
        state.put(
            "Activities",
            workspace,
            &sid,
            &[("FriendlyName", name), ("Available", available)],
        );
    }
}

fn refuse_double(
    state: &State,
    kind: &Kind,
    parent: &str,
    body: &Map<String, Value>,
    own: &str,
) -> std::result::Result<(), Answer> {
    let name = body.get("friendly_name");
    let same = |thing: &Thing| thing.sid != own && thing.body.get("friendly_name") == name;
    if kind.unique && name.is_some() && state.of(kind.segment, parent).any(same) {
        return Err(wrong("FriendlyName already exists"));
    }
    Ok(())
}

fn update(state: &mut State, asked: &Asked, kind: &Kind, parent: &str, sid: &str) -> Result {
    let body = fields(state, asked, kind, parent, false)?;
    refuse_double(state, kind, parent, &body, sid)?;
    if body.contains_key("assignment_status") && body.contains_key("attributes") {
        return Err(wrong("AssignmentStatus and Attributes cannot be updated at once"));
    }
    let thing = state.thing_mut(sid).ok_or_else(|| unknown(&asked.path))?;
    if asked.if_match.as_ref().is_some_and(|tag| tag.trim_matches('"') != thing.version.to_string())
    {
        return Err(refusal(412, 20412, "Precondition failed"));
    }
    thing.version += 1;
    let status = body.get("assignment_status").and_then(Value::as_str).map(str::to_owned);
    let reason = body.get("reason").and_then(Value::as_str).unwrap_or_default().to_owned();
    thing.body.extend(body);
    if kind.segment == "Tasks" {
        match status.as_deref() {
            Some("canceled") => {
                state.tell_of_task("task.canceled", sid, &[("TaskCanceledReason", &reason)]);
            }
            Some("completed") => state.tell_of_task("task.completed", sid, &[]),
            Some("wrapping") => state.tell_of_task("task.wrapup", sid, &[]),
            _ => state.tell_of_task("task.updated", sid, &[]),
        }
    }
    Ok(Answer::of(200, state.thing(sid).expect("it was just changed")))
}

fn delete(state: &mut State, sid: &str) -> Result {
    let names = |thing: &Thing| {
        let text = thing.body.get("configuration").and_then(Value::as_str).unwrap_or_default();
        text.contains(sid) || thing.text("timeout_activity_sid") == sid
    };
    if state.things.iter().any(names) {
        return Err(wrong("it is in use"));
    }
    state.things.retain(|thing| {
        thing.sid != sid && thing.parent != sid && thing.text("friendly_name") != sid
    });
    Ok(Answer::new(204, Value::Null))
}

fn page(state: &State, asked: &Asked, kind: &Kind, parent: &str) -> Result {
    let (mut size, mut from) = (state.options.page_size, 0);
    let mut found: Vec<&Thing> = state.of(kind.segment, parent).collect();
    for (name, text) in &asked.query {
        match name.as_str() {
            "PageSize" => {
                size = text
                    .parse()
                    .ok()
                    .filter(|size| (1..=1_000).contains(size))
                    .ok_or_else(|| wrong("PageSize is invalid"))?
            }
            "PageToken" | "Page" => {
                from = text
                    .trim_start_matches("PT")
                    .parse()
                    .map_err(|_| wrong("PageToken is invalid"))?
            }
            "EvaluateTaskAttributes" if kind.segment == "Tasks" => {
                let expression = Expression::parse(text).map_err(|why| wrong(&why))?;
                found.retain(|task| {
                    let attributes = serde_json::from_str(task.text("attributes"));
                    expression.is_true(&attributes.unwrap_or_default())
                });
            }
            "Available" if kind.segment == "Workers" => {
                let wanted = matches!(text.as_str(), "1" | "true");
                found.retain(|worker| is_available(state, worker) == wanted);
            }
            name if kind.filters.contains(&name) => {
                found.retain(|thing| thing.text(&snake(name)) == text);
            }
            name => return Err(wrong(&format!("{name} is not a known parameter"))),
        }
    }
    let show = |thing: &&Thing| {
        let mut json = thing.json();
        if matches!(kind.segment, "Tasks" | "Workers") {
            // A list leaves them out.
            json["attributes"] = Value::Null;
        }
        json
    };
    let shown: Vec<Value> = found.iter().skip(from).take(size).map(show).collect();
    let more = from + size < found.len();
    let keep =
        asked.query.iter().filter(|(name, _)| !matches!(name.as_str(), "PageToken" | "Page"));
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(keep);
    query.append_pair("PageToken", &format!("PT{}", from + size));
    let next = more.then(|| format!("{}?{}", asked.path, query.finish()));
    let mut body = json!({ kind.list: shown });
    if kind.taskrouter {
        let next = next.map(|next| format!("{}{next}", state.origin));
        body["meta"] =
            json!({"key": kind.list, "page": 0, "page_size": size, "next_page_url": next});
    } else {
        body["next_page_uri"] = json!(next);
        body["page_size"] = json!(size);
    }
    Ok(Answer::new(200, body))
}

/// Whether a worker's activity is an available one.
pub fn is_available(state: &State, worker: &Thing) -> bool {
    let activity = state.thing(worker.text("activity_sid"));
    activity.is_some_and(|activity| activity.body.get("available") == Some(&Value::Bool(true)))
}
