//! pandas, polars, DuckDB and pyarrow: what data people open files with.

use std::path::PathBuf;

use crate::{PartError, Progress, cache, tools};

/// Of the list; another list is another folder.
const VERSION: u32 = 1;
const REQUIREMENTS: &str = include_str!("../parts/data-tools-requirements.txt");

/// The folder of Python's packages.
pub(crate) async fn ensure(progress: &dyn Progress) -> Result<PathBuf, PartError> {
    let folder = cache::folder(&format!("data-tools-{VERSION}"), async |folder| {
        progress.step("Data tools", "fetching");
        tools::install_python_packages("fetching data tools by pip", REQUIREMENTS, folder).await
    })
    .await?;
    Ok(folder.join(tools::PYTHON_PACKAGES))
}
