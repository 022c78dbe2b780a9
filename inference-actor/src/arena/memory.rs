//! How much memory this process may use, and whether the machine is short of it.
//!
//! Reads what Linux tells under `/proc` and `/sys/fs/cgroup`, both versions of control groups. The
//! root of these paths is given, so that tests bring their own. Elsewhere nothing is told.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Whether there is memory to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressure {
    /// Yes.
    Calm,
    /// Tasks wait for memory, or the limit is all but reached.
    Short,
}

/// Who tells of memory.
pub trait MemorySource: Send {
    /// The least of the limits that hold for this process, in bytes.
    fn limit_bytes(&self) -> Option<u64>;

    /// Whether the machine, or the group that this process is in, is short of memory.
    fn pressure(&self) -> Pressure;
}

/// From this share of time on in which some task waited for memory, in percent over 10 s, the
/// machine is short of it.
const SHORT_WAITING_PERCENT: f64 = 10.0;
/// Where no such share is told: from this share of the group's limit on, in hundredths.
const SHORT_USED_PERCENT: u64 = 95;

/// `share_percent` of the memory that may be used; `None` where no limit is known.
#[must_use]
pub fn budget_bytes(source: &dyn MemorySource, share_percent: u64) -> Option<u64> {
    let limit = source.limit_bytes()?;
    Some(limit / 100 * share_percent)
}

/// What the system under a root folder tells.
#[derive(Debug, Clone)]
pub struct SystemMemory {
    root: PathBuf,
}

/// A control group that limits memory: its folder, and the names of its files.
struct Group {
    folder: PathBuf,
    mount: PathBuf,
    version: Version,
}

enum Version {
    One,
    Two,
}

impl Default for SystemMemory {
    fn default() -> Self {
        Self::under("/")
    }
}

impl SystemMemory {
    /// The system whose `/proc` and `/sys` lie under `root`.
    #[must_use]
    pub fn under(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The group of this process; inside a container its path may not exist, and the mount itself
    /// stands for it.
    fn group(&self) -> Option<Group> {
        let lines = fs::read_to_string(self.root.join("proc/self/cgroup")).ok()?;
        let fields = |line: &str| {
            let mut fields = line.splitn(3, ':');
            let _number = fields.next()?;
            Some((fields.next()?.to_owned(), fields.next()?.to_owned()))
        };
        let groups: Vec<_> = lines.lines().filter_map(fields).collect();
        let of_memory = |names: &str| names.split(',').any(|name| name == "memory");
        let one = groups.iter().find(|(names, _)| of_memory(names));
        let two = groups.iter().find(|(names, _)| names.is_empty());
        let mount = self.root.join("sys/fs/cgroup");
        let (path, mount, version) = match (one, two) {
            (Some((_, path)), _) => (path, mount.join("memory"), Version::One),
            (None, Some((_, path))) => (path, mount, Version::Two),
            (None, None) => return None,
        };
        let folder = mount.join(path.trim_start_matches('/'));
        let folder = if folder.is_dir() {
            folder
        } else {
            mount.clone()
        };
        Some(Group {
            folder,
            mount,
            version,
        })
    }

    fn machine_bytes(&self) -> Option<u64> {
        let text = fs::read_to_string(self.root.join("proc/meminfo")).ok()?;
        let total = text
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:"))?;
        let kib: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kib.checked_mul(1024)
    }
}

impl Group {
    /// The limits of the group and of those it lies in.
    fn limits(&self) -> impl Iterator<Item = u64> + '_ {
        let file = match self.version {
            Version::One => "memory.limit_in_bytes",
            Version::Two => "memory.max",
        };
        let inside = |folder: &&Path| folder.starts_with(&self.mount);
        let groups = self.folder.ancestors().take_while(inside);
        // "max" is no number, and no limit.
        groups.filter_map(move |folder| number(&folder.join(file)))
    }

    fn nearly_full(&self) -> bool {
        let used = number(&self.folder.join("memory.usage_in_bytes"));
        let limit = self.limits().min();
        // What was read from files counts as used, and is given up for the asking.
        let cached = fs::read_to_string(self.folder.join("memory.stat")).ok();
        let cached = cached.and_then(|text| {
            let line = text
                .lines()
                .find_map(|l| l.strip_prefix("total_inactive_file "));
            line.and_then(|n| n.trim().parse::<u64>().ok())
        });
        used.zip(limit).is_some_and(|(used, limit)| {
            used.saturating_sub(cached.unwrap_or(0)) / SHORT_USED_PERCENT >= limit / 100
        })
    }
}

impl MemorySource for SystemMemory {
    fn limit_bytes(&self) -> Option<u64> {
        let group = self.group();
        let limits = group.iter().flat_map(Group::limits);
        limits.chain(self.machine_bytes()).min()
    }

    fn pressure(&self) -> Pressure {
        let group = self.group();
        let of_group = group.as_ref().map(|g| g.folder.join("memory.pressure"));
        let of_machine = self.root.join("proc/pressure/memory");
        let told = of_group.as_deref().and_then(waiting_percent);
        let told = told.or_else(|| waiting_percent(&of_machine));
        let short = match (told, &group) {
            (Some(percent), _) => percent >= SHORT_WAITING_PERCENT,
            (None, Some(group)) => group.nearly_full(),
            (None, None) => false,
        };
        if short {
            Pressure::Short
        } else {
            Pressure::Calm
        }
    }
}

/// The share of the last ten seconds in which some task waited for memory.
fn waiting_percent(file: &Path) -> Option<f64> {
    let text = fs::read_to_string(file).ok()?;
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let mut words = some.split_ascii_whitespace();
    words.find_map(|word| word.strip_prefix("avg10=")?.parse().ok())
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A system made of these files.
    fn system(files: &[(&str, &str)]) -> (tempfile::TempDir, SystemMemory) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let memory = SystemMemory::under(root.path());
        (root, memory)
    }

    const CALM: &str = "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 total=0\n";
    const SHORT: &str =
        "some avg10=12.50 avg60=3.00 avg300=0.00 total=9\nfull avg10=4.00 total=3\n";

    #[test]
    fn version_two_takes_the_least_limit_of_the_groups_it_lies_in() {
        let (_root, memory) = system(&[
            (
                "proc/meminfo",
                "MemFree: 1 kB\nMemTotal:       8388608 kB\n",
            ),
            ("proc/self/cgroup", "0::/shop/gateway\n"),
            ("sys/fs/cgroup/shop/memory.max", "1073741824\n"),
            ("sys/fs/cgroup/shop/gateway/memory.max", "max\n"),
            ("sys/fs/cgroup/shop/gateway/memory.pressure", CALM),
            ("proc/pressure/memory", SHORT),
        ]);
        assert_eq!(memory.limit_bytes(), Some(1 << 30));
        assert_eq!(budget_bytes(&memory, 25), Some((1 << 30) / 100 * 25));
        assert_eq!(
            memory.pressure(),
            Pressure::Calm,
            "the group's own word counts"
        );
    }

    #[test]
    fn version_one_is_short_when_its_limit_is_all_but_used() {
        let (root, memory) = system(&[
            ("proc/meminfo", "MemTotal: 8388608 kB\n"),
            ("proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/docker/x\n"),
            (
                "sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
            (
                "sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes",
                "1000000\n",
            ),
            (
                "sys/fs/cgroup/memory/docker/x/memory.usage_in_bytes",
                "960000\n",
            ),
        ]);
        assert_eq!(memory.limit_bytes(), Some(1_000_000));
        assert_eq!(memory.pressure(), Pressure::Short);
        let stat = root
            .path()
            .join("sys/fs/cgroup/memory/docker/x/memory.stat");
        fs::write(stat, "cache 1\ntotal_inactive_file 500000\n").unwrap();
        assert_eq!(memory.pressure(), Pressure::Calm);
    }

    #[test]
    fn a_container_that_sees_only_its_own_group_reads_it_at_the_mount() {
        let (_root, memory) = system(&[
            ("proc/self/cgroup", "0::/../../outside\n"),
            ("sys/fs/cgroup/memory.max", "2048\n"),
            ("proc/pressure/memory", SHORT),
        ]);
        assert_eq!(memory.limit_bytes(), Some(2048));
        assert_eq!(memory.pressure(), Pressure::Short);
    }

    #[test]
    fn a_system_that_tells_nothing_has_no_limit_and_no_pressure() {
        let (_root, memory) = system(&[]);
        assert_eq!(
            (memory.limit_bytes(), memory.pressure()),
            (None, Pressure::Calm)
        );
    }
}
