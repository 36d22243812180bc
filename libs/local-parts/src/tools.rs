//! Programs of the machine that fetch and run the parts.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::{PartError, Progress};

/// The program and the Debian package that has it.
const PACKAGES: [(&str, &str); 11] = [
    ("java", "openjdk-17-jre-headless"),
    ("mvn", "maven"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("curl", "curl"),
    ("tar", "tar"),
    ("python3", "python3-venv"),
    ("openssl", "openssl"),
    ("setpriv", "util-linux"),
    ("unshare", "util-linux"),
    ("mount", "mount"),
];

/// Names all programs that are missing, in one error.
pub(crate) fn need(programs: &[&str]) -> Result<(), PartError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    let missing: Vec<&str> = programs.iter().copied().filter(|program| !is_there(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let package_of = |program: &&str| {
        let known = PACKAGES.iter().find(|(name, _)| name == program);
        known.map_or(*program, |(_, package)| package).to_owned()
    };
    let packages = missing.iter().map(package_of).collect::<Vec<_>>().join(" ");
    Err(PartError::MissingTools { missing: missing.join(", "), packages })
}

/// Runs a program to its end and gives its standard output. `action` says what it is for.
pub(crate) async fn run(action: &str, command: &mut Command) -> Result<String, PartError> {
    let output =
        command.stdin(Stdio::null()).kill_on_drop(true).output().await.map_err(PartError::system(action.to_owned()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let said = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    let lines: Vec<&str> = said.trim().lines().collect();
    let reason = lines[lines.len().saturating_sub(8)..].join("\n");
    Err(PartError::Fetch { action: action.to_owned(), reason })
}

/// Where [`install_python_packages`] puts them.
pub(crate) const PYTHON_PACKAGES: &str = "packages";

/// Installs packages, pinned by version and hash, below `folder`. An environment knows its place, so the packages alone are kept, and
/// Python is told where.
pub(crate) async fn install_python_packages(action: &str, requirements: &str, folder: &Path) -> Result<(), PartError> {
    need(&["python3"])?;
    let list = folder.join("requirements.txt");
    std::fs::write(&list, requirements).map_err(PartError::system("a list of packages cannot be written"))?;
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"]);
    command.args(["--disable-pip-version-check", "--root-user-action", "ignore"]);
    command.args(["--target", PYTHON_PACKAGES, "-r"]).arg(&list).current_dir(folder);
    run(action, &mut command).await.map(drop)
}

/// Copies one artifact of Maven's repository to `folder`. Maven resumes a download that was cut.
pub(crate) async fn copy_artifact(
    part: &str,
    coordinates: &str,
    size_bytes: u64,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<(), PartError> {
    need(&["java", "mvn"])?;
    let mut fields = coordinates.split(':');
    let (group, artifact, version) = (fields.next(), fields.next(), fields.next());
    let repository = std::env::home_dir().unwrap_or_default().join(".m2/repository");
    let downloads = repository
        .join(group.unwrap_or_default().replace('.', "/"))
        .join(artifact.unwrap_or_default())
        .join(version.unwrap_or_default());
    let mut command = Command::new("mvn");
    command
        .args(["-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"])
        .arg(format!("-Dartifact={coordinates}"))
        .arg("-DoutputDirectory=.")
        .current_dir(folder);
    let copy = run("fetching by Maven", &mut command);
    watched(part, &downloads, size_bytes, progress, copy).await.map(drop)
}

/// Waits for a download and tells how large its folder has become.
pub(crate) async fn watched<T>(
    part: &str,
    folder: &Path,
    size_bytes: u64,
    progress: &dyn Progress,
    download: impl Future<Output = T>,
) -> T {
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(500));
    let mut download = std::pin::pin!(download);
    loop {
        tokio::select! {
            done = &mut download => return done,
            _ = ticks.tick() => progress.bytes(part, size_of(folder).min(size_bytes), size_bytes),
        }
    }
}

fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .filter_map(|entry| entry.metadata().ok())
        .filter(std::fs::Metadata::is_file)
        .map(|it| it.len())
        .sum()
}
