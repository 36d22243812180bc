//! The rows of a range as columns, in the order in which they came.

use clickhouse_io::connection_id::PackedId;

use crate::dictionary::{NumberDictionary, TextDictionary};
use crate::slots::{fixed, number, presence, symbol, text};
use crate::stage::{ROWS, Stage};

/// Bytes of a row in the columns that all rows have alike.
const ROW_BYTES: usize = 14 * 8 + 2 * 16 + 10 + 2 + 4 * 4 + (text::IN_DICTIONARIES as usize + 2) * 4;

/// What of a row takes few bits: which values are there, in the bits of [`presence`], and the enums, a byte each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bits;

impl Bits {
    const EVENT_TYPE: u32 = 16;
    const PROTOCOL: u32 = 20;
    const TUNNEL_PATH: u32 = 24;
    const CONNECTION_ID_FORM: u32 = 28;

    #[inline]
    pub(crate) fn event_type(word: u32) -> u8 {
        (word >> Self::EVENT_TYPE & 0xf) as u8
    }

    #[inline]
    pub(crate) fn protocol(word: u32) -> u8 {
        (word >> Self::PROTOCOL & 0xf) as u8
    }

    #[inline]
    pub(crate) fn tunnel_path(word: u32) -> u8 {
        (word >> Self::TUNNEL_PATH & 0xf) as u8
    }

    #[inline]
    pub(crate) fn connection_id_form(word: u32) -> u8 {
        (word >> Self::CONNECTION_ID_FORM & 0xf) as u8
    }

    #[inline]
    pub(crate) fn is_there(word: u32, bit: u8) -> u8 {
        (word >> bit & 1) as u8
    }

    #[inline]
    pub(crate) fn is_absent(word: u32, bit: u8) -> u8 {
        Self::is_there(word, bit) ^ 1
    }
}

/// All columns. Values that are absent are 0.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    pub(crate) bits: Vec<u32>,
    pub(crate) end_time: Vec<i64>,
    pub(crate) duration_us: Vec<u64>,
    pub(crate) event_id_tail: Vec<[u8; 10]>,
    pub(crate) connection_id_high: Vec<u64>,
    pub(crate) connection_id_low: Vec<u64>,
    /// Texts of connection ids that fit no form, one after the other, and where that of each row ends.
    pub(crate) connection_id_text: Vec<u8>,
    pub(crate) connection_id_text_ends: Vec<u32>,
    pub(crate) connector_id: Vec<u64>,
    pub(crate) remote_network_id: Vec<u64>,
    pub(crate) resource_id: Vec<u64>,
    pub(crate) resource_ip: Vec<[u8; 16]>,
    pub(crate) resource_port: Vec<u16>,
    pub(crate) client_ip: Vec<[u8; 16]>,
    pub(crate) bytes_received: Vec<u64>,
    pub(crate) bytes_transferred: Vec<u64>,
    pub(crate) device_id: Vec<u64>,
    pub(crate) user_id: Vec<u64>,
    pub(crate) service_account_id: Vec<u64>,
    pub(crate) service_account_key_id: Vec<u64>,
    pub(crate) latitude: NumberDictionary,
    pub(crate) longitude: NumberDictionary,
    pub(crate) kafka_offset: Vec<i64>,
    /// By the place of the text.
    pub(crate) texts: Vec<TextDictionary>,
    /// Relays of all rows, one after the other, and where those of each row end.
    pub(crate) relay_ends: Vec<u32>,
    pub(crate) relay_names: TextDictionary,
    pub(crate) relay_ips: Vec<[u8; 16]>,
    pub(crate) relay_ip_is_absent: Vec<u8>,
    pub(crate) relay_ports: Vec<u16>,
}

/// Does something with each column that is a plain vector.
macro_rules! each_vector {
    (&mut $columns:expr, |$vector:ident| $action:expr) => {
        each_vector!(@ (&mut) $columns, $vector, $action)
    };
    (&$columns:expr, |$vector:ident| $action:expr) => {
        each_vector!(@ (&) $columns, $vector, $action)
    };
    (@ ($($borrow:tt)*) $columns:expr, $vector:ident, $action:expr) => {{
        let $vector = $($borrow)* $columns.bits;
        $action;
        let $vector = $($borrow)* $columns.end_time;
        $action;
        let $vector = $($borrow)* $columns.duration_us;
        $action;
        let $vector = $($borrow)* $columns.event_id_tail;
        $action;
        let $vector = $($borrow)* $columns.connection_id_high;
        $action;
        let $vector = $($borrow)* $columns.connection_id_low;
        $action;
        let $vector = $($borrow)* $columns.connection_id_text;
        $action;
        let $vector = $($borrow)* $columns.connection_id_text_ends;
        $action;
        let $vector = $($borrow)* $columns.connector_id;
        $action;
        let $vector = $($borrow)* $columns.remote_network_id;
        $action;
        let $vector = $($borrow)* $columns.resource_id;
        $action;
        let $vector = $($borrow)* $columns.resource_ip;
        $action;
        let $vector = $($borrow)* $columns.resource_port;
        $action;
        let $vector = $($borrow)* $columns.client_ip;
        $action;
        let $vector = $($borrow)* $columns.bytes_received;
        $action;
        let $vector = $($borrow)* $columns.bytes_transferred;
        $action;
        let $vector = $($borrow)* $columns.device_id;
        $action;
        let $vector = $($borrow)* $columns.user_id;
        $action;
        let $vector = $($borrow)* $columns.service_account_id;
        $action;
        let $vector = $($borrow)* $columns.service_account_key_id;
        $action;
        let $vector = $($borrow)* $columns.kafka_offset;
        $action;
        let $vector = $($borrow)* $columns.relay_ends;
        $action;
        let $vector = $($borrow)* $columns.relay_ips;
        $action;
        let $vector = $($borrow)* $columns.relay_ip_is_absent;
        $action;
        let $vector = $($borrow)* $columns.relay_ports;
        $action;
    }};
}

/// Bytes that a vector has room for.
fn room_bytes<T>(vector: &Vec<T>) -> usize {
    vector.capacity() * size_of::<T>()
}

impl Columns {
    pub(crate) fn new() -> Self {
        let knows_absence = |slot| matches!(slot, text::TUNNEL_PROTOCOL | text::CITY | text::COUNTRY | text::REGION);
        Self {
            bits: Vec::new(),
            end_time: Vec::new(),
            duration_us: Vec::new(),
            event_id_tail: Vec::new(),
            connection_id_high: Vec::new(),
            connection_id_low: Vec::new(),
            connection_id_text: Vec::new(),
            connection_id_text_ends: Vec::new(),
            connector_id: Vec::new(),
            remote_network_id: Vec::new(),
            resource_id: Vec::new(),
            resource_ip: Vec::new(),
            resource_port: Vec::new(),
            client_ip: Vec::new(),
            bytes_received: Vec::new(),
            bytes_transferred: Vec::new(),
            device_id: Vec::new(),
            user_id: Vec::new(),
            service_account_id: Vec::new(),
            service_account_key_id: Vec::new(),
            latitude: NumberDictionary::new(),
            longitude: NumberDictionary::new(),
            kafka_offset: Vec::new(),
            texts: (0..text::IN_DICTIONARIES).map(|slot| TextDictionary::new(knows_absence(slot))).collect(),
            relay_ends: Vec::new(),
            relay_names: TextDictionary::new(false),
            relay_ips: Vec::new(),
            relay_ip_is_absent: Vec::new(),
            relay_ports: Vec::new(),
        }
    }

    /// No rows; memory is kept.
    pub(crate) fn clear(&mut self) {
        each_vector!(&mut self, |vector| vector.clear());
        self.latitude.clear();
        self.longitude.clear();
        self.relay_names.clear();
        self.texts.iter_mut().for_each(TextDictionary::clear);
    }

    pub(crate) fn rows(&self) -> usize {
        self.bits.len()
    }

    /// The dictionary of a text.
    pub(crate) fn text(&self, slot: u8) -> &TextDictionary {
        &self.texts[usize::from(slot)]
    }

    /// What the columns take in memory, bytes: what they have room for.
    pub(crate) fn memory_bytes(&self) -> usize {
        let dictionaries: usize = self.texts.iter().chain([&self.relay_names]).map(TextDictionary::memory_bytes).sum();
        let numbers = self.latitude.memory_bytes() + self.longitude.memory_bytes();
        let mut vectors = 0;
        each_vector!(&self, |vector| vectors += room_bytes(vector));
        dictionaries + numbers + vectors
    }

    /// What the columns hold, bytes, roughly.
    pub(crate) fn size_bytes(&self) -> usize {
        let dictionaries: usize = self.texts.iter().map(TextDictionary::size_bytes).sum();
        let relays = self.relay_names.size_bytes() + self.relay_ports.len() * 23;
        self.rows() * ROW_BYTES + self.connection_id_text.len() + dictionaries + relays
    }

    /// The relays of a row, by their places.
    #[inline]
    pub(crate) fn relays_of(&self, row: usize) -> std::ops::Range<usize> {
        between(&self.relay_ends, row)
    }

    /// The connection id of a row that fits no form; else nothing.
    #[inline]
    pub(crate) fn connection_id_text_of(&self, row: usize) -> &[u8] {
        &self.connection_id_text[between(&self.connection_id_text_ends, row)]
    }

    /// Appends all rows of a block.
    // Ends are counted in 32 bits: a range is bounded far below.
    #[expect(clippy::cast_possible_truncation, reason = "a range is bounded")]
    pub(crate) fn append(&mut self, stage: &Stage) {
        let (lanes, rows) = (&*stage.lanes, stage.rows());
        let present = &stage.present;
        self.connection_ids(stage);
        let symbols = [symbol::EVENT_TYPE, symbol::PROTOCOL, symbol::TUNNEL_PATH].map(|slot| lanes.symbols(slot, rows));
        let begin = self.rows() - rows;
        for (row, word) in self.bits[begin..].iter_mut().enumerate() {
            // The form of the connection id stands there already.
            *word |= present[row]
                | u32::from(symbols[0][row]) << Bits::EVENT_TYPE
                | u32::from(symbols[1][row]) << Bits::PROTOCOL
                | u32::from(symbols[2][row]) << Bits::TUNNEL_PATH;
        }

        let (starts, ends) = (lanes.numbers(number::START_TIME, rows), lanes.numbers(number::END_TIME, rows));
        self.end_time.extend(ends.iter().map(|end| end.cast_signed()));
        // The contract has been checked: no end before its start.
        self.duration_us.extend(ends.iter().zip(starts).map(|(end, start)| end.wrapping_sub(*start)));
        self.event_id_tail.extend(lanes.all_fixed(fixed::EVENT_ID, rows).iter().map(tail));
        self.connector_id.extend_from_slice(lanes.numbers(number::CONNECTOR_ID, rows));
        self.remote_network_id.extend_from_slice(lanes.numbers(number::REMOTE_NETWORK_ID, rows));
        self.resource_id.extend_from_slice(lanes.numbers(number::RESOURCE_ID, rows));
        self.resource_port.extend(lanes.numbers(number::RESOURCE_PORT, rows).iter().map(|port| *port as u16));
        self.bytes_received.extend_from_slice(lanes.numbers(number::BYTES_RECEIVED, rows));
        self.bytes_transferred.extend_from_slice(lanes.numbers(number::BYTES_TRANSFERRED, rows));
        self.kafka_offset.extend_from_slice(&stage.offsets);

        let maybe = |slot, bit: u8| {
            let mask = move |word: &u32| 0_u64.wrapping_sub(u64::from(word >> bit & 1));
            lanes.numbers(slot, rows).iter().zip(present).map(move |(number, word)| number & mask(word))
        };
        self.device_id.extend(maybe(number::DEVICE_ID, presence::DEVICE));
        self.user_id.extend(maybe(number::USER_ID, presence::USER));
        self.service_account_id.extend(maybe(number::SERVICE_ACCOUNT_ID, presence::SERVICE_ACCOUNT));
        self.service_account_key_id.extend(maybe(number::SERVICE_ACCOUNT_KEY_ID, presence::SERVICE_ACCOUNT_KEY));
        let address = |slot, bit: u8| {
            let there = move |word: &u32| word >> bit & 1 == 1;
            let addresses = lanes.all_fixed(slot, rows).iter().zip(present);
            addresses.map(move |(address, word)| if there(word) { *address } else { [0; 16] })
        };
        self.resource_ip.extend(address(fixed::RESOURCE_IP, presence::RESOURCE_IP));
        self.client_ip.extend(address(fixed::CLIENT_IP, presence::CLIENT_IP));
        let degrees = |slot, bit: u8| {
            let numbers = lanes.numbers(slot, rows).iter().zip(present);
            numbers.map(move |(number, word)| (word >> bit & 1 == 1).then_some(*number))
        };
        self.latitude.append_rows(degrees(number::LATITUDE, presence::LATITUDE));
        self.longitude.append_rows(degrees(number::LONGITUDE, presence::LONGITUDE));

        for (slot, dictionary) in (0..).zip(&mut self.texts) {
            dictionary.append_rows(lanes.texts(slot, rows), &stage.bytes);
        }
        let relays_before = self.relay_ports.len() as u32;
        self.relay_ends.extend(stage.relay_ends.iter().map(|end| end + relays_before));
        for relays in stage.relays.chunks(ROWS) {
            let mut names = [crate::stage::Span::EMPTY; ROWS];
            names.iter_mut().zip(relays).for_each(|(name, relay)| *name = relay.name);
            self.relay_names.append_rows(&names[..relays.len()], &stage.bytes);
        }
        self.relay_ips.extend(stage.relays.iter().map(|relay| relay.ip.unwrap_or_default()));
        self.relay_ip_is_absent.extend(stage.relays.iter().map(|relay| u8::from(relay.ip.is_none())));
        self.relay_ports.extend(stage.relays.iter().map(|relay| relay.port));
    }

    /// Packs the connection ids of a block; begins its rows' bits with their forms.
    #[expect(clippy::cast_possible_truncation, reason = "a range is bounded")]
    fn connection_ids(&mut self, stage: &Stage) {
        for span in stage.lanes.texts(text::CONNECTION_ID, stage.rows()) {
            let id = span.of(&stage.bytes);
            let (form, high, low, _) = match PackedId::numbers_of(id) {
                Some(numbers) => numbers.columns(),
                None => {
                    self.connection_id_text.extend_from_slice(id);
                    PackedId::Text("").columns()
                }
            };
            self.bits.push(u32::from(form.cast_unsigned()) << Bits::CONNECTION_ID_FORM);
            self.connection_id_high.push(high);
            self.connection_id_low.push(low);
            self.connection_id_text_ends.push(self.connection_id_text.len() as u32);
        }
    }
}

fn between(ends: &[u32], row: usize) -> std::ops::Range<usize> {
    let begin = if row == 0 { 0 } else { ends[row - 1] };
    begin as usize..ends[row] as usize
}

/// What of an event id its time does not say.
fn tail(event_id: &[u8; 16]) -> [u8; 10] {
    let [_, _, _, _, _, _, tail @ ..] = *event_id;
    tail
}
