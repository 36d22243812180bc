//! Values of the topics that services follow and fold, one after the other, each behind its length; the first byte says of which topic. Anyone may
//! write them who may write to Kafka. What is read is written and read again the same, and a fold takes it in any order.
#![no_main]
#![expect(clippy::unwrap_used, reason = "what cannot be is a finding")]

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use bucket_syncs::{SyncState, take};
use libfuzzer_sys::fuzz_target;
use report_life::{ReportState, report_filter, traffic_filter};
use report_schedules::{Timetable, request_of};
use report_writer::choose_writer;
use schema_registry::{Decoder, Encoder, SchemaId};
use schemas::avro_schemas::{
    BUCKET_SYNC_EVENT, REPORT_EVENT, REPORT_SCHEDULE, REPORT_SLICE, WEBHOOK, WEBHOOK_DELIVERY,
};
use schemas::bucket_sync_event::BucketSyncEvent;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::{ReportFilter, ReportRequest};
use schemas::report_schedule::ReportSchedule;
use schemas::report_slice::ReportSlice;
use schemas::times::Moment;
use schemas::webhook::Webhook;
use schemas::webhook_delivery::WebhookDelivery;
use webhooks::{Deliveries, Standing};

/// The hours before the clocks of Europe go back in 2026.
const NOW: Moment = Moment::from_millis(1_792_875_600_000);
const RUNS: usize = 3;
/// A page lists them all.
const FILES_MOST: usize = 10_000;

/// Reads the values of one topic, those that can be read, each of which is written and read again the same.
macro_rules! topic {
    ($read:ident, $value:ty, $subject:ident) => {
        fn $read(values: &[u8]) -> impl Iterator<Item = $value> {
            static CODEC: LazyLock<(Decoder<$value>, Encoder<$value>)> = LazyLock::new(|| {
                let id = SchemaId::new(1);
                (Decoder::knowing(&$subject, id).unwrap(), Encoder::new(id, &$subject).unwrap())
            });
            each(values).filter_map(|value| {
                let (decoder, encoder) = &*CODEC;
                let read = decoder.decode(value).ok()?;
                let again = encoder.encode(&read).unwrap();
                assert_eq!(decoder.decode(&again).as_ref(), Ok(&read));
                Some(read)
            })
        }
    };
}

topic!(report_events, ReportEvent, REPORT_EVENT);
topic!(report_slices, ReportSlice, REPORT_SLICE);
topic!(report_schedules, ReportSchedule, REPORT_SCHEDULE);
topic!(sync_events, BucketSyncEvent, BUCKET_SYNC_EVENT);
topic!(all_webhooks, Webhook, WEBHOOK);
topic!(all_deliveries, WebhookDelivery, WEBHOOK_DELIVERY);

fuzz_target!(|bytes: &[u8]| {
    let Some((topic, values)) = bytes.split_first() else { return };
    match topic {
        0 => fold_report(report_events(values)),
        1 => report_slices(values).for_each(|slice| make(&slice.request)),
        2 => report_schedules(values).for_each(|schedule| keep(&schedule)),
        3 => fold_syncs(sync_events(values)),
        4 => all_webhooks(values).for_each(|webhook| _ = Standing::of(&webhook, None)),
        _ => fold_deliveries(all_deliveries(values)),
    }
});

/// What is in a bucket is in it: neither offsets nor numbers of objects go back.
fn fold_syncs(events: impl Iterator<Item = BucketSyncEvent>) {
    let mut syncs = BTreeMap::new();
    for event in events {
        event.settings.iter().for_each(|settings| narrow(&settings.report_filter()));
        let before: BTreeMap<_, SyncState> = syncs.clone();
        take(&mut syncs, &event);
        for (id, state) in &syncs {
            let Some(before) = before.get(id) else { continue };
            assert!(state.next >= before.next && state.reached >= before.reached);
            let has_gone_on = |(partition, offset): (&i32, &i64)| state.until.get(partition) >= Some(offset);
            assert!(before.until.iter().all(has_gone_on));
            let (until, _) = state.next_until(&BTreeMap::from([(0, i64::MAX), (1, 7), (2, -1)]));
            assert!(until.iter().all(|(partition, offset)| state.until.get(partition).is_none_or(|it| offset >= it)));
            let _ = (state.due(NOW), state.lag_seconds(NOW), state.to_tell().count());
            state.backfills.iter().for_each(|it| _ = it.hours());
        }
    }
}

/// Pages hold each delivery once, newest first, and another record of it changes nothing of which there are.
fn fold_deliveries(deliveries: impl Iterator<Item = WebhookDelivery>) {
    let mut own = Deliveries::default();
    for delivery in deliveries {
        own.apply(delivery.clone());
        let once = own.clone();
        own.apply(delivery);
        assert_eq!(own, once);
    }
    let (mut paged, mut before) = (Vec::new(), None);
    loop {
        let page = own.page(before, 2);
        paged.extend(page.deliveries.iter().map(|it| it.delivery_id));
        let Some(next) = page.next else { break };
        before = Some(next);
    }
    assert!(paged.is_sorted_by(|one, other| one >= other));
    let all: Vec<_> = own.page(None, usize::MAX).deliveries.iter().map(|it| it.delivery_id).collect();
    assert!(paged.iter().all(|id| all.contains(id)));
}

/// What can be told of a report is told whatever its events say, and one that has ended begins again by being asked for alone.
fn fold_report(events: impl Iterator<Item = ReportEvent>) {
    let mut folded: Option<ReportState> = None;
    for event in events {
        let Some(state) = &mut folded else {
            folded = Some(ReportState::begun_by(&event));
            continue;
        };
        let before = state.clone();
        state.apply(&event);
        assert!(state.attempt >= before.attempt);
        let began_again = before.phase.is_final() && !state.phase.is_final();
        assert!(!began_again || event.event_type == ReportEventType::Retried);
        if event.attempt.is_some_and(|attempt| attempt < before.attempt) {
            assert_eq!(*state, before, "an attempt that another one has taken the place of has nothing to say");
        }
        assert!(state.file_keys().len() <= FILES_MOST);
        let _ = (state.is_merging(), state.to_remind(Duration::from_secs(1), NOW), state.pace.ends_at(i64::MAX));
        let _ = (state.is_due(NOW), state.may_be_forgotten(NOW), state.file_key(i64::MAX));
    }
}

/// What it asks for is a file, or a refusal that names the field.
fn make(request: &ReportRequest) {
    assert!(choose_writer(request).err().is_none_or(|reason| reason.contains(' ')));
    narrow(&request.filter);
}

fn narrow(asked: &ReportFilter) {
    if let Ok(filter) = traffic_filter(asked) {
        assert_eq!(traffic_filter(&report_filter(&filter, asked.denied).unwrap()), Ok(filter));
    }
}

/// Each of its runs is a report of its own.
fn keep(schedule: &ReportSchedule) {
    let Ok(times) = Timetable::of(schedule) else { return };
    let runs = times.next(NOW, RUNS);
    assert!(runs.iter().all(|run| run.due > NOW && run.from < run.to), "{runs:?}");
    for run in &runs {
        let request = request_of(schedule, run, Vec::new());
        assert!(request.tenant == schedule.tenant && request.report_id.is_run_of(schedule.schedule_id));
    }
    runs.first().iter().for_each(|run| make(&request_of(schedule, run, Vec::new())));
}

/// Values as they lie one behind the other.
fn each(mut values: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = values.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
        values = rest;
        Some(value)
    })
}
