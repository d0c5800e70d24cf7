//! Bodies of rows: a few numbers and texts one behind the other, read where they stand.

/// A body that is being written.
#[derive(Debug, Default)]
pub struct Body(Vec<u8>);

impl Body {
    /// Adds a number.
    pub fn number(&mut self, number: u64) -> &mut Self {
        let mut rest = number;
        while rest > 0x7f {
            self.0.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        self.0.push(rest.to_le_bytes()[0]);
        self
    }

    /// Adds a text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Returns the bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// What is left to be read of a body, in the order in which it was written. Behind its end there are zeros
/// and empty texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed<'i>(&'i [u8]);

impl<'i> Packed<'i> {
    /// Returns the beginning of a body.
    pub fn of(body: &'i [u8]) -> Self {
        Self(body)
    }

    /// Reads a number.
    pub fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0_u64, 0_u32);
        while let Some((byte, rest)) = self.0.split_first() {
            self.0 = rest;
            number |= u64::from(byte & 0x7f)
                .checked_shl(shift)
                .unwrap_or_default();
            if byte & 0x80 == 0 {
                break;
            }
            shift += 7;
        }
        number
    }

    /// Reads a text.
    pub fn text(&mut self) -> &'i str {
        let length = usize::try_from(self.number()).unwrap_or(usize::MAX);
        let (text, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        std::str::from_utf8(text).unwrap_or_default()
    }

    /// Passes over a text.
    pub fn skip_text(&mut self) {
        let length = usize::try_from(self.number()).unwrap_or(usize::MAX);
        self.0 = &self.0[length.min(self.0.len())..];
    }
}
