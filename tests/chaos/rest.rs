//! Whether an engine has come to rest: it takes calls, nothing of it is broken, and all of its calls
//! are in Redis.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use serde_json::Value;

use crate::cluster::Engine;

/// Longer than an engine takes to say how it is.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// Why it has not, if it has not.
pub(crate) fn unrest(engine: &Engine) -> Option<String> {
    let asked = |path| get(engine.port, path).ok_or_else(|| format!("{path} is not answered"));
    let told = asked("/readyz").and_then(|ready| Ok((ready, asked("/metrics")?)));
    match told {
        Ok((ready, metrics)) => judge(&ready, &metrics),
        Err(why) => Some(why),
    }
}

fn judge(ready: &str, metrics: &str) -> Option<String> {
    let state: Value = serde_json::from_str(ready).unwrap_or_default();
    if state["status"] != "ready" {
        return Some(format!("it says {}", ready.trim()));
    }
    let gauge = metrics.lines().find_map(|line| line.strip_prefix("switchhook_journal_calls "));
    match gauge.map(str::trim) {
        Some("0") => None,
        Some(calls) => Some(format!("{calls} calls are in its journal")),
        None => Some("it does not say what is in its journal".to_owned()),
    }
}

/// The calls of a `/monitor` that ring and have been talked with.
pub(crate) fn ringing(list: &str) -> Vec<String> {
    let Ok(calls) = serde_json::from_str::<Vec<Value>>(list) else {
        return vec![format!("no list of calls: {list:.80}")];
    };
    let wrong = |call: &&Value| {
        call["status"] == "ringing" && call["turns"].as_u64().is_some_and(|turns| turns > 1)
    };
    calls.iter().filter(wrong).filter_map(|call| Some(call["callSid"].as_str()?.into())).collect()
}

/// The body of an answer, whatever its status.
pub(crate) fn get(port: u16, path: &str) -> Option<String> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    socket.set_read_timeout(Some(ANSWERS_WITHIN)).ok()?;
    // HTTP/1.0: no chunks.
    write!(socket, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_rings_has_been_answered_by_nobody() {
        let list = r#"[{"callSid": "CA1", "status": "ringing", "turns": 1},
            {"callSid": "CA2", "status": "active", "turns": 9},
            {"callSid": "CA3", "status": "ringing", "turns": 3}]"#;
        assert_eq!(ringing(list), ["CA3"]);
        assert_eq!(ringing("nonsense"), ["no list of calls: nonsense"]);
    }

    #[test]
    fn an_engine_is_at_rest_when_it_is_ready_and_its_journal_is_empty() {
        let metrics = |calls: &str| format!("other 7\nswitchhook_journal_calls {calls}\n");
        let ready = r#"{"status": "ready", "degraded": []}"#;
        assert_eq!(judge(ready, &metrics("0")), None);
        for (state, metrics) in [
            (r#"{"status": "degraded", "degraded": ["store"]}"#, metrics("0")),
            (ready, metrics("2")),
            (ready, "other 0\n".to_owned()),
            ("", metrics("0")),
        ] {
            assert!(judge(state, &metrics).is_some(), "{state} {metrics}");
        }
    }
}
