//! The mark of a process: its number with what tells it from a later one of the same number.

use std::io;
use std::path::Path;

use super::{GRACE, LOOK, Run, world_clock};
use crate::world::World;

/// Which process, on which run of the machine: a number alone is given out again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Its number.
    pub pid: u32,
    /// When it started, in the words of the system.
    pub started: String,
    /// Which start of the machine it belongs to.
    pub boot: String,
}

/// What came of asking a process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It was asked and has ended.
    Ended,
    /// It was asked and still runs.
    Lingers,
    /// There is no such process any more.
    Gone,
}

impl Mark {
    /// Returns the mark of this process, nothing where the system does not tell.
    pub fn own(world: &World) -> Option<Self> {
        Self::of(world, std::process::id())
    }

    /// Returns the mark of the process that has a number now.
    fn of(world: &World, pid: u32) -> Option<Self> {
        let (started, boot) = (started(world, pid)?, boot(world)?);
        Some(Self { pid, started, boot })
    }

    /// Returns whether the process runs.
    pub fn is_running(&self, world: &World) -> bool {
        Self::of(world, self.pid).as_ref() == Some(self)
    }

    /// Asks the process to end, as SIGTERM does, and waits a little longer than it gives those it
    /// started. Whatever else has its number by now is not signalled.
    pub fn ask_to_end(&self, world: &World) -> io::Result<Asked> {
        if !self.signal(world)? {
            return Ok(Asked::Gone);
        }
        let asked = world_clock();
        while asked.elapsed() < GRACE * 3 {
            if !self.is_running(world) {
                return Ok(Asked::Ended);
            }
            world.pause(LOOK);
        }
        Ok(Asked::Lingers)
    }

    /// Signals the process and returns whether it was there.
    #[cfg(target_os = "linux")]
    fn signal(&self, world: &World) -> io::Result<bool> {
        use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
        let Some(pid) = self.number() else {
            return Ok(false);
        };
        // The handle is opened first: what it names stays the same process whatever becomes of the number.
        match pidfd_open(pid, PidfdFlags::empty()) {
            Err(rustix::io::Errno::SRCH) => Ok(false),
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => self.signal_number(world),
            Err(error) => Err(error.into()),
            Ok(_) if !self.is_running(world) => Ok(false),
            Ok(handle) => gone(pidfd_send_signal(handle, Signal::TERM)),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn signal(&self, world: &World) -> io::Result<bool> {
        self.signal_number(world)
    }

    fn signal_number(&self, world: &World) -> io::Result<bool> {
        match self.number().filter(|_| self.is_running(world)) {
            Some(pid) => gone(rustix::process::kill_process(
                pid,
                rustix::process::Signal::TERM,
            )),
            None => Ok(false),
        }
    }

    fn number(&self) -> Option<rustix::process::Pid> {
        rustix::process::Pid::from_raw(i32::try_from(self.pid).ok()?)
    }
}

fn gone(sent: rustix::io::Result<()>) -> io::Result<bool> {
    match sent {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::SRCH) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Returns when a process started; nothing for one that is not there, or has ended and was not reaped.
fn started(world: &World, pid: u32) -> Option<String> {
    if Path::new("/proc/self/stat").exists() {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may hold anything (proc(5)).
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        let started = fields.get(19).filter(|_| fields[0] != "Z")?;
        return Some((*started).to_owned());
    }
    said(world, "ps", &["-o", "lstart=", "-p", &pid.to_string()])
}

fn boot(world: &World) -> Option<String> {
    match std::fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        Ok(id) => Some(id.trim().to_owned()),
        Err(_) => said(world, "sysctl", &["-n", "kern.bootsessionuuid"]),
    }
}

fn said(world: &World, program: &str, args: &[&str]) -> Option<String> {
    let run = Run::new(program, Path::new("/")).args(args.iter().copied());
    let output = run.env("LC_ALL", "C").output(world).ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Start;

    #[test]
    fn only_the_very_process_is_meant() {
        let world = World::new(Start::of_process().unwrap());
        let own = Mark::own(&world).unwrap();
        assert!(own.is_running(&world));
        let other = |change: fn(&mut Mark)| {
            let mut mark = own.clone();
            change(&mut mark);
            mark
        };
        let wrong = [
            other(|it| it.started.push('1')),
            other(|it| it.boot = "another".to_owned()),
            other(|it| it.pid = u32::MAX),
            other(|it| it.pid = 0),
        ];
        for mark in wrong {
            assert!(!mark.is_running(&world), "{mark:?}");
            // This very process would end if it were signalled.
            assert_eq!(mark.ask_to_end(&world).unwrap(), Asked::Gone, "{mark:?}");
        }
    }
}
