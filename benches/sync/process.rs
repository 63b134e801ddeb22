//! Processes and what they cost: CPU seconds of a whole process tree, and the most memory that one had resident.
//!
//! Everything is read from `/proc`, so that engine, org and database are told apart although they share the machine.

use std::fs;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Kernel ticks per second, which Linux fixes at this for what `/proc` shows.
const TICKS_PER_SECOND: f64 = 100.0;

/// The pause between two looks at a process.
const LOOK: Duration = Duration::from_millis(5);

/// A process of the program; killed when dropped.
pub(crate) struct Process {
    child: Child,
    began: Instant,
}

/// What a process that has ended took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    /// From its start to its end.
    pub(crate) seconds: f64,
    /// CPU seconds, its children's included.
    pub(crate) cpu: f64,
    /// The most memory that it ever had resident.
    pub(crate) peak_mb: f64,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Self {
        Self { began: Instant::now(), child: command.spawn().unwrap() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that it ever had resident, in megabytes, where the system tells.
    pub(crate) fn peak_memory_mb(&self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        let kilobytes: u32 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(f64::from(kilobytes) / 1024.0)
    }

    /// Forgets the most memory that it had so far: what comes counts from what it has now.
    pub(crate) fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.id()), "5").unwrap();
    }

    /// Waits until it ends, which it must do well.
    pub(crate) fn ended(mut self) -> Ended {
        let mut peak_mb = 0.0;
        let mut cpu = 0.0;
        loop {
            // The system forgets the peak with the process and the time with its last trace: the last ones read count.
            peak_mb = self.peak_memory_mb().unwrap_or(peak_mb);
            let stat = Stat::read(self.id());
            cpu = stat.as_ref().map_or(cpu, |stat| stat.own + stat.reaped);
            if stat.is_none_or(|stat| stat.is_zombie) {
                let seconds = self.began.elapsed().as_secs_f64();
                let status = self.child.wait().unwrap();
                assert!(status.success(), "the program ended with {status}");
                return Ended { seconds, cpu, peak_mb };
            }
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended by itself cannot be killed.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// CPU seconds of a process, of its children, and of all that they have waited for.
pub(crate) fn cpu_of_tree(root: u32) -> f64 {
    let processes: Vec<(u32, Stat)> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|id| Some((id, Stat::read(id)?)))
        .collect();
    let mut members = vec![root];
    let mut next = 0;
    while let Some(parent) = members.get(next).copied() {
        members.extend(processes.iter().filter(|(_, s)| s.parent == parent).map(|(id, _)| *id));
        next += 1;
    }
    let counted = processes.iter().filter(|(id, _)| members.contains(id));
    counted.map(|(_, stat)| stat.own + stat.reaped).sum()
}

/// The line of `/proc/<id>/stat`.
struct Stat {
    parent: u32,
    is_zombie: bool,
    own: f64,
    reaped: f64,
}

impl Stat {
    fn read(id: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
    }

    /// The name in parentheses may hold anything; what follows it is numbered from the state on.
    fn parse(line: &str) -> Option<Self> {
        let (_, rest) = line.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let seconds = |at: usize| Some(fields.get(at)?.parse::<f64>().ok()? / TICKS_PER_SECOND);
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            is_zombie: *fields.first()? == "Z",
            own: seconds(11)? + seconds(12)?,
            reaped: seconds(13)? + seconds(14)?,
        })
    }
}

/// CPU seconds that a line of `/proc/<id>/stat` tells, without those of children.
pub(crate) fn cpu_of_line(line: &str) -> f64 {
    Stat::parse(line).unwrap().own
}
