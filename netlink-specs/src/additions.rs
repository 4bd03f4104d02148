//! Documents that add to another of the same name: attributes, operations, hints that it lacks.

use crate::document::{Attribute, AttributeSet, Definition, Document, Operation, SubMessage};

/// Puts documents of one name together, in the order in which they come.
pub(crate) fn merge(documents: Vec<Document>) -> Vec<Document> {
    let mut merged: Vec<Document> = Vec::new();
    for document in documents {
        match merged.iter_mut().find(|known| known.name == document.name) {
            Some(known) => add(known, document),
            None => merged.push(document),
        }
    }
    merged
}

fn add(to: &mut Document, from: Document) {
    to.protonum = from.protonum.or(to.protonum);
    for definition in from.definitions {
        match to.definitions.iter_mut().find(|known| known.name == definition.name) {
            Some(known) => add_definition(known, definition),
            None => to.definitions.push(definition),
        }
    }
    for set in from.attribute_sets {
        match to.attribute_sets.iter_mut().find(|known| known.name == set.name) {
            Some(known) => add_attributes(known, set),
            None => to.attribute_sets.push(set),
        }
    }
    for message in from.sub_messages {
        match to.sub_messages.iter_mut().find(|known| known.name == message.name) {
            Some(known) => add_formats(known, message),
            None => to.sub_messages.push(message),
        }
    }
    to.operations.fixed_header = from.operations.fixed_header.or(to.operations.fixed_header.take());
    for operation in from.operations.list {
        match to.operations.list.iter_mut().find(|known| known.name == operation.name) {
            Some(known) => add_operation(known, operation),
            None => to.operations.list.push(operation),
        }
    }
    to.mcast_groups.list.extend(from.mcast_groups.list);
}

fn add_definition(to: &mut Definition, from: Definition) {
    to.entries.extend(from.entries);
    // A struct all of whose members have a type is a whole one: the first has a mistake.
    if !from.members.is_empty() && from.members.iter().all(|member| member.kind.is_some()) {
        to.members = from.members;
        return;
    }
    for member in from.members {
        match to.members.iter_mut().find(|known| known.name == member.name) {
            Some(known) => add_attribute(known, member),
            None => to.members.push(member),
        }
    }
}

fn add_attributes(to: &mut AttributeSet, from: AttributeSet) {
    for attribute in from.attributes {
        match to.attributes.iter_mut().find(|known| known.name == attribute.name) {
            Some(known) => add_attribute(known, attribute),
            None => to.attributes.push(attribute),
        }
    }
}

fn add_formats(to: &mut SubMessage, from: SubMessage) {
    for format in from.formats {
        to.formats.retain(|known| known.value != format.value);
        to.formats.push(format);
    }
}

fn add_operation(to: &mut Operation, from: Operation) {
    to.value = from.value.or(to.value.take());
    to.attribute_set = from.attribute_set.or(to.attribute_set.take());
    to.fixed_header = from.fixed_header.or(to.fixed_header.take());
    to.act = from.act.or(to.act.take());
    to.dump = from.dump.or(to.dump.take());
}

/// What `from` says counts.
pub(crate) fn add_attribute(to: &mut Attribute, from: Attribute) {
    to.kind = from.kind.or(to.kind.take());
    to.value = from.value.or(to.value.take());
    to.byte_order = from.byte_order.or(to.byte_order.take());
    to.multi_attr = from.multi_attr.or(to.multi_attr);
    to.nested_attributes = from.nested_attributes.or(to.nested_attributes.take());
    to.enumeration = from.enumeration.or(to.enumeration.take());
    to.enum_as_flags = from.enum_as_flags.or(to.enum_as_flags);
    to.sub_type = from.sub_type.or(to.sub_type.take());
    to.display_hint = from.display_hint.or(to.display_hint.take());
    to.structure = from.structure.or(to.structure.take());
    to.sub_message = from.sub_message.or(to.sub_message.take());
    to.selector = from.selector.or(to.selector.take());
    to.type_value = from.type_value.or(to.type_value.take());
    to.len = from.len.or(to.len.take());
}
