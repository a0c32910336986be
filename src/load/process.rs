//! A process of this machine from the outside: what it has used and what it holds.

use std::{fs, io};

/// Ticks of the CPU times in `/proc`, a second. Part of the kernel's interface: 100 everywhere.
const TICKS: f64 = 100.0;

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
    fn a_process_that_is_not_there_is_an_error() {
        assert!(Process::look(u32::MAX).is_err());
    }
}
