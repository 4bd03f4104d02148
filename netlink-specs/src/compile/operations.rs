//! Operations and their numbers, as tools/net/ynl/pyynl/lib/nlspec.py in the kernel's sources gives them out.

use zerocopy::little_endian::U16;

use super::{Compiler, Problem, find, index, range};
use crate::{
    document::{Call, Content, Operation},
    record::{Direction, NONE, OperationRecord, Range},
};

/// Bits of an operation's kind.
const DO: u8 = 1;
const DUMP: u8 = 2;
const NOTIFY: u8 = 4;

/// An operation in one direction, before its attributes have their place.
struct Half<'a> {
    operation: &'a Operation,
    value: u16,
    direction: Direction,
    kind: u8,
    set: Option<&'a String>,
    attributes: Vec<&'a str>,
}

impl<'a> Compiler<'a> {
    /// The operations' place.
    pub(super) fn operations(&mut self) -> Result<Range, Problem> {
        let mut halves = self.halves()?;
        halves.sort_by_key(|half| (half.direction, half.value));
        let first = self.table.operations.len();
        let mut last = None;
        for half in halves {
            let key = (half.direction, half.value);
            // A notification has the number of the answer that it looks like: the first counts, under the
            // notification's name, which says what happened.
            if last == Some(key) {
                if half.kind == NOTIFY
                    && let Some(record) = self.table.operations.last_mut()
                {
                    record.name = self.table.names.key(&half.operation.name);
                }
                continue;
            }
            last = Some(key);
            let record = self.record(&half)?;
            self.table.operations.push(record);
        }
        range(first, self.table.operations.len(), "operations")
    }

    fn record(&mut self, half: &Half<'_>) -> Result<OperationRecord, Problem> {
        let (document, place) = (self.document, &half.operation.name);
        let header = half.operation.fixed_header.as_ref().or(document.operations.fixed_header.as_ref());
        let set = find(&self.sets, half.set, "attribute set", place)?;
        let first = self.table.lists.len();
        for number in self.numbers(set, &half.attributes) {
            self.table.lists.push(U16::new(number));
        }
        let header = find(&self.structs, header, "struct", place)?;
        self.tell_apart(header, set);
        Ok(OperationRecord {
            name: self.table.names.key(place),
            value: U16::new(half.value),
            direction: half.direction as u8,
            kind: half.kind,
            set: U16::new(set),
            header: U16::new(header),
            attributes: range(first, self.table.lists.len(), place)?,
        })
    }

    /// The numbers of attributes by name; those that the set does not have are left out.
    fn numbers(&self, set: u16, names: &[&str]) -> Vec<u16> {
        let Some(set) = self.table.sets.get(usize::from(set)).filter(|_| set != NONE) else {
            return Vec::new();
        };
        let first = usize::from(set.attributes.first.get());
        let attributes = &self.table.attributes[first..first + usize::from(set.attributes.count.get())];
        let known: Vec<_> =
            attributes.iter().map(|attribute| (attribute.name, attribute.value.get())).collect();
        let mut numbers = Vec::new();
        for name in names {
            let Some(text) = self.table.names.find_key(name) else { continue };
            let number = known.iter().find(|(name, _)| *name == text).map(|(_, number)| *number);
            numbers.extend(number.filter(|number| !numbers.contains(number)));
        }
        numbers
    }

    fn halves(&self) -> Result<Vec<Half<'a>>, Problem> {
        let document = self.document;
        let directional = document.operations.enum_model.as_deref() == Some("directional");
        let (mut request, mut reply) = (1, 1);
        let mut halves = Vec::new();
        for operation in &document.operations.list {
            let place = &operation.name;
            let number =
                |number: &Option<_>| number.as_ref().map(|number| self.number(number, place)).transpose();
            let own = number(&operation.value)?;
            let calls = [(operation.act.as_ref(), DO), (operation.dump.as_ref(), DUMP)];
            let is_call = calls.iter().any(|(call, _)| call.is_some());
            if !directional {
                request = own.unwrap_or(request);
                reply = request;
            } else if is_call {
                let call = operation.act.as_ref().or(operation.dump.as_ref());
                let value =
                    |content: Option<&Content>| content.map_or(Ok(None), |content| number(&content.value));
                request = value(call.and_then(|call| call.request.as_ref()))?.or(own).unwrap_or(request);
                reply = value(call.and_then(|call| call.reply.as_ref()))?.unwrap_or(reply);
            } else {
                reply = own.unwrap_or(reply);
            }
            let mut half = |value: i64, direction, kind, set, attributes| -> Result<(), Problem> {
                let value = index(usize::try_from(value).unwrap_or(usize::MAX), place)?;
                halves.push(Half { operation, value, direction, kind, set, attributes });
                Ok(())
            };
            let set = operation.attribute_set.as_ref();
            if is_call {
                let kind = calls.iter().filter(|(call, _)| call.is_some()).map(|(_, kind)| kind).sum();
                let attributes = |content: fn(&Call) -> Option<&Content>| {
                    let contents = calls.iter().filter_map(|(call, _)| content((*call)?));
                    contents.flat_map(|content| &content.attributes).map(String::as_str).collect()
                };
                half(request, Direction::Request, kind, set, attributes(|call| call.request.as_ref()))?;
                let answers = calls.iter().any(|(call, _)| call.is_some_and(|call| call.reply.is_some()));
                if answers {
                    half(reply, Direction::Reply, kind, set, attributes(|call| call.reply.as_ref()))?;
                }
                if directional {
                    let first = operation.act.as_ref().or(operation.dump.as_ref());
                    reply += i64::from(first.is_some_and(|call| call.reply.is_some()));
                }
                request += 1;
            } else {
                let (set, attributes) = self.announced(operation);
                half(reply, Direction::Reply, NOTIFY, set.or(operation.attribute_set.as_ref()), attributes)?;
                reply += 1;
                request += i64::from(!directional);
            }
        }
        Ok(halves)
    }

    /// Set and attributes of a notification: those of the answer that it looks like.
    fn announced(&self, operation: &'a Operation) -> (Option<&'a String>, Vec<&'a str>) {
        if let Some(event) = &operation.event {
            return (None, event.attributes.iter().map(String::as_str).collect());
        }
        let list = &self.document.operations.list;
        let model = operation.notify.as_ref().and_then(|name| list.iter().find(|other| other.name == *name));
        let Some(model) = model else { return (None, Vec::new()) };
        let replies = [&model.act, &model.dump].into_iter().flatten().filter_map(|call| call.reply.as_ref());
        let attributes = replies.flat_map(|content| &content.attributes).map(String::as_str).collect();
        (model.attribute_set.as_ref(), attributes)
    }
}
