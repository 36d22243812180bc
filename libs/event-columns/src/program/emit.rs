//! Puts a program together.

use super::skip::Skip;
use super::{Mismatch, Op, Program};

/// Number of a symbol that none of ours stands for.
pub(super) const NO_CODE: u8 = u8::MAX;

/// A program that grows.
#[derive(Debug, Default)]
pub(super) struct Emitter {
    program: Program,
}

fn index(length: usize) -> Result<u16, Mismatch> {
    u16::try_from(length).map_err(|_| Mismatch::new("the schema is too large"))
}

impl Emitter {
    pub(super) fn into_program(self) -> Program {
        self.program
    }

    /// Appends an instruction that is about `field`.
    pub(super) fn op(&mut self, op: Op, field: &'static str) {
        self.program.ops.push(op);
        self.program.fields.push(field);
    }

    /// Where the next instruction will stand.
    pub(super) fn here(&self) -> Result<u16, Mismatch> {
        index(self.program.ops.len())
    }

    /// The instructions from there on.
    pub(super) fn since(&self, begin: u16) -> &[Op] {
        self.program.ops.get(usize::from(begin)..).unwrap_or_default()
    }

    /// Takes back all instructions from there on.
    pub(super) fn take_back(&mut self, begin: u16) {
        self.program.ops.truncate(begin.into());
        self.program.fields.truncate(begin.into());
    }

    /// Puts another instruction in the place of one.
    pub(super) fn replace(&mut self, place: u16, op: Op) {
        if let Some(there) = self.program.ops.get_mut(usize::from(place)) {
            *there = op;
        }
    }

    /// Appends the head of a union; gives the index of its first jump, to be set with [`Self::branch`].
    pub(super) fn union(&mut self, branches: usize, field: &'static str) -> Result<u16, Mismatch> {
        let first = index(self.program.jumps.len())?;
        self.program.jumps.extend(std::iter::repeat_n(0, branches));
        index(self.program.jumps.len())?;
        let branches = u8::try_from(branches).map_err(|_| Mismatch::new("a union has too many branches"))?;
        self.op(Op::Union { first, branches }, field);
        Ok(first)
    }

    /// The branch of this jump begins here.
    pub(super) fn branch(&mut self, jump: usize) -> Result<(), Mismatch> {
        let here = self.here()?;
        if let Some(target) = self.program.jumps.get_mut(jump) {
            *target = here;
        }
        Ok(())
    }

    pub(super) fn codes(&mut self, codes: Vec<u8>) -> Result<u16, Mismatch> {
        self.program.codes.push(codes);
        index(self.program.codes.len() - 1)
    }

    pub(super) fn number(&mut self, number: u64) -> Result<u16, Mismatch> {
        self.program.numbers.push(number);
        index(self.program.numbers.len() - 1)
    }

    pub(super) fn fixed(&mut self, bytes: [u8; 16]) -> Result<u16, Mismatch> {
        self.program.fixed.push(bytes);
        index(self.program.fixed.len() - 1)
    }

    pub(super) fn text(&mut self, text: &str) -> Result<u16, Mismatch> {
        let length = |bytes: usize| u32::try_from(bytes).map_err(|_| Mismatch::new("a default is too long"));
        self.program.text_places.push((length(self.program.texts.len())?, length(text.len())?));
        self.program.texts.extend_from_slice(text.as_bytes());
        index(self.program.text_places.len() - 1)
    }

    /// Room for a type that is passed over; filled with [`Self::set_skip`].
    pub(super) fn skip(&mut self) -> Result<u16, Mismatch> {
        self.program.skips.push(Skip::Null);
        index(self.program.skips.len() - 1)
    }

    pub(super) fn set_skip(&mut self, place: u16, skip: Skip) {
        if let Some(there) = self.program.skips.get_mut(usize::from(place)) {
            *there = skip;
        }
    }
}
