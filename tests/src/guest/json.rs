//! Reading JSON in tests: a field that is missing or has another type fails the test and names itself.

use serde_json::Value;

/// Fields by JSON pointer.
pub(crate) trait Json {
    /// The value at `pointer`, which must exist; it may be null.
    fn at(&self, pointer: &str) -> &Value;

    /// A number that is not negative.
    fn number(&self, pointer: &str) -> u64 {
        let value = self.at(pointer);
        value.as_u64().unwrap_or_else(|| panic!("{pointer} is {value}, not a natural number"))
    }

    /// A text.
    fn text(&self, pointer: &str) -> &str {
        let value = self.at(pointer);
        value.as_str().unwrap_or_else(|| panic!("{pointer} is {value}, not a text"))
    }

    /// An array.
    fn list(&self, pointer: &str) -> &[Value] {
        let value = self.at(pointer);
        value.as_array().unwrap_or_else(|| panic!("{pointer} is {value}, not an array"))
    }
}

impl Json for Value {
    fn at(&self, pointer: &str) -> &Value {
        self.pointer(pointer).unwrap_or_else(|| panic!("there is no {pointer} in {self}"))
    }
}
