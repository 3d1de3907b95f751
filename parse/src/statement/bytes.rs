//! Bytes seen by a SQL lexer: their classes, and words measured and folded sixteen bytes at a time.
//!
//! Pure functions over bytes; knows neither tokens nor dialects beyond the classes' names.

/// Zero bytes that follow a text, so that sixteen bytes can be read at any of its positions.
pub(super) const PADDING: usize = 24;

/// What a token that begins with this byte may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Class {
    /// White space and control bytes; the padding after the text too.
    Space,
    Word,
    Digit,
    /// `'`
    Quote,
    /// `"`
    DoubleQuote,
    /// `` ` ``
    Backtick,
    Dot,
    Comma,
    Open,
    Close,
    OpenSquare,
    CloseSquare,
    Semicolon,
    Colon,
    Dollar,
    Question,
    At,
    Hash,
    Minus,
    Slash,
    Star,
    /// Any other byte an operator is made of, and stray punctuation.
    Operator,
}

/// The class of every byte.
pub(super) static CLASS: [Class; 256] = classes();

/// May be inside a word: letters, digits, `_`, `$`, everything that is not ASCII.
#[inline]
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// White space of either dialect, or another control byte, which no statement needs.
#[inline]
pub(super) fn is_space(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f
}

/// The eight bytes at a position of a padded text; zeros beyond its end.
#[inline]
pub(super) fn eight(text: &[u8], position: usize) -> u64 {
    match text.get(position..).and_then(|rest| rest.first_chunk::<8>()) {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => 0,
    }
}

/// The first bytes of a word in lower case, zeros behind its end: what keywords are found by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) low: u64,
    pub(super) high: u64,
}

impl Head {
    /// Sixteen bytes of a padded text, as far as they belong to a word; the length of that.
    #[inline]
    pub(super) fn read(text: &[u8], position: usize) -> (Head, usize) {
        let Some(chunk) = text.get(position..).and_then(|rest| rest.first_chunk::<16>()) else {
            return (Head { low: 0, high: 0 }, 0);
        };
        // Written as loops over arrays of a fixed size, which compilers turn into a few vector instructions.
        let mut outside = [0u8; 16];
        let mut folded = [0u8; 16];
        for index in 0..16 {
            let byte = chunk[index];
            let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
            let digit = byte.wrapping_sub(b'0') < 10;
            let word = letter | digit | (byte == b'_') | (byte == b'$') | (byte >= 0x80);
            outside[index] = if word { 0 } else { 0xff };
            folded[index] = byte | if byte.wrapping_sub(b'A') < 26 { 0x20 } else { 0 };
        }
        let outside = u128::from_le_bytes(outside);
        let folded = u128::from_le_bytes(folded);
        // All the bits below the first byte outside: those of the word.
        let inside = outside.wrapping_sub(1) & !outside;
        let word = folded & inside;
        let length = (outside.trailing_zeros() / 8) as usize;
        (
            Head {
                low: word as u64,
                high: (word >> 64) as u64,
            },
            length,
        )
    }

    pub(super) const fn of(word: &[u8]) -> Head {
        let (mut low, mut high) = (0, 0);
        let mut index = 0;
        while index < word.len() && index < 16 {
            let byte = word[index].to_ascii_lowercase() as u64;
            if index < 8 {
                low |= byte << (8 * index);
            } else {
                high |= byte << (8 * (index - 8));
            }
            index += 1;
        }
        Head { low, high }
    }
}

/// The index of the first byte equal to either, or 8.
#[inline]
pub(super) fn first_of(eight: u64, one: u8, other: u8) -> usize {
    (((equal(eight, one) | equal(eight, other)) & HIGH).trailing_zeros() / 8) as usize
}

const HIGH: u64 = repeat(0x80);

const fn repeat(byte: u8) -> u64 {
    byte as u64 * 0x0101_0101_0101_0101
}

/// The high bit of every byte that equals `byte`; the other bits are noise.
#[inline]
fn equal(eight: u64, byte: u8) -> u64 {
    let difference = eight ^ repeat(byte);
    !(((difference & !HIGH) + repeat(0x7f)) | difference)
}

const fn classes() -> [Class; 256] {
    let mut classes = [Class::Operator; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            0..=b' ' | 0x7f => Class::Space,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => Class::Word,
            b'0'..=b'9' => Class::Digit,
            b'\'' => Class::Quote,
            b'"' => Class::DoubleQuote,
            b'`' => Class::Backtick,
            b'.' => Class::Dot,
            b',' => Class::Comma,
            b'(' => Class::Open,
            b')' => Class::Close,
            b'[' => Class::OpenSquare,
            b']' => Class::CloseSquare,
            b';' => Class::Semicolon,
            b':' => Class::Colon,
            b'$' => Class::Dollar,
            b'?' => Class::Question,
            b'@' => Class::At,
            b'#' => Class::Hash,
            b'-' => Class::Minus,
            b'/' => Class::Slash,
            b'*' => Class::Star,
            _ => Class::Operator,
        };
        byte += 1;
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_measured_and_folded_like_byte_by_byte() {
        for byte in 0..=255 {
            for place in 0..16 {
                let mut bytes = *b"aZ_9$\xff0zQ\x80bCd_Ez";
                bytes[place] = byte;
                let (head, length) = Head::read(&bytes, 0);
                assert_eq!(
                    length,
                    if is_word(byte) { 16 } else { place },
                    "{byte} at {place}"
                );
                assert!(head == Head::of(&bytes[..length]), "{byte} at {place}");
            }
        }
    }

    #[test]
    fn bytes_are_found_like_byte_by_byte() {
        for byte in 0..=255 {
            for place in 0..8 {
                let mut bytes = *b"aZ_\\$\xff0z";
                bytes[place] = byte;
                let found = bytes
                    .iter()
                    .position(|&other| other == byte || other == b'\\')
                    .unwrap_or(8);
                assert_eq!(
                    first_of(u64::from_le_bytes(bytes), byte, b'\\'),
                    found,
                    "{byte} at {place}"
                );
            }
        }
    }
}
