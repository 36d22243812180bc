//! Schedules as a table, as lines, and as one JSON object a line.

use serde_json::Value;

use crate::output::{cell, line, named, table};

pub(super) fn list(schedules: &[Value], as_json: bool) -> std::io::Result<()> {
    if as_json {
        return schedules.iter().try_for_each(|it| line(&it.to_string()));
    }
    let head = ["ID", "NAME", "STATE", "WHEN", "ZONE", "RANGE", "NEXT", "LAST"];
    let rows = schedules.iter().map(|it| {
        let next = &it["next_runs"][0]["due"];
        [&it["id"], &it["name"], &it["state"], &it["when"], &it["zone"], &it["range"], next, &it["last_run"]["state"]]
            .map(cell)
            .to_vec()
    });
    line(&table(&head.map(str::to_owned), rows))
}

pub(super) fn one(schedule: &Value, as_json: bool) -> std::io::Result<()> {
    if as_json {
        return line(&schedule.to_string());
    }
    let is_shown = |value: &Value| !value.is_null() && value.as_array().is_none_or(|it| !it.is_empty());
    let fields = schedule.as_object().into_iter().flatten();
    let fields = fields.filter(|(name, value)| *name != "next_runs" && *name != "last_run" && is_shown(value));
    let mut rows: Vec<_> = fields.map(|(name, value)| vec![name.clone(), cell(value)]).collect();
    if let Some(last) = schedule["last_run"].as_object() {
        let said = ["id", "state", "reason"].map(|field| last.get(field).map(cell).unwrap_or_default());
        rows.push(vec!["last_run".to_owned(), said.join(" ").trim_end().to_owned()]);
    }
    named(rows.into_iter())?;
    runs(schedule, false)
}

pub(super) fn runs(told: &Value, as_json: bool) -> std::io::Result<()> {
    let runs = told["next_runs"].as_array().map(Vec::as_slice).unwrap_or_default();
    if as_json {
        return runs.iter().try_for_each(|run| line(&run.to_string()));
    }
    if runs.is_empty() {
        return Ok(());
    }
    let rows = runs.iter().map(|run| ["due", "from", "to"].map(|field| cell(&run[field])).to_vec());
    line(&table(&["DUE", "FROM", "TO"].map(str::to_owned), rows))
}
