//! The payload that `ping` and `bench` send: anybody who sees a message can verify it byte for byte.

/// Period of the letters.
const ALPHABET: usize = 26;
/// Bytes of the sequence number in front of the letters.
const SEQUENCE_LEN: usize = 4;

/// The most letters that one copy writes.
const CHUNK: usize = 1024;

/// Enough letters for one copy from any starting letter, so that the hot loop fills a payload with one memcpy
/// instead of one division per byte.
static LETTERS: [u8; CHUNK + ALPHABET] = {
    let mut letters = [0; CHUNK + ALPHABET];
    let mut i = 0;
    while i < letters.len() {
        letters[i] = b'a' + (i % ALPHABET) as u8;
        i += 1;
    }
    letters
};

/// The payload of the message with sequence number `sequence`, `size` bytes long.
///
/// The first four bytes are the sequence number, little-endian on every machine; byte `i` from 4 on is the
/// letter `'a' + (sequence + i) % 26`. A payload shorter than four bytes is the beginning of that.
///
/// ```
/// assert_eq!(nltest::pattern(1, 12), b"\x01\0\0\0fghijklm");
/// assert_eq!(nltest::pattern(0x0102, 2), b"\x02\x01");
/// ```
pub fn pattern(sequence: u32, size: usize) -> Vec<u8> {
    let mut payload = vec![0; size];
    fill_pattern(sequence, &mut payload);
    payload
}

/// Writes [`pattern`]`(sequence, payload.len())` into `payload` without allocating.
#[inline]
pub fn fill_pattern(sequence: u32, payload: &mut [u8]) {
    let number = sequence.to_le_bytes();
    match payload.split_first_chunk_mut::<SEQUENCE_LEN>() {
        Some((head, letters)) => {
            *head = number;
            let start = first_letter(sequence);
            if letters.len() <= CHUNK {
                letters.copy_from_slice(&LETTERS[start..start + letters.len()]);
            } else {
                fill_letters(start, letters);
            }
        }
        None => payload.copy_from_slice(&number[..payload.len()]),
    }
}

#[inline(never)]
fn fill_letters(mut start: usize, letters: &mut [u8]) {
    for chunk in letters.chunks_mut(CHUNK) {
        chunk.copy_from_slice(&LETTERS[start..start + chunk.len()]);
        start = (start + chunk.len()) % ALPHABET;
    }
}

/// Whether `payload` is [`pattern`]`(sequence, payload.len())`.
#[inline]
pub fn is_pattern(sequence: u32, payload: &[u8]) -> bool {
    let number = sequence.to_le_bytes();
    match payload.split_first_chunk::<SEQUENCE_LEN>() {
        Some((head, letters)) => {
            let start = first_letter(sequence);
            *head == number
                && if letters.len() <= CHUNK {
                    letters == &LETTERS[start..start + letters.len()]
                } else {
                    are_letters(start, letters)
                }
        }
        None => payload == &number[..payload.len()],
    }
}

#[inline(never)]
fn are_letters(mut start: usize, letters: &[u8]) -> bool {
    letters.chunks(CHUNK).all(|chunk| {
        let expected = &LETTERS[start..start + chunk.len()];
        start = (start + chunk.len()) % ALPHABET;
        chunk == expected
    })
}

/// The index of the letter at byte 4; in u64, because the sum may exceed `u32::MAX`.
const fn first_letter(sequence: u32) -> usize {
    ((sequence as u64 + SEQUENCE_LEN as u64) % ALPHABET as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_follows_the_documented_formula() {
        for sequence in [0, 1, 25, 26, 1000, u32::MAX - 3, u32::MAX] {
            for size in [0, 1, 3, 4, 5, 31, 32, 1023, 1024, 1028, 1029, 5000, 32_768] {
                let payload = pattern(sequence, size);
                assert_eq!(payload.len(), size);
                for (i, byte) in payload.iter().enumerate() {
                    let expected = match i {
                        0..4 => sequence.to_le_bytes()[i],
                        _ => b'a' + ((u64::from(sequence) + i as u64) % 26) as u8,
                    };
                    assert_eq!(*byte, expected, "sequence {sequence}, size {size}, byte {i}");
                }
                assert!(is_pattern(sequence, &payload));
            }
        }
    }

    #[test]
    fn one_changed_bit_is_noticed() {
        for size in [1, 4, 5, 32, 3000] {
            for i in [0, size / 2, size - 1] {
                let mut payload = pattern(7, size);
                payload[i] ^= 1;
                assert!(!is_pattern(7, &payload), "size {size}, byte {i}");
            }
        }
    }
}
