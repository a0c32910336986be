//! The cluster that is broken: Redis with two replicas, three Sentinels, three engines, HAProxy.

use std::{collections::HashMap, path::Path, time::Duration};

use crate::{
    cluster::{Engine, Haproxy, Replicated, Sentinels, free_port, wait_for},
    fence::Lying,
    trace::print,
    witness::Witness,
};

/// How long anything that heals may take.
const HEALS_WITHIN: Duration = Duration::from_secs(60);

/// Dropped from the door to the store.
pub(crate) struct House {
    pub(crate) balancer: Haproxy,
    pub(crate) engines: Vec<Engine>,
    pub(crate) sentinels: Sentinels,
    pub(crate) redis: Replicated,
    pub(crate) witness: Witness,
}

impl House {
    /// Starts them all before that model. `drain_s`: how long an engine that ends serves its calls.
    pub(crate) fn start(program: &Path, model: &str, drain_s: u64) -> Self {
        let redis = Replicated::start(&[]);
        let witness = Witness::of(&redis.servers);
        let sentinels = Sentinels::over(&redis);
        let (door, ports) = (free_port(), [free_port(), free_port(), free_port()]);
        let public = format!("http://127.0.0.1:{door}");
        let drain = drain_s.to_string();
        let env = [
            ("REDIS_URL", &*sentinels.url()),
            ("PUBLIC_URL", &*public),
            ("OPENAI_BASE_URL", model),
            ("OPENAI_API_KEY", "sk-chaos"),
            ("RELAY_APPLICATION_RECONNECT", "true"),
            ("TRANSCRIPT_KEYS", "k:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="),
            ("DRAIN_SECONDS", &*drain),
            ("MAX_CALL_SECONDS", "7200"),
            ("MAX_TURNS", "2000"),
            ("LOG_FORMAT", "json"),
            ("RUST_BACKTRACE", "0"),
        ];
        let engines = ports.map(|port| Engine::start(program, port, &env)).into();
        let balancer = Haproxy::at(door, ports);
        Self { balancer, engines, sentinels, redis, witness }
    }

    pub(crate) fn engine(&mut self, nth: usize) -> &mut Engine {
        self.engines.get_mut(nth).expect("an engine")
    }

    /// The port of the master, as the Sentinels say.
    pub(crate) fn master(&self) -> u16 {
        wait_for("the Sentinels know a master", HEALS_WITHIN, || self.sentinels.master())
    }

    /// The port of the one that is the master when all has calmed down.
    pub(crate) fn settled_master(&self) -> u16 {
        wait_for("a master settles", HEALS_WITHIN, || {
            let port = self.sentinels.master()?;
            let server = self.redis.servers.iter().find(|server| server.port == port)?;
            server.is_master().then_some(port)
        })
    }

    /// Waits until two replicas follow that master, and the Sentinels could elect another.
    pub(crate) fn whole_again(&mut self, master: u16) {
        let server = self.redis.servers.iter().find(|server| server.port == master);
        self.redis.wait_for_replicas_of(server.expect("the master"), 2);
        self.sentinels.wait_until_complete();
    }

    /// Waits until every engine has its calls in Redis.
    pub(crate) fn calm(&self) {
        for engine in &self.engines {
            wait_for("an engine is well", HEALS_WITHIN, || {
                (engine.readiness() == Some(200)).then_some(())
            });
        }
    }

    /// A call as it lies in Redis.
    pub(crate) fn lying(&self, sid: &str) -> Lying {
        let port = self.master();
        let server = self.redis.servers.iter().find(|server| server.port == port);
        let url = server.expect("the master").url();
        let client = redis::Client::open(url).expect("an address");
        let mut redis = client.get_connection().expect("the master");
        let key = format!("sh:{{{sid}}}");
        let epoch: Option<u64> =
            redis::cmd("HGET").arg(&key).arg("e").query(&mut redis).expect("an epoch");
        let turns: HashMap<String, Vec<u8>> =
            redis::cmd("HGETALL").arg(format!("{key}:t")).query(&mut redis).expect("turns");
        let mark = |value: &[u8]| {
            let mark = value.split(|&byte| byte == b':').next().unwrap_or_default();
            Some((std::str::from_utf8(mark).ok()?.parse().ok()?, print(value)))
        };
        let turns = turns.into_iter();
        let turns = turns.filter_map(|(place, value)| Some((place, mark(&value)?))).collect();
        Lying { epoch: epoch.unwrap_or_default(), turns }
    }

    /// Which engine has held which call under which epoch, from their logs.
    pub(crate) fn claims(&self) -> Vec<(String, u64, usize)> {
        let mut claims = Vec::new();
        for (nth, engine) in self.engines.iter().enumerate() {
            for line in engine.log().lines().filter(|line| line.contains("held by this session")) {
                let Ok(line) = serde_json::from_str::<serde_json::Value>(line) else { continue };
                let epoch = line["fields"]["epoch"].as_u64();
                let sid = line["span"]["call.sid"].as_str();
                if let (Some(epoch), Some(sid)) = (epoch, sid) {
                    claims.push((sid.to_owned(), epoch, nth));
                }
            }
        }
        claims
    }
}
