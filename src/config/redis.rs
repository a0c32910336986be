//! Where Redis is: one server, or Sentinels that know which server is the master.

use std::{fmt, path::PathBuf};

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::problems::Problems;

/// What an address may look like. The value itself is never shown: it may hold a password.
const EXPECTED: &str = "expected redis://[user:password@]host[:6379][/db], rediss://… for TLS, or \
                        redis+sentinel://[user:password@]host:26379,host:26379/master[/db] \
                        (rediss+sentinel://… for TLS)";

/// The port of a Redis server.
const SERVER_PORT: u16 = 6379;

/// The port of a Sentinel.
const SENTINEL_PORT: u16 = 26379;

/// `REDIS_URL`, read.
#[derive(Clone)]
pub struct RedisAddress {
    /// Hosts and ports: of the one server, or of the Sentinels.
    pub hosts: Vec<(String, u16)>,
    /// The name under which the Sentinels know the master; none: the host is the server itself.
    pub master: Option<String>,
    /// Whether servers and Sentinels are spoken to over TLS.
    pub tls: bool,
    /// As whom; none: the default user.
    pub user: Option<String>,
    /// The password of the servers.
    pub password: Option<SecretString>,
    /// Which database.
    pub database: i64,
    /// `REDIS_CA_FILE`: PEM, of the authority that has signed the servers' certificates.
    pub ca_file: Option<PathBuf>,
}

impl RedisAddress {
    /// Whether Sentinels say which server is the master.
    #[must_use]
    pub fn is_sentinel(&self) -> bool {
        self.master.is_some()
    }
}

/// Without the password.
impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "rediss" } else { "redis" };
        let hosts: Vec<_> =
            self.hosts.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        let hosts = hosts.join(",");
        match &self.master {
            Some(master) => write!(f, "{scheme}+sentinel://{hosts}/{master}/{}", self.database),
            None => write!(f, "{scheme}://{hosts}/{}", self.database),
        }
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads the address. No problem shows any part of it.
pub(super) fn redis(
    raw: Option<&SecretString>,
    ca_file: Option<PathBuf>,
    problems: &mut Problems,
) -> Option<RedisAddress> {
    let Some(raw) = raw else {
        if ca_file.is_some() {
            problems.add("REDIS_CA_FILE", "it is for a REDIS_URL that begins with rediss");
        }
        return None;
    };
    let address = address(raw.expose_secret());
    match address {
        Some(address) if ca_file.is_some() && !address.tls => {
            problems.add("REDIS_CA_FILE", "it is for a REDIS_URL that begins with rediss");
            None
        }
        Some(address) => Some(RedisAddress { ca_file, ..address }),
        None => {
            problems.add("REDIS_URL", EXPECTED);
            None
        }
    }
}

/// Several hosts are no URL: the first stands for them all while it is read.
fn address(text: &str) -> Option<RedisAddress> {
    let (scheme, rest) = text.trim().split_once("://")?;
    let (tls, sentinel) = match scheme {
        "redis" => (false, false),
        "rediss" => (true, false),
        "redis+sentinel" => (false, true),
        "rediss+sentinel" => (true, true),
        _ => return None,
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, hosts) = match authority.rsplit_once('@') {
        Some((login, hosts)) => (login, hosts),
        None => ("", authority),
    };
    let port = if sentinel { SENTINEL_PORT } else { SERVER_PORT };
    let hosts: Vec<_> = hosts.split(',').map(|at| host(at, port)).collect::<Option<_>>()?;
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (master, database) = match (sentinel, parts.as_slice()) {
        (true, [master]) => (Some((*master).to_owned()), 0),
        (true, [master, database]) => (Some((*master).to_owned()), database.parse().ok()?),
        (false, []) if hosts.len() == 1 => (None, 0),
        (false, [database]) if hosts.len() == 1 => (None, database.parse().ok()?),
        _ => return None,
    };
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let decoded = |part: &str| percent_decode_str(part).decode_utf8().ok().map(String::from);
    let [user, password] = [decoded(user)?, decoded(password)?];
    Some(RedisAddress {
        hosts,
        master,
        tls,
        user: Some(user).filter(|user| !user.is_empty()),
        password: Some(password).filter(|text| !text.is_empty()).map(SecretString::from),
        database: (0..=65_535).contains(&database).then_some(database)?,
        ca_file: None,
    })
}

fn host(text: &str, port: u16) -> Option<(String, u16)> {
    let url = Url::parse(&format!("http://{text}/")).ok()?;
    let plain = url.username().is_empty() && url.query().is_none() && url.fragment().is_none();
    // `Url` leaves out the port of its own scheme.
    let given = text.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    let port = match given {
        Some((_, port)) if !text.ends_with(']') => port.parse().ok()?,
        _ => port,
    };
    let host = url.host_str()?.trim_matches(['[', ']']);
    plain.then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<RedisAddress> {
        address(text)
    }

    #[test]
    fn a_server_and_sentinels_are_told_apart() {
        let plain = read("redis://127.0.0.1").unwrap();
        assert_eq!(plain.hosts, [("127.0.0.1".to_owned(), 6379)]);
        assert_eq!((plain.master.as_deref(), plain.tls, plain.database), (None, false, 0));
        let full = read("rediss://app:p%40ss@redis.example:7000/3").unwrap();
        assert_eq!(full.hosts, [("redis.example".to_owned(), 7000)]);
        assert_eq!((full.user.as_deref(), full.tls, full.database), (Some("app"), true, 3));
        assert_eq!(full.password.unwrap().expose_secret(), "p@ss");
        let sentinels = read("redis+sentinel://:secret@a:1,[::1]:2,c/mymaster/1").unwrap();
        let hosts = [("a".to_owned(), 1), ("::1".to_owned(), 2), ("c".to_owned(), 26379)];
        assert_eq!(sentinels.hosts, hosts);
        assert_eq!(sentinels.master.as_deref(), Some("mymaster"));
        assert_eq!((sentinels.user.as_deref(), sentinels.database), (None, 1));
        assert_eq!(read("redis://h:80").unwrap().hosts, [("h".to_owned(), 80)]);
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_shown() {
        for wrong in [
            "",
            "redis",
            "http://a",
            "redis://",
            "redis://a,b",
            "redis://a/x",
            "redis://a/-1",
            "redis://a:port",
            "redis://a/0/1",
            "redis+sentinel://a",
            "redis+sentinel://a/master/0/1",
            "redis://a?b=c",
        ] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
        let shown = format!("{:?}", read("redis://me:secret@a").unwrap());
        assert_eq!(shown, "redis://a:6379/0");
    }
}
