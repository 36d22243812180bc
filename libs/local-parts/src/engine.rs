//! The ClickHouse engine: libchdb, served by `flowledger clickhouse`.

use std::io::Write;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::child::{Child, Recipe, absolute, process_methods};
use crate::{PartError, Progress, cache, checksum, http, ports, tools};

const VERSION: &str = "26.7.3-stable.1";
const SIZE_BYTES: u64 = 178 << 20;
/// Package of this machine's kind, and the SHA-256 of its archive.
#[cfg(target_arch = "x86_64")]
const PACKAGE: Option<(&str, &str)> =
    Some(("@chdb/lib-linux-x64-gnu", "c0d32b129e988f2b9a9a31c9141aecf5e1e2453f9a079efc4d36ab8e3f92b2ad"));
#[cfg(not(target_arch = "x86_64"))]
const PACKAGE: Option<(&str, &str)> = None;

/// A running engine.
#[derive(Debug)]
pub struct ClickHouseProcess {
    child: Child,
    port: u16,
}

process_methods!(ClickHouseProcess);

/// The file libchdb.so.
pub(crate) async fn ensure(progress: &dyn Progress) -> Result<PathBuf, PartError> {
    let (package, sum) = PACKAGE.ok_or_else(|| PartError::Fetch {
        action: "choosing a ClickHouse engine".to_owned(),
        reason: format!("none is pinned for {}: run Flowledger against a ClickHouse server", std::env::consts::ARCH),
    })?;
    let folder = cache::folder(&format!("libchdb-{VERSION}"), async |folder| {
        tools::need(&["npm", "curl", "tar"])?;
        progress.step("ClickHouse engine", "fetching");
        // npm knows where its registry is; curl resumes, which npm does not.
        let mut command = Command::new("npm");
        command.args(["view", &format!("{package}@{VERSION}"), "dist.tarball"]);
        let url = tools::run("asking npm for the ClickHouse engine", &mut command).await?;
        let download = folder.join("download");
        crate::child::make_folder(&download)?;
        let mut command = Command::new("curl");
        command
            .args(["-fsSL", "--retry", "5", "--retry-all-errors", "-C", "-", "-o", "engine.tgz"])
            .arg(url.trim())
            .current_dir(&download);
        let fetch = tools::run("fetching the ClickHouse engine", &mut command);
        tools::watched("ClickHouse engine", &download, SIZE_BYTES, progress, fetch).await?;
        let archive = download.join("engine.tgz");
        if let Err(error) = checksum::verify(&archive, sum) {
            // A file that is wrong would be resumed for ever.
            let _ = std::fs::remove_file(&archive);
            return Err(error);
        }
        progress.step("ClickHouse engine", "unpacking");
        let mut command = Command::new("tar");
        command.args(["xzf", "download/engine.tgz", "--strip-components=1"]).current_dir(folder);
        tools::run("unpacking the ClickHouse engine", &mut command).await?;
        std::fs::remove_dir_all(&download).map_err(PartError::system("an archive cannot be deleted"))
    })
    .await?;
    Ok(folder.join("libchdb.so"))
}

impl ClickHouseProcess {
    /// Starts `binary clickhouse` on the data in `folder`, and waits until it answers.
    ///
    /// # Errors
    /// When the part cannot be fetched, or the engine does not run.
    pub async fn start(
        binary: &Path,
        folder: &Path,
        port: Option<u16>,
        progress: &dyn Progress,
    ) -> Result<Self, PartError> {
        Self::start_recipe(binary, folder, port, progress, |recipe| recipe).await
    }

    /// The same with its data on a disk of their own, in memory and of this size, which only the engine sees and which is gone with
    /// it: a restart begins anew. [`SmallDisk`] fills it. Needs the right to mount, of root or in a user namespace.
    ///
    /// # Errors
    /// When the part cannot be fetched, the disk cannot be made, or the engine does not run.
    pub async fn start_on_small_disk(
        binary: &Path,
        folder: &Path,
        size_bytes: u64,
        progress: &dyn Progress,
    ) -> Result<(Self, SmallDisk), PartError> {
        tools::need(&["unshare", "mount"])?;
        let engine = Self::start_recipe(binary, folder, None, progress, |recipe| {
            let mount =
                format!("mkdir -p data && mount -t tmpfs -o size={size_bytes} tmpfs data && exec \"$0\" \"$@\"");
            // Root may mount; anybody else may in a namespace where they are root.
            let as_root = "[ $(id -u) = 0 ] || map=--map-root-user; exec unshare --mount $map -- sh -c \"$0\" \"$@\"";
            let arguments = ["-c", as_root, &mount].map(str::to_owned).into_iter();
            let own = [recipe.program.display().to_string()].into_iter().chain(recipe.arguments);
            Recipe { program: "sh".into(), arguments: arguments.chain(own).collect(), ..recipe }
        })
        .await?;
        let data = absolute(folder)?.join("data");
        let seen = PathBuf::from(format!("/proc/{}/root", engine.pid())).join(data.strip_prefix("/").unwrap_or(&data));
        Ok((engine, SmallDisk { ballast: seen.join("ballast") }))
    }

    async fn start_recipe(
        binary: &Path,
        folder: &Path,
        port: Option<u16>,
        progress: &dyn Progress,
        wrapped: impl FnOnce(Recipe) -> Recipe,
    ) -> Result<Self, PartError> {
        let library = ensure(progress).await?;
        progress.step("ClickHouse engine", "starting");
        let folder = absolute(folder)?;
        let port = ports::chosen(port)?;
        let arguments = ["clickhouse", "--library", &library.display().to_string(), "--data", "data", "--listen"];
        let recipe = Recipe {
            part: "clickhouse",
            program: absolute_file(binary)?,
            arguments: arguments.iter().map(ToString::to_string).chain([format!("127.0.0.1:{port}")]).collect(),
            environment: Vec::new(),
            folder,
        };
        let mut engine = Self { child: Child::start(wrapped(recipe))?, port };
        engine.ready().await?;
        Ok(engine)
    }

    async fn ready(&mut self) -> Result<(), PartError> {
        let url = format!("{}/ping", self.url());
        self.child.ready(async || http::answers(&url).await).await
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// The disk of an engine that was started on a small one.
#[derive(Debug)]
pub struct SmallDisk {
    ballast: PathBuf,
}

impl SmallDisk {
    /// Fills it up until so much is left.
    ///
    /// # Errors
    /// When the disk has gone, with its engine.
    pub fn fill(&self, left_bytes: u64) -> Result<(), PartError> {
        let filled = || -> std::io::Result<()> {
            let mut ballast = std::fs::File::create(&self.ballast)?;
            let zeros = vec![0; 64 << 10];
            while ballast.write_all(&zeros).is_ok() {}
            let size = ballast.metadata()?.len();
            ballast.set_len(size.saturating_sub(left_bytes))
        };
        filled().map_err(PartError::system("a disk cannot be filled"))
    }

    /// Takes away what filled it.
    ///
    /// # Errors
    /// When it was not filled, or the disk has gone.
    pub fn free(&self) -> Result<(), PartError> {
        std::fs::remove_file(&self.ballast).map_err(PartError::system("a disk cannot be freed"))
    }
}

fn absolute_file(file: &Path) -> Result<PathBuf, PartError> {
    file.canonicalize().map_err(PartError::system(format!("{} is not there: build it first", file.display())))
}
