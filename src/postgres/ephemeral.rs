//! A throw-away Postgres server, for tests and the demo.
//!
//! It works as root (the server then runs as `postgres` or `nobody`) and as any other user, for many processes at
//! once, and needs nothing but the server programs. A small shell process, the guardian, holds the read end of a
//! pipe from us: when our process ends in any way, the pipe closes, and the guardian stops the server and removes
//! its folder. What even the guardian could not remove is swept by the next start.

use nix::errno::Errno;
use nix::sys::{signal::kill, statvfs::statvfs};
use nix::unistd::{AccessFlags, Pid, User, access, getegid, geteuid};
use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Longest wait for the server to accept connections; a cold start takes about one second.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Pause between two looks at the server's status file.
const START_POLL: Duration = Duration::from_millis(3);
/// Starts in a row that may lose the race for a free port.
const PORT_ATTEMPTS: u32 = 5;
/// Room that the memory file system must have; containers often have 64 MB only.
const MEMORY_ROOM: u64 = 512 << 20;
const FOLDER_PREFIX: &str = "lockstep-pg-";

/// Runs as the server's user: `$1` is the folder, the rest the server's command line.
const GUARDIAN: &str = r#"
trap '' HUP INT TERM
folder=$1
shift
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{ cat <&3 >/dev/null; : >"$folder/stopping"; kill -QUIT "$server"; } &
watcher=$!
exec 3<&-
wait "$server"
if [ -e "$folder/stopping" ]; then
    rm -rf "$folder"
else
    kill -KILL "$watcher"
    exit 1
fi
"#;

const SETTINGS: [&str; 12] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_permissions=0777",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "shared_buffers=64MB",
    "max_connections=100",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=256MB",
    "jit=off",
    "dynamic_shared_memory_type=mmap",
];

/// Where to look for the server programs and where to keep the cluster.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// The folder with `initdb` and `postgres`; looked for when absent.
    pub pg_bin_dir: Option<PathBuf>,
    /// The value of `PATH`, searched before the usual places.
    pub path: Option<OsString>,
    /// The folder for cluster and cache; memory if it has room, else the temporary folder, when absent.
    pub base: Option<PathBuf>,
    /// Settings of the server beside ours, which win: `name=value`.
    pub settings: Vec<String>,
}

/// A running server. Stops and disappears when dropped, and when the process ends in any way.
#[derive(Debug)]
pub struct EphemeralPostgres {
    guardian: Child,
    folder: PathBuf,
    port: u16,
}

/// Why no server could be started.
#[derive(Debug, thiserror::Error)]
pub enum EphemeralError {
    /// No folder has the server programs.
    #[error("the Postgres server programs were not found")]
    ProgramsMissing,
    /// The server programs lack the contrib module.
    #[error("the Postgres installation in {0} has no hstore extension")]
    HstoreMissing(PathBuf),
    /// Postgres refuses to run as root, and there is nobody else.
    #[error("running as root, and neither the user postgres nor nobody exists")]
    NoServerUser,
    /// A shared folder of that name belongs to somebody else.
    #[error("{0} belongs to another user")]
    ForeignCache(PathBuf),
    /// `initdb` failed.
    #[error("initdb failed: {0}")]
    InitFailed(String),
    /// The server ended or did not get ready in time.
    #[error("postgres did not start: {0}")]
    NotStarted(String),
    /// A file operation failed.
    #[error("cannot {attempt}")]
    Io {
        /// What was attempted.
        attempt: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl EphemeralError {
    /// What the operator does next.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::ProgramsMissing | Self::HstoreMissing(_) => Some(
                "install Postgres with its contrib modules (Debian and Ubuntu: apt-get install postgresql), \
                 or set PG_BIN_DIR to the folder that holds initdb and postgres"
                    .to_owned(),
            ),
            Self::NoServerUser => Some("run as a normal user".to_owned()),
            Self::ForeignCache(path) => Some(format!("remove {}", path.display())),
            Self::InitFailed(_) | Self::NotStarted(_) | Self::Io { .. } => None,
        }
    }
}

impl EphemeralPostgres {
    /// Starts a server with an empty database `postgres` and superuser `postgres`, without password.
    ///
    /// Blocks for about 0.1 s; for one second the first time, when the template cluster is made.
    ///
    /// # Errors
    /// See [`EphemeralError`].
    pub fn start(search: &Search) -> Result<Self, EphemeralError> {
        Self::start_from(search, None)
    }

    /// As [`EphemeralPostgres::start`], with a copy of the cluster in `image` in place of an empty one: files as a
    /// server left them that was stopped, or that lost its power.
    ///
    /// # Errors
    /// See [`EphemeralError`].
    pub fn start_from(search: &Search, image: Option<&Path>) -> Result<Self, EphemeralError> {
        let owner = Owner::current()?;
        let programs = find_programs(search)?;
        let base = search.base.clone().unwrap_or_else(default_base);
        sweep(&base, owner);
        let template = match image {
            Some(image) => image.to_owned(),
            None => template(&programs, &base, owner)?,
        };
        let mut attempt = 1;
        loop {
            match Self::start_copy(&programs, &base, &template, (owner, &search.settings)) {
                Err(EphemeralError::NotStarted(log))
                    if attempt < PORT_ATTEMPTS && log.contains("could not bind") =>
                {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    /// The server's address over TCP, on this machine only.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn start_copy(
        programs: &Path,
        base: &Path,
        template: &Path,
        (owner, settings): (Owner, &[String]),
    ) -> Result<Self, EphemeralError> {
        let folder = base.join(unique_name(FOLDER_PREFIX));
        copy_tree(template, &folder, owner).map_err(failed("copy the template cluster"))?;
        let port = free_port().map_err(failed("find a free port"))?;
        let log_path = folder.join("server.log");
        let log = fs::File::create(&log_path).map_err(failed("create the server's log"))?;
        owner.take(&log_path).map_err(failed("hand over the server's log"))?;

        let mut command = owner.command(Path::new("/bin/sh"));
        command.args(["-c", GUARDIAN, "guardian"]).arg(&folder).arg(programs.join("postgres"));
        command.arg("-D").arg(&folder).arg("-k").arg(&folder).arg("-p").arg(port.to_string());
        for setting in SETTINGS.into_iter().chain(settings.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        // A Ctrl-C meant for us must not reach the database before we have finished with it.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        let guardian = command.spawn().map_err(failed("start the server"))?;
        let mut server = Self { guardian, folder, port };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Result<(), EphemeralError> {
        let began = Instant::now();
        loop {
            let status = fs::read_to_string(self.folder.join("postmaster.pid")).unwrap_or_default();
            // The eighth line turns to `ready` once connections are accepted.
            if status.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
                return Ok(());
            }
            let ended = self.guardian.try_wait().map_err(failed("watch the server"))?.is_some();
            if ended || began.elapsed() > START_LIMIT {
                let log = fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
                return Err(EphemeralError::NotStarted(log.trim().to_owned()));
            }
            thread::sleep(START_POLL);
        }
    }
}

impl Drop for EphemeralPostgres {
    fn drop(&mut self) {
        // Closing the pipe is the signal; the guardian has normally removed the folder when it ends.
        drop(self.guardian.stdin.take());
        self.guardian.wait().ok();
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// The user that owns the cluster and runs the server.
#[derive(Clone, Copy)]
struct Owner {
    uid: u32,
    gid: u32,
    is_other: bool,
}

impl Owner {
    fn current() -> Result<Self, EphemeralError> {
        if !geteuid().is_root() {
            return Ok(Self { uid: geteuid().as_raw(), gid: getegid().as_raw(), is_other: false });
        }
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .map(|user| Self { uid: user.uid.as_raw(), gid: user.gid.as_raw(), is_other: true })
            .ok_or(EphemeralError::NoServerUser)
    }

    fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("LC_ALL", "C").env_remove("PGDATA").stdin(Stdio::null()).current_dir("/");
        if self.is_other {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    fn take(self, path: &Path) -> io::Result<()> {
        if self.is_other { chown(path, Some(self.uid), Some(self.gid)) } else { Ok(()) }
    }
}

fn failed(attempt: &str) -> impl FnOnce(io::Error) -> EphemeralError {
    let attempt = attempt.to_owned();
    move |source| EphemeralError::Io { attempt, source }
}

fn has_programs(folder: &Path) -> bool {
    folder.join("initdb").is_file() && folder.join("postgres").is_file()
}

fn find_programs(search: &Search) -> Result<PathBuf, EphemeralError> {
    if let Some(folder) = &search.pg_bin_dir {
        return has_programs(folder).then(|| folder.clone()).ok_or(EphemeralError::ProgramsMissing);
    }
    // A link on PATH must be followed: initdb looks for its own files beside the real program.
    let on_path = search.path.iter().flat_map(std::env::split_paths).find_map(|folder| {
        let real = fs::canonicalize(folder.join("initdb")).ok()?;
        real.parent().filter(|folder| has_programs(folder)).map(Path::to_path_buf)
    });
    on_path.or_else(newest_installed).ok_or(EphemeralError::ProgramsMissing)
}

/// Debian keeps the server programs off PATH, in a folder per major version.
fn newest_installed() -> Option<PathBuf> {
    ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"]
        .into_iter()
        .flat_map(|root| fs::read_dir(root).into_iter().flatten().flatten())
        .filter_map(|entry| {
            let folder = entry.path().join("bin");
            let name = entry.file_name().to_string_lossy().into_owned();
            let version = name.trim_start_matches(|c: char| !c.is_ascii_digit());
            let major: u32 = version.split('.').next().and_then(|n| n.parse().ok()).unwrap_or(0);
            has_programs(&folder).then_some((major, folder))
        })
        .max()
        .map(|(_, folder)| folder)
}

fn default_base() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let has_room = statvfs(memory)
        .is_ok_and(|stat| stat.blocks_available() * stat.fragment_size() > MEMORY_ROOM);
    if has_room && access(memory, AccessFlags::W_OK | AccessFlags::X_OK).is_ok() {
        memory.to_path_buf()
    } else {
        std::env::temp_dir()
    }
}

fn unique_name(prefix: &str) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}

fn free_port() -> io::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Removes clusters whose process is gone.
fn sweep(base: &Path, owner: Owner) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name
            .strip_prefix(FOLDER_PREFIX)
            .and_then(|rest| rest.split('-').next()?.parse::<i32>().ok());
        let is_ours = entry.metadata().is_ok_and(|metadata| metadata.uid() == owner.uid);
        if let Some(pid) = pid
            && is_ours
            && kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH)
        {
            // The guardian may be removing it at the same moment.
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

/// Runs `initdb` once per installation and owner; later starts copy the result.
fn template(programs: &Path, base: &Path, owner: Owner) -> Result<PathBuf, EphemeralError> {
    let version = Command::new(programs.join("postgres"))
        .arg("--version")
        .output()
        .map_err(failed("ask for the server's version"))?;
    let mut hasher = DefaultHasher::new();
    (&version.stdout, programs).hash(&mut hasher);
    let cache = private_cache(base, owner)?;
    let finished = cache.join(format!("{:016x}", hasher.finish()));
    if finished.join("PG_VERSION").exists() {
        return Ok(finished);
    }
    let building = cache.join(unique_name("building-"));
    check_hstore(programs, &building, owner)?;
    let output = owner
        .command(&programs.join("initdb"))
        .arg("-D")
        .arg(&building)
        .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"])
        .args(["--wal-segsize=1", "--no-sync", "--no-instructions"])
        .output()
        .map_err(failed("run initdb"))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(EphemeralError::InitFailed(message));
    }
    if fs::rename(&building, &finished).is_err() {
        // Another process was first; its result is as good.
        fs::remove_dir_all(&building).map_err(failed("remove a spare template"))?;
    }
    Ok(finished)
}

/// A folder that only the server's user can enter, made under another name so that nobody sees it half done.
fn private_cache(base: &Path, owner: Owner) -> Result<PathBuf, EphemeralError> {
    let cache = base.join(format!("lockstep-pgcache-{}", owner.uid));
    if !cache.exists() {
        let building = base.join(unique_name("lockstep-pgcache-new-"));
        fs::create_dir_all(&building)
            .and_then(|()| fs::set_permissions(&building, fs::Permissions::from_mode(0o700)))
            .and_then(|()| owner.take(&building))
            .map_err(failed("create the template cache"))?;
        if fs::rename(&building, &cache).is_err() {
            fs::remove_dir(&building).map_err(failed("remove a spare cache folder"))?;
        }
    }
    let metadata = fs::symlink_metadata(&cache).map_err(failed("open the template cache"))?;
    if metadata.is_dir() && metadata.uid() == owner.uid {
        Ok(cache)
    } else {
        Err(EphemeralError::ForeignCache(cache))
    }
}

/// Asks initdb where the installation keeps its shared files, and looks for the extension there.
fn check_hstore(programs: &Path, folder: &Path, owner: Owner) -> Result<(), EphemeralError> {
    let output = owner
        .command(&programs.join("initdb"))
        .arg("--show")
        .arg("-D")
        .arg(folder)
        .args(["-U", "postgres"])
        .output()
        .map_err(failed("ask initdb for its folders"))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let share = text.lines().find_map(|line| line.strip_prefix("share_path="));
    match share {
        Some(share) if !Path::new(share).join("extension/hstore.control").exists() => {
            Err(EphemeralError::HstoreMissing(programs.to_path_buf()))
        }
        // An unknown form of the answer is no reason to refuse: creating the extension will tell.
        _ => Ok(()),
    }
}

fn copy_tree(from: &Path, to: &Path, owner: Owner) -> io::Result<()> {
    fs::create_dir(to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o700))?;
    owner.take(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target, owner)?;
        } else {
            fs::copy(entry.path(), &target)?;
            owner.take(&target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{EphemeralPostgres, Search};

    #[tokio::test]
    async fn two_servers_live_side_by_side_and_leave_nothing() {
        let search = Search::default();
        let servers = [
            EphemeralPostgres::start(&search).unwrap(),
            EphemeralPostgres::start(&search).unwrap(),
        ];
        for server in &servers {
            let (client, connection) =
                tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.unwrap();
            let driver = tokio::spawn(connection);
            client.batch_execute("create extension if not exists hstore").await.unwrap();
            drop(client);
            driver.await.unwrap().unwrap();
        }
        let folders: Vec<_> = servers.iter().map(|server| server.folder.clone()).collect();
        drop(servers);
        assert!(folders.iter().all(|folder| !folder.exists()));
    }
}
