//! The ClickHouse engine: libchdb, served by `flowledger clickhouse`.

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
        let mut engine = Self { child: Child::start(recipe)?, port };
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

fn absolute_file(file: &Path) -> Result<PathBuf, PartError> {
    file.canonicalize().map_err(PartError::system(format!("{} is not there: build it first", file.display())))
}
