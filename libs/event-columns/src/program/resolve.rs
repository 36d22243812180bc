//! Avro's schema resolution, once for a schema: what the writer wrote, field by field, against what we need.

use std::collections::HashMap;
use std::iter::once;

use apache_avro::Schema;
use apache_avro::schema::{
    Aliases, EnumSchema, InnerDecimalSchema, Name, NamesRef, RecordSchema, UnionSchema, UuidSchema,
};

use super::emit::NO_CODE;
use super::{Emitter, Mismatch, Op, Program, Skip};
use crate::slots::{Path, Slot, code, path};

/// What values are called that only the writer has.
const NOT_OURS: &str = "a field that is not ours";

/// A type and the namespace that it stands in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Typed<'a> {
    pub(super) schema: &'a Schema,
    namespace: Option<&'a str>,
}

impl<'a> Typed<'a> {
    pub(super) const fn root(schema: &'a Schema) -> Self {
        Self { schema, namespace: None }
    }

    /// A type inside this one.
    pub(super) fn with(self, schema: &'a Schema) -> Self {
        Self { schema, namespace: self.schema.namespace().or(self.namespace) }
    }

    /// What a reference stands for.
    fn dereferenced(self, names: &NamesRef<'a>) -> Result<Self, Mismatch> {
        let Schema::Ref { name } = self.schema else { return Ok(self) };
        let full = name.fully_qualified_name(self.namespace);
        let schema = names.get(&*full).ok_or_else(|| Mismatch::new(format!("{full} is not defined")))?;
        Ok(Self { schema, namespace: self.namespace })
    }
}

/// The type under a logical type.
enum Base<'a> {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(&'a apache_avro::schema::FixedSchema),
    Enum(&'a EnumSchema),
    Array(&'a Schema),
    Map(&'a Schema),
    Union(&'a UnionSchema),
    Record(&'a RecordSchema),
}

fn base(schema: &Schema) -> Base<'_> {
    match schema {
        // References are resolved before.
        Schema::Null | Schema::Ref { .. } => Base::Null,
        Schema::Boolean => Base::Boolean,
        Schema::Int | Schema::Date | Schema::TimeMillis => Base::Int,
        Schema::Long
        | Schema::TimeMicros
        | Schema::TimestampMillis
        | Schema::TimestampMicros
        | Schema::TimestampNanos
        | Schema::LocalTimestampMillis
        | Schema::LocalTimestampMicros
        | Schema::LocalTimestampNanos => Base::Long,
        Schema::Float => Base::Float,
        Schema::Double => Base::Double,
        Schema::Bytes | Schema::BigDecimal | Schema::Uuid(UuidSchema::Bytes) => Base::Bytes,
        Schema::String | Schema::Uuid(UuidSchema::String) => Base::String,
        Schema::Decimal(decimal) => match &decimal.inner {
            InnerDecimalSchema::Bytes => Base::Bytes,
            InnerDecimalSchema::Fixed(fixed) => Base::Fixed(fixed),
        },
        Schema::Fixed(fixed) | Schema::Duration(fixed) | Schema::Uuid(UuidSchema::Fixed(fixed)) => Base::Fixed(fixed),
        Schema::Enum(symbols) => Base::Enum(symbols),
        Schema::Array(array) => Base::Array(&array.items),
        Schema::Map(map) => Base::Map(&map.types),
        Schema::Union(union) => Base::Union(union),
        Schema::Record(record) => Base::Record(record),
    }
}

/// What a type is called in a reason.
pub(super) fn kind(schema: &Schema) -> &str {
    match base(schema) {
        Base::Null => "null",
        Base::Boolean => "boolean",
        Base::Int => "int",
        Base::Long => "long",
        Base::Float => "float",
        Base::Double => "double",
        Base::Bytes => "bytes",
        Base::String => "string",
        Base::Fixed(_) => "fixed",
        Base::Enum(_) => "enum",
        Base::Array(_) => "array",
        Base::Map(_) => "map",
        Base::Union(_) => "union",
        Base::Record(_) => "record",
    }
}

/// The path of a field inside another path.
pub(super) fn inside(outer: Path, field: &str) -> Result<Path, Mismatch> {
    let name = if outer.name.is_empty() { field.to_owned() } else { format!("{}.{field}", outer.name) };
    path(&name).ok_or_else(|| Mismatch::new(format!("no column takes {name}")))
}

/// Resolves a writer's schema against ours.
pub(super) struct Resolver<'a> {
    writer_names: &'a NamesRef<'a>,
    reader_names: &'a NamesRef<'a>,
    /// Named types of the writer that are passed over: where they stand in the program.
    skipped: HashMap<Name, u16>,
    pub(super) emitter: Emitter,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(writer_names: &'a NamesRef<'a>, reader_names: &'a NamesRef<'a>) -> Self {
        Self { writer_names, reader_names, skipped: HashMap::new(), emitter: Emitter::default() }
    }

    pub(super) fn into_program(self) -> Program {
        self.emitter.into_program()
    }

    /// Emits what reads a value of `writer` as `reader`, into the place of the path.
    pub(super) fn resolve(&mut self, writer: Typed<'a>, reader: Typed<'a>, name: &str) -> Result<(), Mismatch> {
        let path = path(name).ok_or_else(|| Mismatch::new(format!("no column takes {name}")))?;
        self.read(writer, reader, path)
    }

    pub(super) fn reader_type(&self, reader: Typed<'a>) -> Result<Typed<'a>, Mismatch> {
        reader.dereferenced(self.reader_names)
    }

    /// The branch of a union of ours that is not null; a union of ours is null and one other type.
    pub(super) fn nullable(&self, reader: Typed<'a>) -> Result<Typed<'a>, Mismatch> {
        let two_types = || Mismatch::new("a union of ours is null and one other type");
        let Schema::Union(union) = reader.schema else { return Err(two_types()) };
        match union.variants() {
            [Schema::Null, other] | [other, Schema::Null] => self.reader_type(reader.with(other)),
            _ => Err(two_types()),
        }
    }

    /// Emits that the path is there, where it may be absent.
    pub(super) fn present(&mut self, path: Path) {
        if let Some(presence) = path.presence {
            self.emitter.op(Op::Present(presence), path.name);
        }
    }

    fn read(&mut self, writer: Typed<'a>, reader: Typed<'a>, path: Path) -> Result<(), Mismatch> {
        let (writer, reader) = (writer.dereferenced(self.writer_names)?, self.reader_type(reader)?);
        if let Schema::Union(branches) = writer.schema {
            return self.union(writer, branches.variants(), reader, path);
        }
        if matches!(reader.schema, Schema::Union(_)) {
            let there = self.nullable(reader)?;
            if *writer.schema == Schema::Null {
                return self.absent(reader, path);
            }
            self.read(writer, there, path)?;
            self.present(path);
            return Ok(());
        }
        let (from, to) = (base(writer.schema), base(reader.schema));
        if let (Base::Record(from), Base::Record(to), Slot::Record) = (&from, &to, path.slot) {
            same_name(&from.name, &to.name, &to.aliases)?;
            return self.record(writer, from, reader, to, path);
        }
        let op = match (from, to, path.slot) {
            (Base::String | Base::Bytes, Base::String, Slot::Text(slot)) => Op::Text(slot),
            (Base::Long, Base::Long, Slot::Natural(slot)) => Op::Natural(slot),
            (Base::Int, Base::Long, Slot::Natural(slot)) => Op::NaturalInt(slot),
            (Base::Long, Base::Long, Slot::Time(slot)) => Op::Time(slot),
            (Base::Int, Base::Long, Slot::Time(slot)) => Op::TimeInt(slot),
            (Base::Int, Base::Int, Slot::Port(slot)) => Op::Port(slot),
            (Base::Double, Base::Double, Slot::Double(slot)) => Op::Double(slot),
            (Base::Float, Base::Double, Slot::Double(slot)) => Op::Float(slot),
            (Base::Long, Base::Double, Slot::Double(slot)) => Op::DoubleOfLong(slot),
            (Base::Int, Base::Double, Slot::Double(slot)) => Op::DoubleOfInt(slot),
            (Base::Fixed(from), Base::Fixed(to), Slot::Fixed(slot)) if from.size == 16 && to.size == 16 => {
                same_name(&from.name, &to.name, &to.aliases)?;
                Op::Fixed(slot)
            }
            (Base::Enum(from), Base::Enum(to), Slot::Symbol(slot)) => {
                same_name(&from.name, &to.name, &to.aliases)?;
                Op::Symbol { slot, table: self.emitter.codes(codes(from, to, slot)?)? }
            }
            (Base::Array(from), Base::Array(to), Slot::Relays) => {
                return self.relays(writer.with(from), reader.with(to), path);
            }
            _ => {
                let kinds = (kind(writer.schema), kind(reader.schema));
                return Err(Mismatch::new(format!("{} cannot be read as {}", kinds.0, kinds.1)));
            }
        };
        self.emitter.op(op, path.name);
        Ok(())
    }

    /// The writer's union: each branch that can be read gets its instructions, each other one refuses its values.
    fn union(
        &mut self,
        writer: Typed<'a>,
        branches: &'a [Schema],
        reader: Typed<'a>,
        path: Path,
    ) -> Result<(), Mismatch> {
        let head = self.emitter.here()?;
        let first = self.emitter.union(branches.len(), path.name)?;
        let (mut jumps, mut refusal) = (Vec::new(), None);
        for (number, branch) in branches.iter().enumerate() {
            self.emitter.branch(usize::from(first) + number)?;
            let begin = self.emitter.here()?;
            if let Err(mismatch) = self.read(writer.with(branch), reader, path) {
                self.emitter.take_back(begin);
                self.emitter.op(Op::Refuse, path.name);
                refusal = refusal.or(Some(mismatch));
            } else {
                jumps.push(self.emitter.here()?);
                self.emitter.op(Op::Jump(0), path.name);
            }
        }
        if jumps.is_empty() {
            return Err(refusal.unwrap_or_else(|| Mismatch::new("a union without branches")));
        }
        if let [Schema::Null, _] = branches
            && let Some(op) = self.or_null(head)
        {
            self.emitter.take_back(head);
            self.emitter.op(op, path.name);
            return Ok(());
        }
        // The last branch ends where the union does.
        if let Some(last) = jumps.pop_if(|last| self.emitter.since(*last).len() == 1) {
            self.emitter.take_back(last);
        }
        let end = self.emitter.here()?;
        for jump in jumps {
            self.emitter.replace(jump, Op::Jump(end));
        }
        Ok(())
    }

    /// One instruction for what most unions are: null, or a value with nothing else to do.
    fn or_null(&self, head: u16) -> Option<Op> {
        match *self.emitter.since(head) {
            [_, Op::NoText(_), Op::Jump(_), Op::Text(slot), Op::Jump(_)] => Some(Op::TextOrNull(slot)),
            [_, Op::Jump(_), Op::Natural(slot), Op::Present(presence), Op::Jump(_)] => {
                Some(Op::NaturalOrNull { slot, presence })
            }
            [_, Op::Jump(_), Op::Double(slot), Op::Present(presence), Op::Jump(_)] => {
                Some(Op::DoubleOrNull { slot, presence })
            }
            [_, Op::Jump(_), Op::Fixed(slot), Op::Present(presence), Op::Jump(_)] => {
                Some(Op::FixedOrNull { slot, presence })
            }
            _ => None,
        }
    }

    fn record(
        &mut self,
        writer: Typed<'a>,
        from: &'a RecordSchema,
        reader: Typed<'a>,
        to: &'a RecordSchema,
        path: Path,
    ) -> Result<(), Mismatch> {
        // By our name, and then by our aliases; the writer's aliases do not count.
        let mut taken = HashMap::new();
        for (number, field) in to.fields.iter().enumerate() {
            let names = once(&field.name).chain(&field.aliases);
            let found = names.clone().find_map(|name| from.fields.iter().position(|it| it.name == *name));
            let place = inside(path, &field.name)?;
            match (found, &field.default) {
                (Some(place), _) => {
                    if taken.insert(place, number).is_some() {
                        return Err(Mismatch::new(format!("{} would be two fields", from.fields[place].name)));
                    }
                }
                (None, Some(default)) => self.default(reader.with(&field.schema), place, default)?,
                (None, None) => return Err(Mismatch::new(format!("{} is missing", place.name))),
            }
        }
        for (place, field) in from.fields.iter().enumerate() {
            let written = writer.with(&field.schema);
            match taken.get(&place).and_then(|number| to.fields.get(*number)) {
                Some(ours) => {
                    let place = inside(path, &ours.name)?;
                    let read = self.read(written, reader.with(&ours.schema), place);
                    read.map_err(|mismatch| mismatch.within(&ours.name))?;
                }
                None => {
                    let skip = self.skip(written)?;
                    self.emitter.op(Op::Skip(skip), NOT_OURS);
                }
            }
        }
        Ok(())
    }

    fn relays(&mut self, writer: Typed<'a>, reader: Typed<'a>, path: Path) -> Result<(), Mismatch> {
        let begin = self.emitter.here()?;
        self.emitter.op(Op::Relays { end: 0 }, path.name);
        // The items' fields lie below the array's own name.
        let (writer, reader) = (writer.dereferenced(self.writer_names)?, self.reader_type(reader)?);
        let item = Path { slot: Slot::Record, ..path };
        self.read(writer, reader, item)?;
        self.emitter.op(Op::Relay { begin }, path.name);
        let end = self.emitter.here()?;
        self.emitter.replace(begin, Op::Relays { end });
        Ok(())
    }

    /// The place of a type that is passed over.
    fn skip(&mut self, writer: Typed<'a>) -> Result<u16, Mismatch> {
        let writer = writer.dereferenced(self.writer_names)?;
        let name = writer.schema.name().map(|name| name.fully_qualified_name(writer.namespace).into_owned());
        if let Some(place) = name.as_ref().and_then(|name| self.skipped.get(name)) {
            return Ok(*place);
        }
        let place = self.emitter.skip()?;
        if let Some(name) = name {
            // Before what is inside: it may name itself.
            self.skipped.insert(name, place);
        }
        let mut all = |schemas: &mut dyn Iterator<Item = &'a Schema>| {
            schemas.map(|schema| self.skip(writer.with(schema))).collect::<Result<Vec<_>, _>>()
        };
        let skip = match base(writer.schema) {
            Base::Null => Skip::Null,
            Base::Boolean => Skip::Boolean,
            Base::Int => Skip::Int,
            Base::Long => Skip::Long,
            Base::Float => Skip::Bytes(4),
            Base::Double => Skip::Bytes(8),
            Base::Bytes => Skip::LengthAndBytes,
            Base::String => Skip::Text,
            Base::Fixed(fixed) => Skip::Bytes(fixed.size),
            Base::Enum(symbols) => Skip::Symbol(symbols.symbols.len()),
            Base::Array(item) => Skip::Array(self.skip(writer.with(item))?),
            Base::Map(item) => Skip::Map(self.skip(writer.with(item))?),
            Base::Union(union) => Skip::Union(all(&mut union.variants().iter())?),
            Base::Record(record) => Skip::Record(all(&mut record.fields.iter().map(|field| &field.schema))?),
        };
        self.emitter.set_skip(place, skip);
        Ok(place)
    }
}

/// Named types are the same where their names without namespace are, or where ours has the writer's as an alias.
fn same_name(writer: &Name, reader: &Name, aliases: &Aliases) -> Result<(), Mismatch> {
    let alias = aliases.iter().flatten().any(|alias| alias.name() == writer.name());
    if writer.name() == reader.name() || alias {
        Ok(())
    } else {
        Err(Mismatch::new(format!("{} is not {}", writer.name(), reader.name())))
    }
}

/// The table's number for each symbol of the writer: that of our symbol of the same name, or of our default.
fn codes(from: &EnumSchema, to: &EnumSchema, slot: u8) -> Result<Vec<u8>, Mismatch> {
    let known =
        |symbol: &String| code(slot, symbol).ok_or_else(|| Mismatch::new(format!("no column takes symbol {symbol}")));
    to.symbols.iter().try_for_each(|symbol| known(symbol).map(drop))?;
    from.symbols
        .iter()
        .map(|symbol| match (to.symbols.contains(symbol), &to.default) {
            (true, _) => known(symbol),
            (false, Some(default)) => known(default),
            (false, None) => Ok(NO_CODE),
        })
        .collect()
}
