//! Parts of lines that are the same in many: what is known of a socket and its thread, a payload, how an
//! exchange ended. They are kept and written again.

use std::fmt;

use super::Object;

/// Texts that are kept of each part.
const KEPT: usize = 16;

/// Texts of a part, by all that they are made of.
pub(super) struct Repeated<K>([Option<(K, Vec<u8>)>; KEPT]);

impl<K> Default for Repeated<K> {
    fn default() -> Self {
        Self([const { None }; KEPT])
    }
}

impl<K> fmt::Debug for Repeated<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Repeated")
    }
}

impl<K: PartialEq> Repeated<K> {
    /// Appends fields to an object that has some, as `write` does, which uses nothing but the key. Equal keys
    /// have equal `hint`s.
    pub(super) fn write(
        &mut self,
        object: &mut Object<'_>,
        hint: u64,
        key: K,
        write: impl FnOnce(&mut Object<'_>),
    ) {
        let place = (hint.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60) as usize % KEPT;
        let kept = &mut self.0[place];
        if let Some((known, text)) = kept
            && *known == key
        {
            return object.again(text);
        }
        let from = object.place();
        write(object);
        let mut text = kept.take().map(|(_, text)| text).unwrap_or_default();
        text.clear();
        text.extend_from_slice(object.since(from));
        *kept = Some((key, text));
    }
}
