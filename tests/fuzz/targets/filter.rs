//! A filter as JSON and as it stands in a URL: built, written and read again it is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use traffic_query::{FilterForm, TrafficFilter};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(object) = serde_json::from_str::<Map<String, Value>>(text)
        && let Ok(form) = FilterForm::from_json(&object)
        && let Ok(filter) = form.build()
    {
        same(&filter);
    }
    let mut form = FilterForm::default();
    for pair in text.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if form.add(name, value).is_err() {
            return;
        }
    }
    if let Ok(filter) = form.build() {
        same(&filter);
    }
});

fn same(filter: &TrafficFilter) {
    let again = FilterForm::from_json(&filter.to_json()).and_then(|form| form.build());
    assert_eq!(again.as_ref(), Ok(filter));
    let mut form = FilterForm::default();
    let added = filter.to_pairs().into_iter().try_for_each(|(name, value)| form.add(name, value));
    assert_eq!(added.and_then(|()| form.build()).as_ref(), Ok(filter));
}
