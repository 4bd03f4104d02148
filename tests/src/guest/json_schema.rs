//! Holds JSON against a schema of docs/schema: the keywords that those use, and no others.

use serde_json::{Map, Value};

/// `value` is what the schema says.
pub(crate) fn conforms(value: &Value, schema: &str) {
    all_conform(std::slice::from_ref(value), schema);
}

/// Each of them is what the schema says.
pub(crate) fn all_conform(values: &[Value], schema: &str) {
    let schema: Value = serde_json::from_str(schema).expect("a schema is JSON");
    values.iter().for_each(|value| check(value, &schema, &schema, "$"));
}

fn check(value: &Value, schema: &Value, root: &Value, place: &str) {
    let keywords = schema.as_object().unwrap_or_else(|| panic!("{place}: a schema is an object"));
    for (keyword, expected) in keywords {
        match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" => {}
            "oneOf" => check(value, one_of(root, expected, value, place), root, place),
            "$ref" => check(value, referred(root, expected), root, place),
            "type" => assert!(has_type(value, expected), "{place} is {value}, which is not {expected}"),
            "const" => assert_eq!(value, expected, "{place}"),
            "enum" => {
                let allowed = expected.as_array().is_some_and(|allowed| allowed.contains(value));
                assert!(allowed, "{place} is {value}, which is none of {expected}");
            }
            "minimum" => {
                let number = value.as_f64().zip(expected.as_f64());
                assert!(number.is_none_or(|(number, least)| number >= least), "{place} is {value}");
            }
            "required" => {
                for name in expected.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    let is_there = value.as_object().is_none_or(|fields| fields.contains_key(name));
                    assert!(is_there, "{place} has no {name}: {value}");
                }
            }
            "properties" => properties(value, expected, root, place),
            "additionalProperties" => {
                assert_eq!(*expected, false, "only that is understood");
                let known = keywords.get("properties").and_then(Value::as_object);
                for name in value.as_object().into_iter().flat_map(Map::keys) {
                    assert!(
                        known.is_some_and(|known| known.contains_key(name)),
                        "{place}.{name} is in no schema"
                    );
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(item, expected, root, &format!("{place}[{index}]"));
                }
            }
            other => panic!("{place}: the keyword {other} is not understood"),
        }
    }
}

/// The schema of the kind that a line says it is: lines of several kinds differ in `event`.
fn one_of<'a>(root: &'a Value, alternatives: &'a Value, value: &Value, place: &str) -> &'a Value {
    let kind = value.get("event").unwrap_or_else(|| panic!("{place} has no event: {value}"));
    let mut fitting = alternatives.as_array().into_iter().flatten().filter(|alternative| {
        let schema = alternative.get("$ref").map_or(*alternative, |reference| referred(root, reference));
        let event = schema.pointer("/properties/event").unwrap_or_else(|| panic!("{schema} has no event"));
        event.get("const") == Some(kind)
            || event.get("enum").and_then(Value::as_array).is_some_and(|all| all.contains(kind))
    });
    fitting.next().unwrap_or_else(|| panic!("{place} is a {kind}, which is in no schema"))
}

fn properties(value: &Value, properties: &Value, root: &Value, place: &str) {
    for (name, schema) in properties.as_object().into_iter().flatten() {
        if let Some(field) = value.get(name) {
            check(field, schema, root, &format!("{place}.{name}"));
        }
    }
}

fn referred<'a>(root: &'a Value, reference: &Value) -> &'a Value {
    let pointer = reference.as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| root.pointer(pointer)).unwrap_or_else(|| panic!("there is no {reference}"))
}

/// Whether it has the type, or one of several.
fn has_type(value: &Value, types: &Value) -> bool {
    match types {
        Value::Array(types) => types.iter().any(|one| has_type(value, one)),
        Value::String(name) => match name.as_str() {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("the type {other} is not understood"),
        },
        other => panic!("{other} is no type"),
    }
}

mod tests {
    use serde_json::json;

    use super::conforms;

    const SCHEMA: &str = r#"{"type":"object","required":["a"],"additionalProperties":false,
        "properties":{"a":{"type":["integer","null"]},"b":{"type":"array","items":{"$ref":"/$defs/x"}}}}"#;

    #[test]
    fn what_fits_passes() {
        conforms(&json!({"a": 1}), SCHEMA);
        conforms(&json!({"a": null, "b": []}), SCHEMA);
    }

    #[test]
    #[should_panic(expected = "$ has no a")]
    fn a_missing_field_fails() {
        conforms(&json!({"b": []}), SCHEMA);
    }

    #[test]
    #[should_panic(expected = "$.a is \"1\"")]
    fn another_type_fails() {
        conforms(&json!({"a": "1"}), SCHEMA);
    }

    #[test]
    #[should_panic(expected = "$.c is in no schema")]
    fn an_unknown_field_fails() {
        conforms(&json!({"a": 1, "c": 2}), SCHEMA);
    }
}
