//! Redis and its Sentinels.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::parts::{Redis, Replicated, Sentinels, wait_for};

/// Seconds as a rule; a tie of votes takes longer, and a Sentinel that was kept waiting for the machine
/// decides and tells nothing for half a minute.
const FAILOVER: Duration = Duration::from_secs(90);

/// Every order that the engines give, as they give it.
const USED: &[&[&str]] = &[
    &["PING"],
    &["INFO"],
    &["ROLE"],
    &["SELECT", "0"],
    &["TIME"],
    &["WAIT", "0", "1"],
    &["FUNCTION", "LOAD", "REPLACE", include_str!("../../../src/stores/redis/functions.lua")],
    &["FCALL", "sh1_unlink", "1", "sh:a:none", "CA1"],
    &["SET", "sh:probe", "1", "PX", "1000"],
    &["SET", "sh:generation", "1", "NX", "GET"],
    &["GET", "sh:generation"],
    &["EXISTS", "sh:{CA1}"],
    &["DEL", "sh:{CA1}"],
    &["HSET", "sh:{CA1}", "v", "1"],
    &["HSETNX", "sh:{CA1}", "v", "1"],
    &["HINCRBY", "sh:{CA1}", "rev", "1"],
    &["HGET", "sh:{CA1}", "v"],
    &["HMGET", "sh:{CA1}", "v", "e"],
    &["HGETALL", "sh:{CA1}"],
    &["HLEN", "sh:{CA1}:t"],
    &["PEXPIRE", "sh:{CA1}:w", "1000"],
    &["PTTL", "sh:{CA1}:w"],
    &["SADD", "sh:n:none", "me"],
    &["SREM", "sh:n:none", "me"],
    &["SMEMBERS", "sh:n:none"],
    &["ZADD", "sh:live", "GT", "1", "CA1"],
    &["ZREM", "sh:live", "CA1"],
    &["ZRANGE", "sh:live", "0", "-1"],
    &["ZRANGEBYSCORE", "sh:live", "0", "9", "LIMIT", "0", "9"],
    &["ZSCORE", "sh:live", "CA1"],
    &["XADD", "sh:events", "MAXLEN", "~", "9", "1-0", "j", "{}"],
    &["XREAD", "COUNT", "1", "STREAMS", "sh:events", "0-0"],
    &["XADD", "sh:m:me", "MAXLEN", "~", "9", "*", "m", "x"],
    &["XREAD", "COUNT", "1", "STREAMS", "sh:events", "sh:m:me", "0-0", "0-0"],
    &["XDEL", "sh:m:me", "1-0"],
    &["XREVRANGE", "sh:events", "+", "-", "COUNT", "1"],
];

/// What somebody with the engines' password would try first, and keys of others.
const REFUSED: &[&[&str]] = &[
    &["FLUSHALL"],
    &["FLUSHDB"],
    &["CONFIG", "GET", "*"],
    &["CONFIG", "SET", "dir", "/"],
    &["ACL", "LIST"],
    &["KEYS", "*"],
    &["SCAN", "0"],
    &["EVAL", "return 1", "0"],
    &["FUNCTION", "FLUSH"],
    &["FUNCTION", "DUMP"],
    &["SHUTDOWN"],
    &["SAVE"],
    &["BGREWRITEAOF"],
    &["REPLICAOF", "NO", "ONE"],
    &["MONITOR"],
    &["CLIENT", "LIST"],
    &["MIGRATE", "h", "1", "sh:live", "0", "1"],
    &["SUBSCRIBE", "__sentinel__:hello"],
    &["PUBLISH", "__sentinel__:hello", "x"],
    &["GET", "other"],
    &["SET", "other", "1"],
    &["HGETALL", "{sh:}"],
];

#[test]
fn the_engines_may_give_every_order_that_they_give_and_no_other() {
    let redis = Redis::single(&[]);
    for order in USED {
        let answer = redis.order_as_engine(order);
        assert!(answer.is_ok(), "{:?}: {answer:?}", order.iter().take(2).collect::<Vec<_>>());
    }
    for order in REFUSED {
        let answer = redis.order_as_engine(order).expect_err("it is refused");
        assert!(answer.contains("NOPERM"), "{order:?}: {answer}");
    }
}

/// The file and the list above name the same orders, so that neither grows alone.
#[test]
fn the_engines_are_allowed_nothing_that_is_not_tried() {
    let users = include_str!("../../../deploy/users.acl");
    let line = users.lines().find(|line| line.starts_with("user switchhook ")).expect("a line");
    let allowed = line.split(' ').filter_map(|word| word.strip_prefix('+'));
    for allowed in allowed {
        let tried = USED.iter().any(|order| {
            let words = order.iter().take(allowed.split('|').count());
            words.copied().collect::<Vec<_>>().join("|").eq_ignore_ascii_case(allowed)
        });
        assert!(tried, "{allowed} is allowed and nobody tried it");
    }
}

#[test]
fn nobody_comes_in_without_a_name_and_a_password() {
    let redis = Redis::single(&[]);
    for login in [("default", ""), ("switchhook", "wrong"), ("nobody", "switchhook-secret")] {
        let answer = redis.order_as(login, &["PING"]);
        assert!(
            answer.as_ref().is_err_and(|error| error.contains("AUTH")),
            "{login:?}: {answer:?}"
        );
    }
    let answer = redis.order_as_nobody(&["PING"]);
    assert!(answer.as_ref().is_err_and(|error| error.contains("NOAUTH")), "{answer:?}");
}

/// The folder holds `cluster.env`, with the keys of the engines.
#[test]
fn the_containers_are_shown_the_files_that_they_read_and_no_other() {
    let compose = include_str!("../../../deploy/compose.yaml");
    let mounts = compose.lines().filter_map(|line| line.split_once(":/deploy"));
    let shown: BTreeSet<_> = mounts.filter_map(|(file, _)| file.split(' ').next_back()).collect();
    let script = include_str!("../../../deploy/redis.sh");
    let read = script.split("$here/").skip(1).filter_map(|rest| rest.split('"').next());
    let others = ["redis.sh", "haproxy.cfg", "sorry.xml"];
    let wanted: BTreeSet<_> = read.chain(others).map(|file| format!("./{file}")).collect();
    assert_eq!(shown, wanted.iter().map(String::as_str).collect());
}

/// A function's writes are one transaction in the file, and a server that replays it asks whether
/// `default` might give each order of a transaction.
#[test]
fn a_server_that_was_killed_comes_back_with_what_it_was_told() {
    let mut redis = Redis::single(&[]);
    let functions = include_str!("../../../src/stores/redis/functions.lua");
    redis.order_as_engine(&["FUNCTION", "LOAD", "REPLACE", functions]).expect("the functions");
    redis.order_as_engine(&["SET", "sh:probe", "told"]).expect("a write");
    let whole = ["4", "sh:{CA1}", "sh:{CA1}:t", "sh:{CA1}:l", "sh:{CA1}:x"];
    let claim = [&["FCALL", "sh1_claim"], &whole[..], &["7", "key", "record", "me"]].concat();
    redis.order_as_engine(&claim).expect("a claim");
    let stands = redis.order(&["HGETALL", "sh:{CA1}"]);
    assert!(stands.contains("active"), "{stands}");
    redis.kill();
    redis.restart();
    assert_eq!(redis.order(&["GET", "sh:probe"]), "told");
    assert_eq!(redis.order(&["HGETALL", "sh:{CA1}"]), stands, "{}", redis.log());
    assert_eq!(redis.order(&["CONFIG", "GET", "maxmemory-policy"]), "maxmemory-policy\nnoeviction");
}

#[test]
fn a_master_whose_replicas_are_silent_takes_no_write() {
    let servers = Replicated::start(&[]);
    let master = servers.master();
    assert_eq!(master.order_as_engine(&["SET", "sh:probe", "1"]).as_deref(), Ok("OK"));
    servers.replicas().iter().for_each(|replica| replica.stop());
    // They were heard of a moment ago, and nothing is kept there any more.
    wait_for("it refuses", FAILOVER, || {
        let answer = master.order_as_engine(&["SET", "sh:probe", "1"]);
        answer.is_err_and(|error| error.contains("NOREPLICAS")).then_some(())
    });
    servers.servers.iter().for_each(Redis::cont);
    wait_for("it takes writes again", FAILOVER, || {
        master.order_as_engine(&["SET", "sh:probe", "1"]).ok()
    });
}

#[test]
fn a_replica_is_the_master_seconds_after_the_old_one_died_and_has_every_acknowledged_word() {
    let mut servers = Replicated::start(&[]);
    let sentinels = Sentinels::over(&servers);
    let old = servers.master().port;
    assert_eq!(sentinels.master(), Some(old));
    let written = servers.master();
    written.order_as_engine(&["SET", "sh:probe", "word"]).expect("a write");
    assert_eq!(written.order(&["WAIT", "2", "5000"]).parse(), Ok(2));

    servers.at(old).kill();
    let died = Instant::now();
    let new = sentinels.wait_for_another(old, FAILOVER);
    let took = died.elapsed();
    assert_eq!(servers.at(new).order(&["GET", "sh:probe"]), "word");
    assert!(took > Duration::from_millis(500), "nobody waited until it was surely dead: {took:?}");

    // The old one comes back, learns its place, and keeps it over a restart.
    servers.at(old).restart();
    let follows = |server: &Redis| {
        let place = [server.fact("role")?, server.fact("master_port")?];
        (place == ["slave".to_owned(), new.to_string()]).then_some(())
    };
    wait_for("the old master follows", FAILOVER, || follows(servers.at(old)));
    servers.at(old).restart();
    assert!(follows(servers.at(old)).is_some(), "a restart makes it the master of nothing");
}
