//! What the pages of the repository say of each other: links lead somewhere, and what there is can be found from the first page on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Pages that lie in this folder, in the order of their names.
fn pages(folder: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<_> = files.filter(|path| path.extension().is_some_and(|it| it == "md")).collect();
    pages.sort();
    pages
}

fn read(page: &Path) -> String {
    std::fs::read_to_string(page).unwrap()
}

fn name(page: &Path) -> &str {
    page.file_name().unwrap().to_str().unwrap()
}

/// Names of a page's headings in links.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut is_code = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        is_code ^= line.starts_with("```");
        if let Some(title) = line.strip_prefix('#').filter(|_| !is_code) {
            let title = title.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|sign| sign.is_alphanumeric() || matches!(sign, ' ' | '-' | '_'));
            found.insert(kept.map(|sign| if sign == ' ' { '-' } else { sign }).collect());
        }
    }
    found
}

#[test]
fn every_link_leads_somewhere() {
    let mut dead = Vec::new();
    let mut links = 0;
    for page in ["", "docs", "docs/adr"].into_iter().flat_map(pages) {
        let text = read(&page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("https://") {
                continue;
            }
            links += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            let leads = target.exists() && (anchor.is_empty() || anchors(&read(&target)).contains(anchor));
            if !leads {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(links > 0);
    assert!(dead.is_empty(), "dead links: {dead:#?}");
}

#[test]
fn every_page_is_found_from_the_first_one() {
    let first = read(&root().join("README.md"));
    for page in pages("docs") {
        let link = format!("(docs/{})", name(&page));
        assert!(first.contains(&link), "README.md has no link {link}");
    }
}

#[test]
fn decisions_are_listed_in_their_order_with_their_titles() {
    let decisions: Vec<_> = pages("docs/adr").into_iter().filter(|page| name(page) != "README.md").collect();
    assert!(!decisions.is_empty());
    let rows = decisions.iter().enumerate().map(|(place, page)| {
        let (number, text) = (place + 1, read(page));
        let title = text.lines().next().and_then(|line| line.strip_prefix(&format!("# {number}. ")));
        assert!(title.is_some(), "{} does not begin with its number", page.display());
        format!("| [{number}]({}) | {} |", name(page), title.unwrap_or_default())
    });
    let index = read(&root().join("docs/adr/README.md"));
    let listed: Vec<_> = index.lines().filter(|line| line.starts_with("| [")).map(str::to_owned).collect();
    assert_eq!(listed, rows.collect::<Vec<_>>());
}
