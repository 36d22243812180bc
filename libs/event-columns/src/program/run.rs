//! Runs a program over one body: instruction by instruction into the places of a staged row.

use super::emit::NO_CODE;
use super::skip::skip;
use super::{Op, Program};
use crate::cursor::{Cursor, Fault};
use crate::refusal::Refusal;
use crate::slots::{fixed, number, presence, text};
use crate::stage::{Lanes, Span, StagedRelay};

/// What a program reads, and where to.
pub(crate) struct Reading<'a> {
    pub(crate) body: &'a [u8],
    /// Where the body will stand in the bytes that spans point into; the program's default texts stand behind it.
    pub(crate) begin: usize,
    pub(crate) lanes: &'a mut Lanes,
    /// Relays of a whole row are appended.
    pub(crate) relays: &'a mut Vec<StagedRelay>,
    pub(crate) row: usize,
}

/// What failed, and at which instruction.
struct Failed {
    fault: Fault,
    at: usize,
}

/// Reads a body into the places of its row. Gives which values that may be absent are there.
///
/// # Errors
/// When the body is not what the writer's schema says. Places and relays are then without meaning.
#[inline]
pub(crate) fn run(program: &Program, reading: &mut Reading<'_>) -> Result<u32, Refusal> {
    match execute(program, reading) {
        Ok((present, [])) => Ok(present),
        Ok((_, rest)) => Err(Refusal::TrailingBytes(rest.len())),
        Err(failed) => Err(Refusal::unreadable(program.fields.get(failed.at).copied().unwrap_or(""), failed.fault)),
    }
}

#[expect(clippy::too_many_lines, reason = "one arm an instruction")]
#[inline(always)]
fn execute<'a>(program: &Program, reading: &mut Reading<'a>) -> Result<(u32, &'a [u8]), Failed> {
    let Reading { body, begin, lanes, relays, row } = reading;
    let (body_end, row) = (*begin + body.len(), *row);
    // A stage's bytes are far below 4 GiB.
    #[expect(clippy::cast_possible_truncation, reason = "a stage is bounded")]
    let span = |text: &[u8], rest: &[u8]| Span {
        begin: (body_end - rest.len() - text.len()) as u32,
        length: text.len() as u32,
    };
    let mut cursor = Cursor { rest: body };
    let (mut at, mut present, mut items_left) = (0, 0_u32, 0_u64);
    // Items that take no bytes must not be counted for ever.
    let mut items_allowed = body.len() as u64;
    macro_rules! attempt {
        ($read:expr) => {
            match $read {
                Ok(read) => read,
                Err(fault) => return Err(Failed { fault, at }),
            }
        };
    }
    macro_rules! natural {
        ($slot:expr) => {{
            let number = attempt!(cursor.long());
            if number < 0 {
                return Err(Failed { fault: Fault::Negative, at });
            }
            lanes.set_number($slot, row, number.cast_unsigned());
        }};
    }
    while let Some(op) = program.ops.get(at) {
        match *op {
            Op::Text(slot) => {
                let text = attempt!(cursor.text());
                lanes.set_text(slot, row, span(text, cursor.rest));
            }
            Op::TextOrNull(slot) => {
                let text = if attempt!(cursor.is_there()) {
                    let text = attempt!(cursor.text());
                    span(text, cursor.rest)
                } else {
                    Span::NONE
                };
                lanes.set_text(slot, row, text);
            }
            Op::Natural(slot) => natural!(slot),
            Op::NaturalOrNull { slot, presence } => {
                if attempt!(cursor.is_there()) {
                    natural!(slot);
                    present |= 1 << presence;
                }
            }
            Op::NaturalInt(slot) => {
                let number = attempt!(cursor.int());
                lanes.set_number(slot, row, attempt!(u64::try_from(number).map_err(|_| Fault::Negative)));
            }
            Op::Time(slot) => lanes.set_number(slot, row, attempt!(cursor.long()).cast_unsigned()),
            Op::TimeInt(slot) => lanes.set_number(slot, row, i64::from(attempt!(cursor.int())).cast_unsigned()),
            Op::Port(slot) => {
                let port = attempt!(cursor.int());
                lanes.set_number(slot, row, u64::from(attempt!(u16::try_from(port).map_err(|_| Fault::NoPort))));
            }
            Op::Double(slot) => lanes.set_number(slot, row, u64::from_le_bytes(*attempt!(cursor.array()))),
            Op::DoubleOrNull { slot, presence } => {
                if attempt!(cursor.is_there()) {
                    lanes.set_number(slot, row, u64::from_le_bytes(*attempt!(cursor.array())));
                    present |= 1 << presence;
                }
            }
            Op::Float(slot) => {
                let number = f64::from(f32::from_le_bytes(*attempt!(cursor.array())));
                lanes.set_number(slot, row, number.to_bits());
            }
            // As Avro has it: the nearest double.
            #[expect(clippy::cast_precision_loss, reason = "Avro's own promotion")]
            Op::DoubleOfLong(slot) => lanes.set_number(slot, row, (attempt!(cursor.long()) as f64).to_bits()),
            Op::DoubleOfInt(slot) => lanes.set_number(slot, row, f64::from(attempt!(cursor.int())).to_bits()),
            Op::Fixed(slot) => lanes.set_fixed(slot, row, *attempt!(cursor.array())),
            Op::FixedOrNull { slot, presence } => {
                if attempt!(cursor.is_there()) {
                    lanes.set_fixed(slot, row, *attempt!(cursor.array()));
                    present |= 1 << presence;
                }
            }
            Op::Symbol { slot, table } => {
                let symbol = usize::try_from(attempt!(cursor.int())).unwrap_or(usize::MAX);
                let code = program.codes.get(usize::from(table)).and_then(|codes| codes.get(symbol)).copied();
                match code {
                    Some(code) if code != NO_CODE => lanes.set_symbol(slot, row, code),
                    _ => return Err(Failed { fault: Fault::NoSymbol, at }),
                }
            }
            Op::Present(presence) => present |= 1 << presence,
            Op::NoText(slot) => lanes.set_text(slot, row, Span::NONE),
            Op::EmptyText(slot) => lanes.set_text(slot, row, Span::EMPTY),
            Op::DefaultText { slot, index } => {
                let (begin, length) = program.text_places.get(usize::from(index)).copied().unwrap_or_default();
                #[expect(clippy::cast_possible_truncation, reason = "a stage is bounded")]
                let begin = begin + body_end as u32;
                lanes.set_text(slot, row, Span { begin, length });
            }
            Op::DefaultNumber { slot, index } => {
                lanes.set_number(slot, row, program.numbers.get(usize::from(index)).copied().unwrap_or_default());
            }
            Op::DefaultFixed { slot, index } => {
                lanes.set_fixed(slot, row, program.fixed.get(usize::from(index)).copied().unwrap_or_default());
            }
            Op::DefaultSymbol { slot, code } => lanes.set_symbol(slot, row, code),
            Op::Union { first, branches } => {
                let branch = usize::try_from(attempt!(cursor.long())).unwrap_or(usize::MAX);
                if branch >= usize::from(branches) {
                    return Err(Failed { fault: Fault::NoBranch, at });
                }
                at = usize::from(program.jumps.get(usize::from(first) + branch).copied().unwrap_or(u16::MAX));
                continue;
            }
            Op::Jump(target) => {
                at = target.into();
                continue;
            }
            Op::Refuse => return Err(Failed { fault: Fault::OtherBranch, at }),
            Op::Relays { end } => {
                items_left = attempt!(cursor.block());
                if items_left == 0 {
                    at = end.into();
                    continue;
                }
                items_allowed = attempt!(items_allowed.checked_sub(items_left).ok_or(Fault::TooManyItems));
            }
            Op::Relay { begin } => {
                let bit = 1 << presence::RELAY_IP;
                relays.push(StagedRelay {
                    name: lanes.text(text::RELAY_NAME, row),
                    ip: (present & bit != 0).then(|| lanes.fixed(fixed::RELAY_IP, row)),
                    // Held against its range where it was read.
                    port: u16::try_from(lanes.number(number::RELAY_PORT, row)).unwrap_or_default(),
                });
                present &= !bit;
                items_left -= 1;
                at = usize::from(begin) + usize::from(items_left > 0);
                continue;
            }
            Op::Skip(place) => cursor.rest = attempt!(skip(&program.skips, place, cursor)),
        }
        at += 1;
    }
    Ok((present, cursor.rest))
}
