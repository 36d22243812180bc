//! Where the files of a report lie, and what they are called.
//!
//! One file lies at the report's key. Several lie below that key without its ending, as data tools expect them: `part-00000.parquet` and so
//! on, whole each, in the order of their rows; so do those of a report that is split, however many they are. Beside them lies the manifest.

use std::path::{Path, PathBuf};

/// Where the manifest of a report lies.
#[must_use]
pub fn manifest_key(object_key: &str) -> String {
    format!("{object_key}.manifest.json")
}

/// Where file `number`, from 0, of several lies.
#[must_use]
pub fn file_key(object_key: &str, number: i64) -> String {
    let (folder, ending) = split(object_key);
    format!("{folder}/part-{number:05}{ending}")
}

/// Where what slice `number`, from 0, has counted of groups lies until the report has ended; behind the slices, rows that wait to be sorted.
#[must_use]
pub fn groups_key(object_key: &str, number: i64) -> String {
    format!("{}/groups/{number:05}", split(object_key).0)
}

/// Where all files of a report lie, in the order of their rows: so many below its key, or one at it.
#[must_use]
pub fn file_keys(object_key: &str, below: Option<i64>) -> Vec<String> {
    match below {
        None => vec![object_key.to_owned()],
        Some(files) => (0..files).map(|number| file_key(object_key, number)).collect(),
    }
}

/// What file `number` of several is saved as by who has no folder for it.
#[must_use]
pub fn saved_name(file_name: &str, number: i64) -> String {
    let (stem, ending) = split(file_name);
    format!("{stem}-part-{number:05}{ending}")
}

/// What the manifest of a report is saved as.
#[must_use]
pub fn saved_manifest(file_name: &str) -> String {
    format!("{file_name}.manifest.json")
}

/// Places of a report's files, in their order, for one who writes them to `output`: itself, or a folder of that name for several.
#[must_use]
pub fn file_places(keys: &[String], output: &Path) -> Vec<PathBuf> {
    if keys.len() <= 1 {
        return keys.iter().map(|_| output.to_owned()).collect();
    }
    // A name, whatever whoever wrote the key has put before it.
    let name = |key: &String| key.rsplit('/').next().unwrap_or_default().to_owned();
    keys.iter().map(|key| output.join(name(key))).collect()
}

/// The folder that several files are saved in.
#[must_use]
pub fn folder_name(file_name: &str) -> &str {
    split(file_name).0
}

/// The name without its ending, and the ending: `.parquet`, `.csv.gz`. Names of reports have no other dots.
fn split(key: &str) -> (&str, &str) {
    let name = key.rfind('/').map_or(0, |slash| slash + 1);
    key.split_at(key[name..].find('.').map_or(key.len(), |dot| name + dot))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_lies_at_the_key_and_several_below_it() {
        assert_eq!(file_keys("a.b/1/x.parquet", None), ["a.b/1/x.parquet"]);
        assert_eq!(file_keys("a.b/1/x.csv", Some(1)), ["a.b/1/x/part-00000.csv"]);
        assert_eq!(file_keys("a.b/1/x.csv.gz", Some(2)), ["a.b/1/x/part-00000.csv.gz", "a.b/1/x/part-00001.csv.gz"]);
        assert_eq!(file_key("x", 12), "x/part-00012");
        assert_eq!(groups_key("a.b/1/x.csv.gz", 12), "a.b/1/x/groups/00012");
        let keys = file_keys("a.b/1/x.parquet", Some(2));
        assert_eq!(
            file_places(&keys, Path::new("y")),
            [Path::new("y/part-00000.parquet"), Path::new("y/part-00001.parquet")]
        );
        assert_eq!(file_places(&keys[..1], Path::new("y")), [Path::new("y")]);
        assert_eq!(folder_name("x.csv.gz"), "x");
        assert_eq!(saved_name("x.parquet", 7), "x-part-00007.parquet");
        assert_eq!(saved_manifest("x.csv.gz"), "x.csv.gz.manifest.json");
    }
}
