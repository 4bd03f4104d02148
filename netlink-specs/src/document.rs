//! A specification as it is written: `Documentation/netlink/netlink-raw.yaml` in the kernel's sources is the
//! schema. Sentences and what only generators of C need are left out; keys that are not known are passed
//! over.
//!
//! Beyond the schema, `display-hint` may be one of [`Hint`](crate::Hint)'s own.

use serde::{Deserialize, Deserializer, de};

/// A file could not be understood.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DocumentError(Box<serde_saphyr::Error>);

/// One specification.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Document {
    /// The family's name. Of several documents with one name the later ones add to the first.
    pub name: String,
    /// The number of a family that is not generic netlink's.
    pub protonum: Option<u8>,
    #[serde(default)]
    pub(crate) definitions: Vec<Definition>,
    #[serde(default)]
    pub(crate) attribute_sets: Vec<AttributeSet>,
    #[serde(default)]
    pub(crate) sub_messages: Vec<SubMessage>,
    #[serde(default)]
    pub(crate) operations: Operations,
    #[serde(default)]
    pub(crate) mcast_groups: Groups,
}

impl Document {
    /// Reads a file's text.
    ///
    /// # Errors
    /// [`DocumentError`] with line and column where the text is no YAML or no specification.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        // `no` and `off` are names of enums' entries.
        let options = serde_saphyr::options! { strict_booleans: true };
        serde_saphyr::from_str_with_options(text, options).map_err(|error| DocumentError(Box::new(error)))
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Definition {
    pub(crate) name: String,
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
    pub(crate) value: Option<Number>,
    pub(crate) value_start: Option<Number>,
    #[serde(default)]
    pub(crate) entries: Vec<Entry>,
    #[serde(default)]
    pub(crate) members: Vec<Attribute>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct AttributeSet {
    pub(crate) name: String,
    pub(crate) subset_of: Option<String>,
    #[serde(default)]
    pub(crate) attributes: Vec<Attribute>,
}

/// An attribute, or a member of a struct.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Attribute {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) value: Option<Number>,
    pub(crate) byte_order: Option<String>,
    pub(crate) multi_attr: Option<bool>,
    pub(crate) nested_attributes: Option<String>,
    #[serde(rename = "enum")]
    pub(crate) enumeration: Option<String>,
    pub(crate) enum_as_flags: Option<bool>,
    pub(crate) sub_type: Option<String>,
    pub(crate) display_hint: Option<String>,
    #[serde(rename = "struct")]
    pub(crate) structure: Option<String>,
    pub(crate) sub_message: Option<String>,
    pub(crate) selector: Option<String>,
    pub(crate) type_value: Option<Vec<String>>,
    /// Bytes of a struct's member.
    pub(crate) len: Option<Number>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct SubMessage {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) formats: Vec<Format>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Format {
    #[serde(deserialize_with = "word")]
    pub(crate) value: String,
    pub(crate) fixed_header: Option<String>,
    pub(crate) attribute_set: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Operations {
    pub(crate) enum_model: Option<String>,
    pub(crate) fixed_header: Option<String>,
    #[serde(default)]
    pub(crate) list: Vec<Operation>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) value: Option<Number>,
    pub(crate) attribute_set: Option<String>,
    pub(crate) fixed_header: Option<String>,
    #[serde(rename = "do")]
    pub(crate) act: Option<Call>,
    pub(crate) dump: Option<Call>,
    pub(crate) notify: Option<String>,
    pub(crate) event: Option<Content>,
}

/// What is sent and what comes back.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Call {
    pub(crate) request: Option<Content>,
    pub(crate) reply: Option<Content>,
}

/// One direction of an operation: the attributes that belong into it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Content {
    pub(crate) value: Option<Number>,
    #[serde(default)]
    pub(crate) attributes: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Groups {
    #[serde(default)]
    pub(crate) list: Vec<Group>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) value: Option<Number>,
}

/// A number, or the name of a constant, or of one less one: `XT_MAX - 1`.
#[derive(Clone, Debug)]
pub(crate) enum Number {
    Known(i64),
    Constant(String),
}

/// An entry of an enum or of flags.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) value: Option<Number>,
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Number;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number or the name of a constant")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number::Known(number.cast_signed()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Number, E> {
                Ok(Number::Known(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                Ok(Number::Constant(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Full {
            #[serde(deserialize_with = "word")]
            name: String,
            value: Option<Number>,
        }

        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Entry;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the name of an entry, or name and value")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Entry, E> {
                Ok(Entry { name: text.to_owned(), value: None })
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Entry, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_bool<E: de::Error>(self, word: bool) -> Result<Entry, E> {
                self.visit_str(if word { "true" } else { "false" })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Entry, A::Error> {
                let Full { name, value } = Full::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Entry { name, value })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A name, also where YAML takes it for something else.
fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Visitor;
    impl de::Visitor<'_> for Visitor {
        type Value = String;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a name")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<String, E> {
            Ok(number.to_string())
        }

        fn visit_bool<E: de::Error>(self, word: bool) -> Result<String, E> {
            Ok(word.to_string())
        }
    }
    deserializer.deserialize_any(Visitor)
}
