//! Events as other writers may write them: schemas that are evolutions of ours, and bodies of them.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use schemas::addresses::Address;
use schemas::connection_event::{ConnectionEvent, Location, Relay, ServiceAccount, User};
use serde_json::{Value, json};

/// A type and one value of it, written.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) schema: Value,
    pub(super) bytes: Vec<u8>,
}

/// A field and its value.
type Field = (&'static str, Written);

pub(super) fn long(number: i64) -> Vec<u8> {
    let mut zigzag = (number << 1 ^ number >> 63).cast_unsigned();
    let mut bytes = Vec::new();
    while zigzag >= 0x80 {
        bytes.push(zigzag.to_le_bytes()[0] | 0x80);
        zigzag >>= 7;
    }
    bytes.push(zigzag.to_le_bytes()[0]);
    bytes
}

fn length_and(bytes: &[u8]) -> Vec<u8> {
    [long(i64::try_from(bytes.len()).unwrap()), bytes.to_vec()].concat()
}

/// Writes events in ways that are chosen at random.
pub(super) struct Writer<'a> {
    pub(super) random: &'a mut StdRng,
}

impl Writer<'_> {
    fn of(&mut self, choices: u32) -> u32 {
        self.random.random_range(0..choices)
    }

    /// A whole event: fields in any order, some left out, some that we do not have, each type as it is or as something that is read as
    /// it.
    pub(super) fn event(&mut self, event: &ConnectionEvent) -> Written {
        let number = |id: u64| i64::try_from(id).unwrap();
        let mut fields = vec![
            ("event_id", self.fixed("EventId", event.event_id.as_bytes())),
            ("tenant", self.text(event.tenant.as_str())),
            ("event_type", self.event_type(event)),
            ("start_time", self.time(event.start_time.as_micros())),
            ("end_time", self.time(event.end_time.as_micros())),
            ("connection_id", self.text(&event.connection_id)),
            ("connector_id", self.number(number(event.connector_id.get()))),
            ("connector_name", self.text(&event.connector_name)),
            ("remote_network_id", self.number(number(event.remote_network_id.get()))),
            ("remote_network_name", self.text(&event.remote_network_name)),
            ("resource_id", self.number(number(event.resource_id.get()))),
            ("resource_address", self.text(&event.resource_address)),
            ("applied_rule", self.text(&event.applied_rule)),
            ("resource_ip", self.address(event.resource_ip)),
            ("resource_port", self.port(event.resource_port)),
            ("protocol", self.symbol("Protocol", &["TCP", "UDP", "ICMP", "UNKNOWN"], &name_of(event.protocol))),
            ("tunnel_path", self.symbol("TunnelPath", &["DIRECT", "UNKNOWN", "RELAY"], &name_of(event.tunnel_path))),
            ("tunnel_protocol", self.maybe(event.tunnel_protocol.clone(), |it, text| it.text(&text), "string")),
            ("client_ip", self.address(event.client_ip)),
            ("bytes_received", self.number(number(event.bytes_received))),
            ("bytes_transferred", self.number(number(event.bytes_transferred))),
            ("error_message", self.text(&event.error_message)),
            ("device_id", self.maybe(event.device_id, |it, id| it.number(number(id.get())), "long")),
            ("user", self.user(event.user.as_ref())),
            ("service_account", self.service_account(event.service_account.as_ref())),
            ("relays", self.relays(&event.relays)),
            ("location", self.location(event.location.as_ref())),
        ];
        if self.of(2) == 0 {
            fields.shuffle(self.random);
        }
        self.leave_out(&mut fields, 40);
        self.add(&mut fields);
        let mut written = self.record("ConnectionEvent", fields);
        written.schema["namespace"] = json!("flowledger");
        define_once(&mut written.schema, &mut Vec::new());
        written
    }

    /// Leaves fields out, each with one chance in so many.
    fn leave_out(&mut self, fields: &mut Vec<Field>, chances: u32) {
        fields.retain(|_| self.of(chances) != 0);
    }

    /// Fields of the writer only.
    fn add(&mut self, fields: &mut Vec<Field>) {
        for name in ["extra_a", "extra_b", "extra_c"] {
            if self.of(3) == 0 {
                let place = self.random.random_range(0..=fields.len());
                let extra = self.anything(3);
                fields.insert(place, (name, extra));
            }
        }
    }

    fn record(&mut self, name: &str, fields: Vec<Field>) -> Written {
        let bytes = fields.iter().flat_map(|(_, written)| written.bytes.clone()).collect();
        let fields: Vec<Value> =
            fields.into_iter().map(|(name, written)| json!({ "name": name, "type": written.schema })).collect();
        Written { schema: json!({ "type": "record", "name": name, "fields": fields }), bytes }
    }

    /// A value of any type; names are its own.
    fn anything(&mut self, depth: u32) -> Written {
        let name = format!("Extra{}", self.random.random::<u64>());
        let items = usize::try_from(self.of(3)).unwrap();
        match self.of(if depth == 0 { 9 } else { 13 }) {
            0 => Written { schema: json!("null"), bytes: Vec::new() },
            1 => Written { schema: json!("boolean"), bytes: vec![u8::from(self.random.random::<bool>())] },
            2 => Written { schema: json!("int"), bytes: long(self.random.random::<i32>().into()) },
            3 => Written { schema: json!("long"), bytes: long(self.random.random()) },
            4 => Written { schema: json!("float"), bytes: self.random.random::<[u8; 4]>().to_vec() },
            5 => Written { schema: json!("double"), bytes: self.random.random::<[u8; 8]>().to_vec() },
            6 => Written { schema: json!("bytes"), bytes: length_and(&self.random.random::<[u8; 11]>()) },
            7 => Written {
                schema: json!("string"),
                bytes: length_and("ein Wort für sich, länger als sonst".as_bytes()),
            },
            8 => {
                let symbols = json!({ "type": "enum", "name": name, "symbols": ["A", "B", "C"] });
                Written { schema: symbols, bytes: long(self.of(3).into()) }
            }
            9 => {
                // An item that takes no bytes may be counted without end; the two readers bound that differently.
                let item = self.anything(depth - 1);
                let item = if item.bytes.is_empty() { Written { schema: json!("int"), bytes: vec![2] } } else { item };
                Written {
                    bytes: self.blocks(&vec![item.bytes; items]),
                    schema: json!({ "type": "array", "items": item.schema }),
                }
            }
            10 => {
                let item = self.anything(depth - 1);
                let entries: Vec<Vec<u8>> = (0..items)
                    .map(|key| [length_and(format!("k{key}").as_bytes()), item.bytes.clone()].concat())
                    .collect();
                Written { bytes: self.blocks(&entries), schema: json!({ "type": "map", "values": item.schema }) }
            }
            11 => {
                let fields = (0..items).map(|at| (["x", "y", "z"][at], self.anything(depth - 1))).collect();
                self.record(&name, fields)
            }
            _ => {
                let there = self.number(7);
                let there =
                    if there.schema.is_array() { Written { schema: json!("long"), bytes: long(7) } } else { there };
                let bytes = if items == 0 { vec![0] } else { [vec![2], there.bytes].concat() };
                Written { schema: json!(["null", there.schema]), bytes }
            }
        }
    }

    /// Items in one block, in several, or in blocks that say their size.
    fn blocks(&mut self, items: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let per_block = usize::try_from(1 + self.of(3)).unwrap();
        for block in items.chunks(per_block) {
            let (count, items) = (i64::try_from(block.len()).unwrap(), block.concat());
            if self.random.random() {
                bytes.extend(long(-count));
                bytes.extend(length_and(&items));
            } else {
                bytes.extend(long(count));
                bytes.extend(items);
            }
        }
        bytes.push(0);
        bytes
    }

    /// As it is, in a union with null, or with something else.
    fn in_union(&mut self, written: Written) -> Written {
        let Written { schema, bytes } = written;
        let at = |branch: i64| [long(branch), bytes.clone()].concat();
        match self.of(12) {
            0 => Written { bytes: at(1), schema: json!(["null", schema]) },
            1 => Written { bytes: at(0), schema: json!([schema, "null"]) },
            2 => Written { bytes: at(2), schema: json!(["null", "boolean", schema]) },
            // Another branch, which cannot be read.
            3 if self.of(4) == 0 => Written { schema: json!(["boolean", schema]), bytes: vec![0, 1] },
            _ => Written { schema, bytes },
        }
    }

    fn text(&mut self, text: &str) -> Written {
        let schema = match self.of(6) {
            0 => json!("bytes"),
            1 => json!({ "type": "string", "avro.java.string": "String" }),
            _ => json!("string"),
        };
        self.in_union(Written { schema, bytes: length_and(text.as_bytes()) })
    }

    fn number(&mut self, number: i64) -> Written {
        let is_int = i32::try_from(number).is_ok() && self.of(2) == 0;
        self.in_union(Written { schema: json!(if is_int { "int" } else { "long" }), bytes: long(number) })
    }

    fn time(&mut self, micros: i64) -> Written {
        let schema =
            if self.of(2) == 0 { json!("long") } else { json!({ "type": "long", "logicalType": "timestamp-micros" }) };
        self.in_union(Written { schema, bytes: long(micros) })
    }

    fn port(&mut self, port: u16) -> Written {
        self.in_union(Written { schema: json!("int"), bytes: long(port.into()) })
    }

    fn fixed(&mut self, name: &str, bytes: &[u8; 16]) -> Written {
        let schema = json!({ "type": "fixed", "name": name, "size": 16 });
        self.in_union(Written { schema, bytes: bytes.to_vec() })
    }

    fn event_type(&mut self, event: &ConnectionEvent) -> Written {
        let symbols = ["CLOSED_CONNECTION", "UNKNOWN", "DENIED_ACCESS", "ESTABLISHED_CONNECTION", "FAILED_TO_CONNECT"];
        self.symbol("EventType", &symbols, &name_of(event.event_type))
    }

    /// A symbol of an enum that has more, or the same in another order; now and then one that we do not know.
    fn symbol(&mut self, name: &str, symbols: &[&str], symbol: &str) -> Written {
        let mut symbols = symbols.to_vec();
        symbols.shuffle(self.random);
        if self.of(2) == 0 {
            symbols.insert(0, "FROM_THE_FUTURE");
        }
        let symbol = if self.of(40) == 0 { symbols[0] } else { symbol };
        let place = symbols.iter().position(|it| *it == symbol).unwrap();
        let schema = json!({ "type": "enum", "name": name, "symbols": symbols });
        self.in_union(Written { schema, bytes: long(i64::try_from(place).unwrap()) })
    }

    /// A value that may be absent: null first, null last, or where it is there no union at all.
    fn maybe<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T) -> Written, otherwise: &str) -> Written {
        let Some(value) = value else {
            return match self.of(3) {
                0 => Written { schema: json!("null"), bytes: Vec::new() },
                1 => Written { schema: json!([otherwise, "null"]), bytes: vec![2] },
                _ => Written { schema: json!(["null", otherwise]), bytes: vec![0] },
            };
        };
        let there = write(self, value);
        if there.schema.is_array() {
            return there;
        }
        match self.of(3) {
            0 => there,
            1 => Written { schema: json!([there.schema, "null"]), bytes: [vec![0], there.bytes].concat() },
            _ => Written { schema: json!(["null", there.schema]), bytes: [vec![2], there.bytes].concat() },
        }
    }

    fn address(&mut self, address: Option<Address>) -> Written {
        self.maybe(address, |it, address| it.fixed("IpAddress", &address.octets()), "string")
    }

    fn user(&mut self, user: Option<&User>) -> Written {
        self.maybe(
            user,
            |it, user| {
                let id = it.number(i64::try_from(user.id.get()).unwrap());
                let mut fields = vec![("email", it.text(&user.email)), ("id", id)];
                it.leave_out(&mut fields, 60);
                it.add(&mut fields);
                it.record("User", fields)
            },
            "string",
        )
    }

    fn service_account(&mut self, account: Option<&ServiceAccount>) -> Written {
        self.maybe(
            account,
            |it, account| {
                let number = |id: u64| i64::try_from(id).unwrap();
                let mut fields = vec![
                    ("key_id", it.maybe(account.key_id, |it, id| it.number(number(id.get())), "long")),
                    ("id", it.number(number(account.id.get()))),
                    ("key", it.text(&account.key)),
                    ("name", it.text(&account.name)),
                ];
                it.leave_out(&mut fields, 20);
                it.add(&mut fields);
                it.record("ServiceAccount", fields)
            },
            "string",
        )
    }

    fn location(&mut self, location: Option<&Location>) -> Written {
        self.maybe(
            location,
            |it, location| {
                let text =
                    |it: &mut Self, text: &Option<String>| it.maybe(text.clone(), |it, text| it.text(&text), "string");
                let mut fields = vec![
                    ("region", text(it, &location.region)),
                    ("latitude", it.maybe(location.latitude, Self::degrees, "double")),
                    ("city", text(it, &location.city)),
                    ("country", text(it, &location.country)),
                    ("longitude", it.maybe(location.longitude, Self::degrees, "double")),
                ];
                it.leave_out(&mut fields, 20);
                it.record("Location", fields)
            },
            "string",
        )
    }

    fn degrees(&mut self, degrees: f64) -> Written {
        #[expect(clippy::cast_possible_truncation, reason = "another number will do")]
        match self.of(4) {
            0 => Written { schema: json!("float"), bytes: (degrees as f32).to_le_bytes().to_vec() },
            1 => Written { schema: json!("int"), bytes: long(degrees as i64) },
            2 => Written { schema: json!("long"), bytes: long(degrees as i64) },
            _ => Written { schema: json!("double"), bytes: degrees.to_le_bytes().to_vec() },
        }
    }

    /// All relays have one schema: it is chosen once, by the same choices for each.
    fn relays(&mut self, relays: &[Relay]) -> Written {
        let (with_name, with_port, with_extra) = (self.of(8) != 0, self.of(8) != 0, self.of(4) == 0);
        let (port_first, bytes) = (self.random.random::<bool>(), self.random.random::<bool>());
        let ip = |relay: &Relay| relay.ip.map_or(vec![0], |ip| [vec![2], ip.octets().to_vec()].concat());
        let write = |relay: &Relay| {
            let name_type = if bytes { "bytes" } else { "string" };
            let name = Written { schema: json!(name_type), bytes: length_and(relay.name.as_bytes()) };
            let fixed = json!({ "type": "fixed", "name": "IpAddress", "size": 16 });
            let ip = Written { schema: json!(["null", fixed]), bytes: ip(relay) };
            let port = Written { schema: json!("int"), bytes: long(relay.port.into()) };
            let extra = Written { schema: json!({ "type": "map", "values": "long" }), bytes: vec![2, 2, b'k', 8, 0] };
            let mut fields = vec![("ip", ip)];
            let place = if port_first { 0 } else { 1 };
            if with_port {
                fields.insert(place, ("port", port));
            }
            if with_name {
                fields.push(("name", name));
            }
            if with_extra {
                fields.insert(place, ("extra", extra));
            }
            fields
        };
        let none = Relay { name: String::new(), ip: None, port: 0 };
        let item = self.record("Relay", write(&none)).schema;
        let items: Vec<Vec<u8>> = relays.iter().map(|relay| self.record("Relay", write(relay)).bytes).collect();
        let bytes = self.blocks(&items);
        self.in_union(Written { schema: json!({ "type": "array", "items": item }), bytes })
    }
}

/// The symbol of an enum.
fn name_of(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

/// A named type is defined where it stands first, and named afterwards.
fn define_once(schema: &mut Value, defined: &mut Vec<String>) {
    match schema {
        Value::Array(branches) => branches.iter_mut().for_each(|branch| define_once(branch, defined)),
        Value::Object(object) => {
            if let Some(name) = object.get("name").and_then(Value::as_str).filter(|_| object.contains_key("size")) {
                if defined.contains(&name.to_owned()) {
                    *schema = json!(name);
                    return;
                }
                defined.push(name.to_owned());
                return;
            }
            for key in ["fields", "type", "items", "values"] {
                if let Some(inner) = schema.get_mut(key) {
                    define_once(inner, defined);
                }
            }
        }
        _ => {}
    }
}
