//! Live traffic of two tenants, for a look.

use service_kit::CancellationToken;

use crate::cli::DemoOptions;
use crate::demo::stack::{Folder, Lines, Stack};

pub async fn run(options: &DemoOptions, stop: CancellationToken) -> anyhow::Result<()> {
    let lines = Lines::new();
    let stack = Stack::start(Folder::new(options.keep.as_deref())?, stop, &lines).await?;
    stack.join().await
}
