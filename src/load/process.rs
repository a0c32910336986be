//! A process of this machine from the outside: what it has used, what it holds, where it listens.

use std::{collections::BTreeSet, fs, io};

/// Ticks of the CPU times in `/proc`, a second. Part of the kernel's interface: 100 everywhere.
const TICKS: f64 = 100.0;

/// A socket that waits for connections, in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// What a process was seen to use, once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Process {
    /// CPU time of all its threads so far, user and system.
    pub cpu_seconds: f64,
    /// Resident memory, KiB.
    pub resident: u64,
    /// The most it ever had, KiB.
    pub peak: u64,
    /// Its threads.
    pub threads: u64,
    /// Its open descriptors.
    pub descriptors: u64,
}

impl Process {
    /// Looks at a process, on Linux.
    ///
    /// # Errors
    /// When there is no such process, it is somebody else's, or the system has no `/proc`.
    pub fn look(pid: u32) -> io::Result<Self> {
        let strange = || io::Error::new(io::ErrorKind::InvalidData, "/proc reads strangely");
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_start_matches(':').split_ascii_whitespace().next()?.parse().ok()
        };
        Ok(Self {
            cpu_seconds: cpu(&stat).ok_or_else(strange)?,
            resident: number("VmRSS").ok_or_else(strange)?,
            peak: number("VmHWM").ok_or_else(strange)?,
            threads: number("Threads").ok_or_else(strange)?,
            descriptors: fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64,
        })
    }
}

/// Whether a process takes connections on this TCP port, at whatever address, on Linux.
///
/// # Errors
/// When there is no such process, it is somebody else's, or the system has no `/proc`.
pub fn listens(pid: u32, port: u16) -> io::Result<bool> {
    // A descriptor that is closed meanwhile has no link any more.
    let links = fs::read_dir(format!("/proc/{pid}/fd"))?
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| link.into_os_string().into_string().ok());
    let sockets: BTreeSet<_> = links.collect();
    // The tables of its own network: it may be a container's. Without IPv6 there is one.
    let tables = ["tcp", "tcp6"].map(|name| fs::read_to_string(format!("/proc/{pid}/net/{name}")));
    let mut waiting = tables.iter().flatten().flat_map(|table| table.lines()).filter_map(listener);
    Ok(waiting.any(|(at, inode)| at == port && sockets.contains(&format!("socket:[{inode}]"))))
}

/// Port and inode of a socket that waits for connections, from a line of `/proc/net/tcp`.
fn listener(line: &str) -> Option<(u16, &str)> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (_, port) = fields.next()?.rsplit_once(':')?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?;
    (state == LISTEN).then_some((u16::from_str_radix(port, 16).ok()?, inode))
}

/// What a process calls itself.
#[must_use]
pub fn name(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim_end().to_owned()
}

/// `utime` and `stime`, the 14th and 15th field; the 2nd is a name that may hold anything.
fn cpu(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_sees_itself() {
        let seen = Process::look(std::process::id()).unwrap();
        assert!(seen.resident > 0 && seen.peak >= seen.resident, "{seen:?}");
        assert!(seen.threads > 0 && seen.descriptors > 0, "{seen:?}");
    }

    #[test]
    fn cpu_times_are_read_past_an_odd_name() {
        let stat = "42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 150 0 0";
        assert_eq!(cpu(stat), Some(4.0));
        assert_eq!(cpu("42 (short) S 1"), None);
    }

    #[test]
    fn a_process_listens_where_it_takes_connections_and_nowhere_else() {
        let own = std::process::id();
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(door) = std::net::TcpListener::bind(address) else { continue };
            let port = door.local_addr().unwrap().port();
            let caller = std::net::TcpStream::connect(door.local_addr().unwrap()).unwrap();
            let from = caller.local_addr().unwrap().port();
            assert!(listens(own, port).unwrap(), "{address}");
            assert!(!listens(own, from).unwrap(), "a connection is no door");
            let mut other = std::process::Command::new("sleep").arg("60").spawn().unwrap();
            let theirs = listens(other.id(), port);
            other.kill().unwrap();
            other.wait().unwrap();
            assert!(!theirs.unwrap(), "it is another's");
        }
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(Process::look(u32::MAX).is_err() && listens(u32::MAX, 80).is_err());
    }
}
