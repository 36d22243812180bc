//! Values of fields that the writer does not have.

use apache_avro::Schema;
use serde_json::Value;

use super::resolve::{Resolver, Typed, inside, kind};
use super::{Mismatch, Op};
use crate::slots::{Path, Slot, code};

impl<'a> Resolver<'a> {
    /// Emits what gives the path its default. `default` is JSON as Avro's specification has it: for a union that of its first branch.
    pub(super) fn default(&mut self, reader: Typed<'a>, path: Path, default: &Value) -> Result<(), Mismatch> {
        let reader = self.reader_type(reader)?;
        let unfit = || Mismatch::new(format!("the default of {} does not fit its type", path.name));
        let name = path.name;
        match (reader.schema, path.slot) {
            (Schema::Union(union), _) => {
                let first = union.variants().first().ok_or_else(unfit)?;
                if *first == Schema::Null {
                    return if default.is_null() { self.absent(reader, path) } else { Err(unfit()) };
                }
                self.default(reader.with(first), path, default)?;
                self.present(path);
            }
            (Schema::Record(record), Slot::Record) => {
                for field in &record.fields {
                    let given = default.get(&field.name).or(field.default.as_ref()).ok_or_else(unfit)?;
                    self.default(reader.with(&field.schema), inside(path, &field.name)?, given)?;
                }
            }
            (Schema::Array(_), Slot::Relays) if default.as_array().is_some_and(Vec::is_empty) => {}
            (_, Slot::Text(slot)) => match default.as_str().ok_or_else(unfit)? {
                "" => self.emitter.op(Op::EmptyText(slot), name),
                text => {
                    let index = self.emitter.text(text)?;
                    self.emitter.op(Op::DefaultText { slot, index }, name);
                }
            },
            (_, Slot::Natural(slot) | Slot::Time(slot)) => {
                let number = default.as_i64().filter(|number| *number >= 0).ok_or_else(unfit)?;
                self.default_number(slot, number.cast_unsigned(), path)?;
            }
            (_, Slot::Port(slot)) => {
                let number = default.as_u64().filter(|number| u16::try_from(*number).is_ok()).ok_or_else(unfit)?;
                self.default_number(slot, number, path)?;
            }
            (_, Slot::Double(slot)) => {
                let number = default.as_f64().ok_or_else(unfit)?;
                self.default_number(slot, number.to_bits(), path)?;
            }
            (_, Slot::Fixed(slot)) => {
                let text = default.as_str().ok_or_else(unfit)?;
                let bytes: Vec<u8> = text.chars().map(u8::try_from).collect::<Result<_, _>>().map_err(|_| unfit())?;
                let index = self.emitter.fixed(bytes.try_into().map_err(|_| unfit())?)?;
                self.emitter.op(Op::DefaultFixed { slot, index }, name);
            }
            (Schema::Enum(_), Slot::Symbol(slot)) => {
                let code = default.as_str().and_then(|symbol| code(slot, symbol)).ok_or_else(unfit)?;
                self.emitter.op(Op::DefaultSymbol { slot, code }, name);
            }
            (schema, _) => return Err(Mismatch::new(format!("no column takes a {}", kind(schema))).within(name)),
        }
        Ok(())
    }

    fn default_number(&mut self, slot: u8, number: u64, path: Path) -> Result<(), Mismatch> {
        let index = self.emitter.number(number)?;
        self.emitter.op(Op::DefaultNumber { slot, index }, path.name);
        Ok(())
    }

    /// Emits what leaves the path out: its presence is 0 already, its texts are absent where they may be, and empty where not.
    pub(super) fn absent(&mut self, reader: Typed<'a>, path: Path) -> Result<(), Mismatch> {
        let reader = self.reader_type(reader)?;
        match (reader.schema, path.slot) {
            (Schema::Union(_), Slot::Text(slot)) => self.emitter.op(Op::NoText(slot), path.name),
            (_, Slot::Text(slot)) => self.emitter.op(Op::EmptyText(slot), path.name),
            (Schema::Union(_), _) => {
                let there = self.nullable(reader)?;
                self.absent(there, path)?;
            }
            (Schema::Record(record), Slot::Record) => {
                for field in &record.fields {
                    self.absent(reader.with(&field.schema), inside(path, &field.name)?)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}
