//! The trace hash: 64-bit FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo; RFC 9923), eight bytes at once,
//! over every event and action with its virtual time. Two runs with the same hash did the same.
//!
//! What is hashed is what a journal would hold: the values that `serde` writes, without the names
//! of the fields.

use serde::Serialize;
use serde::de::value::Error;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use sortline_core::{Action, Edge, Event};

/// A running hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trace(u64);

impl Trace {
    pub(crate) const fn new() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }

    /// The hash so far.
    pub(crate) const fn hash(self) -> u64 {
        self.0
    }

    /// One event the core was fed.
    pub(crate) fn event(&mut self, now_us: u64, event: &Event) {
        self.number(now_us);
        // The most frequent ones by their numbers, which is faster still.
        if let Event::Belt { at } = event {
            self.number(1 << 40 | u64::from(at.0));
        } else if let Event::Eye { eye, edge, at } = event {
            let edge = u64::from(*edge == Edge::Blocked);
            self.number(2 << 40 | edge << 39 | u64::from(at.0));
            self.number(eye.0.into());
        } else {
            self.value(event);
        }
    }

    /// One action the core wanted.
    pub(crate) fn action(&mut self, now_us: u64, action: &Action) {
        self.number(now_us);
        self.value(action);
    }

    /// A number, eight bytes at once: FNV-1a's step over a wider word.
    const fn number(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01B3);
        // A multiplication only carries upwards; the shift brings the high bits down.
        self.0 = mixed ^ (mixed >> 29);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.number(u64::from_le_bytes(*word));
        }
        for byte in rest {
            self.number((*byte).into());
        }
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) {
        // Writing into a hash never fails.
        let written = value.serialize(self);
        debug_assert!(written.is_ok());
    }

    fn length(&mut self, length: Option<usize>) {
        self.number(length.map_or(u64::MAX, |n| u64::try_from(n).unwrap_or(u64::MAX)));
    }
}

/// Numbers of one kind are hashed as a word.
macro_rules! numbers {
    ($($method:ident($kind:ty) $convert:expr;)*) => {
        $(fn $method(self, value: $kind) -> Result<(), Error> {
            self.number($convert(value));
            Ok(())
        })*
    };
}

impl Serializer for &mut Trace {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    numbers! {
        serialize_bool(bool) u64::from;
        serialize_u8(u8) u64::from;
        serialize_u16(u16) u64::from;
        serialize_u32(u32) u64::from;
        serialize_u64(u64) u64::from;
        serialize_char(char) u64::from;
        serialize_i8(i8) |n| i64::from(n).cast_unsigned();
        serialize_i16(i16) |n| i64::from(n).cast_unsigned();
        serialize_i32(i32) |n| i64::from(n).cast_unsigned();
        serialize_i64(i64) i64::cast_unsigned;
        serialize_f32(f32) |n| f64::from(n).to_bits();
        serialize_f64(f64) f64::to_bits;
    }

    fn serialize_str(self, text: &str) -> Result<(), Error> {
        self.bytes(text.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes(bytes);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.number(0);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.number(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
    ) -> Result<(), Error> {
        self.serialize_u32(index)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.number(index.into());
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, Error> {
        self.length(length);
        Ok(self)
    }

    fn serialize_tuple(self, _length: usize) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _length: usize) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self, Error> {
        self.number(index.into());
        Ok(self)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self, Error> {
        self.length(length);
        Ok(self)
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self, Error> {
        self.number(index.into());
        Ok(self)
    }
}

/// A compound value is the sequence of its parts.
macro_rules! parts {
    ($($kind:ident $method:ident($($key:ty)?);)*) => {
        $(impl $kind for &mut Trace {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $(_key: $key,)?
                value: &T,
            ) -> Result<(), Error> {
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), Error> {
                Ok(())
            }
        })*
    };
}

parts! {
    SerializeSeq serialize_element();
    SerializeTuple serialize_element();
    SerializeTupleStruct serialize_field();
    SerializeTupleVariant serialize_field();
    SerializeStruct serialize_field(&'static str);
    SerializeStructVariant serialize_field(&'static str);
}

impl SerializeMap for &mut Trace {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        key.serialize(&mut **self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sortline_core::{EyeId, Ticks};

    use super::*;

    #[test]
    fn time_and_every_member_count() {
        let eye = |eye, edge, at| Event::Eye {
            eye: EyeId(eye),
            edge,
            at: Ticks(at),
        };
        let cases = [
            (1, eye(1, Edge::Blocked, 5)),
            (2, eye(1, Edge::Blocked, 5)),
            (1, eye(2, Edge::Blocked, 5)),
            (1, eye(1, Edge::Clear, 5)),
            (1, eye(1, Edge::Blocked, 6)),
            (1, Event::Belt { at: Ticks(5) }),
            (1, Event::Stop { active: true }),
        ];
        let mut hashes: Vec<u64> = cases
            .iter()
            .map(|(now, event)| {
                let mut trace = Trace::new();
                trace.event(*now, event);
                trace.hash()
            })
            .collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), cases.len());
    }
}
