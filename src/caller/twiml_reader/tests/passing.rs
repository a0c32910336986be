use super::*;

const WORKFLOW: &str = "WW0000000000000000000000000000000a";

fn only(document: &str) -> Verb {
    read(&format!("<Response>{document}</Response>")).unwrap().remove(0)
}

/// An `<Enqueue>` with this inside.
fn enqueue(inside: &str) -> Result<Enqueue, TwimlError> {
    let document = format!(
        "<Response><Enqueue workflowSid='{WORKFLOW}' action='/queued' waitUrl='/wait' \
         waitUrlMethod='get'>{inside}</Enqueue></Response>"
    );
    match read(&document)?.remove(0) {
        Verb::Enqueue(enqueue) => Ok(enqueue),
        other => panic!("{other:?}"),
    }
}

fn refused_as(code: u32, document: &str) {
    match read(document) {
        Err(TwimlError::Queue { code: found, .. }) => assert_eq!(found, code, "{document}"),
        other => panic!("{document}: {other:?}"),
    }
}

#[test]
fn an_enqueue_is_read_with_its_task() {
    let read =
        enqueue("\n <Task priority='5' timeout='60'> {\"a\":\"b &amp; c\"} </Task>\n").unwrap();
    assert_eq!(read.workflow_sid.as_deref(), Some(WORKFLOW));
    assert_eq!((read.action.as_deref(), read.method.as_str()), (Some("/queued"), "POST"));
    assert_eq!((read.wait_url.as_deref(), read.wait_method.as_str()), (Some("/wait"), "GET"));
    let task = read.task.unwrap();
    assert_eq!(task.attributes, r#"{"a":"b & c"}"#);
    assert_eq!((task.priority, task.timeout), (5, Some(60)));
}

#[test]
fn an_enqueue_is_shown_as_the_same_element_with_its_json_indented() {
    let first = enqueue("<Task priority='0'>{\"a\":\"1 &lt; 2\",\"b\":{\"c\":[]}}</Task>").unwrap();
    let [first_line, ..] = first.shown.lines().collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(first_line, "<Enqueue");
    assert!(first.shown.contains("\n      \"a\": \"1 &lt; 2\",\n"), "{}", first.shown);
    let Verb::Enqueue(again) = only(&first.shown) else { panic!("{}", first.shown) };
    assert_eq!(again.shown, first.shown);
    assert_eq!(again.action, first.action);
    let attributes = |task: Option<Task>| {
        serde_json::from_str::<serde_json::Value>(&task.unwrap().attributes).unwrap()
    };
    assert_eq!(attributes(again.task), attributes(first.task));
}

#[test]
fn a_queue_with_a_name_has_no_task() {
    let Verb::Enqueue(read) = only("<Enqueue> support </Enqueue>") else { panic!("a queue") };
    assert_eq!((read.queue.as_str(), read.task, read.wait_url), ("support", None, None));
    assert!(super::read("<Response><Enqueue><Task>{}</Task></Enqueue></Response>").is_err());
}

#[test]
fn an_enqueue_that_twilio_refuses_is_refused_with_its_code() {
    for workflow in
        ["", "WW1", "WQ0000000000000000000000000000000a", "WW0000000000000000000000000000000g"]
    {
        refused_as(
            14_220,
            &format!(
                "<Response><Enqueue workflowSid='{workflow}'><Task>{{}}</Task></Enqueue></Response>"
            ),
        );
    }
    let long = format!("<Task>{{\"a\":\"{}\"}}</Task>", "x".repeat(4_096));
    for inside in [
        "",
        "<Task/>",
        "<Task>[]</Task>",
        "<Task>hello</Task>",
        "<Task>{\"a\":}</Task>",
        "<Task>{}</Task><Task>{}</Task>",
        &long,
    ] {
        let document =
            format!("<Response><Enqueue workflowSid='{WORKFLOW}'>{inside}</Enqueue></Response>");
        refused_as(14_221, &document);
    }
    // Counted as Twilio counts: a face is two.
    let faces = |count: usize| format!("<Task>{{\"a\":\"{}\"}}</Task>", "😀".repeat(count));
    assert!(enqueue(&faces(2_044)).is_ok());
    assert!(enqueue(&faces(2_045)).is_err());
    for inside in ["<Task priority='high'>{}</Task>", "<Task>{}</Task><Say>Hi</Say>"] {
        assert!(enqueue(inside).is_err(), "{inside}");
    }
}

#[test]
fn a_gather_is_read_with_what_is_heard_meanwhile() {
    let Verb::Gather(gather) = only(
        "<Gather input='dtmf' action='/wait' numDigits='1' timeout='3'><Say>Press 1.</Say>\
         <Play>https://h/a.mp3</Play><Pause length='2'/></Gather>",
    ) else {
        panic!("a gather")
    };
    assert_eq!((gather.digits, gather.timeout, gather.keys), (Some(1), 3, true));
    assert_eq!(gather.action.as_deref(), Some("/wait"));
    assert_eq!(gather.children.len(), 3);
    let Verb::Gather(spoken) = only("<Gather input='speech' timeout='auto'/>") else { panic!() };
    assert_eq!((spoken.digits, spoken.timeout, spoken.keys), (None, 5, false));
}

#[test]
fn a_gather_that_twilio_refuses_is_an_error() {
    for gather in [
        "<Gather><Hangup/></Gather>",
        "<Gather><Gather/></Gather>",
        "<Gather><Leave/></Gather>",
        "<Gather numDigits='0'/>",
        "<Gather numDigits='many'/>",
        "<Gather timeout='soon'/>",
        "<Gather method='PUT'/>",
    ] {
        assert!(read(&format!("<Response>{gather}</Response>")).is_err(), "{gather}");
    }
}

#[test]
fn a_dial_is_read_with_its_number_and_who_is_told() {
    let Verb::Dial(dial) = only(
        "<Dial action='/queued' timeout='30'><Number statusCallback='/status' \
         statusCallbackEvent='initiated answered'>+12025550199</Number></Dial>",
    ) else {
        panic!("a dial")
    };
    assert_eq!((dial.number.as_str(), dial.action.as_deref()), ("+12025550199", Some("/queued")));
    assert_eq!(dial.answered.as_deref(), Some("/status"));
    let Verb::Dial(plain) = only("<Dial>+12025550199</Dial>") else { panic!("a dial") };
    assert_eq!((plain.number.as_str(), plain.answered), ("+12025550199", None));
}

#[test]
fn a_leave_is_read() {
    assert_eq!(only("<Leave/>"), Verb::Leave);
}
