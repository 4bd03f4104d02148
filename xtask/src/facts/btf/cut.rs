//! Which types are kept, and how much of each.
//!
//! A type that is reached by value is kept whole, so that every offset and size is the kernel's. One that is
//! only pointed to is kept by its name, as a forward declaration, unless the table wants it; what has no name
//! becomes `void`.

use std::collections::HashMap;

use super::{Id, Type, Word, entries, entry_name, kind, referred};
use crate::facts::wanted::{Wanted, matches};

/// How much of a type is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Extent {
    Nothing,
    /// Enough for a pointer to it.
    Name,
    Whole,
}

/// Those of `types` that are wanted and what they consist of, renumbered and in their order.
pub(in crate::facts) fn cut<'a>(types: &[Type<'a>], wanted: &Wanted<'_>) -> Vec<Type<'a>> {
    let mut cutter = Cutter { types, wanted, extents: vec![Extent::Nothing; types.len() + 1] };
    for (id, ty) in (1..).zip(types) {
        if is_root(ty, wanted) {
            cutter.keep(id, Extent::Whole);
        }
    }
    cutter.keep_tags();
    cutter.kept()
}

fn is_root(ty: &Type<'_>, wanted: &Wanted<'_>) -> bool {
    let is_one_of = |patterns: &[&str]| patterns.iter().any(|pattern| matches(pattern, ty.name));
    match ty.kind {
        kind::STRUCT => is_one_of(wanted.structs) || wanted.members_of(ty.name).is_some(),
        kind::FUNC => is_one_of(wanted.functions),
        kind::TYPEDEF => is_one_of(wanted.typedefs),
        kind::ENUM | kind::ENUM64 => has_values(ty, wanted),
        _ => false,
    }
}

/// Whether an enum's values are wanted, by its name or that of one of them.
fn has_values(ty: &Type<'_>, wanted: &Wanted<'_>) -> bool {
    wanted.enums.contains(&ty.name)
        || ty.name.is_empty() && entries(ty).any(|value| wanted.enumerators.contains(&entry_name(value)))
}

/// Whether a member has one of these names, or has no name and one of its own members has.
fn is_or_holds(types: &[Type<'_>], member: &[Word<'_>], names: &[&str]) -> bool {
    let name = entry_name(member);
    let holds = |id: Id| {
        let ty = (id as usize).checked_sub(1).and_then(|index| types.get(index));
        ty.filter(|ty| ty.name.is_empty() && matches!(ty.kind, kind::STRUCT | kind::UNION))
            .is_some_and(|ty| entries(ty).any(|member| is_or_holds(types, member, names)))
    };
    names.contains(&name) || name.is_empty() && referred(member).any(holds)
}

struct Cutter<'t, 'a, 'w> {
    types: &'t [Type<'a>],
    wanted: &'t Wanted<'w>,
    /// By id.
    extents: Vec<Extent>,
}

impl<'t, 'a> Cutter<'t, 'a, '_> {
    fn get(&self, id: Id) -> Option<&'t Type<'a>> {
        self.types.get((id as usize).checked_sub(1)?)
    }

    /// Keeps a type and what belongs to it.
    fn keep(&mut self, id: Id, extent: Extent) {
        // Types may refer to each other in a circle, and chains of them are long: no recursion.
        let mut waiting = vec![(id, extent)];
        while let Some((id, extent)) = waiting.pop() {
            let Some(ty) = self.get(id) else { continue };
            let known = &mut self.extents[id as usize];
            if *known >= extent {
                continue;
            }
            *known = extent;
            let parts = |extent| referred(&ty.tail).map(move |id| (id, extent));
            let target =
                |extent| referred(std::slice::from_ref(&ty.size_or_type)).map(move |id| (id, extent));
            match ty.kind {
                kind::PTR => waiting.extend(target(Extent::Name)),
                kind::STRUCT | kind::UNION if extent == Extent::Whole => {
                    let members = self.members(ty);
                    waiting.extend(members.flat_map(referred).map(|id| (id, extent)));
                }
                kind::FUNC_PROTO if extent == Extent::Whole => {
                    waiting.extend(target(extent).chain(parts(extent)));
                }
                kind::STRUCT | kind::UNION | kind::FUNC_PROTO => {}
                // A raw tracepoint's arguments are those of the function that its type points to.
                kind::TYPEDEF if is_root(ty, self.wanted) => {
                    waiting.extend(target(extent));
                    waiting.extend(self.prototype(ty).map(|id| (id, Extent::Whole)));
                }
                _ => waiting.extend(target(extent).chain(parts(extent))),
            }
        }
    }

    /// The function prototype behind a typedef of a pointer to one.
    fn prototype(&self, ty: &Type<'_>) -> Option<Id> {
        let target = |ty: &Type<'_>| referred(std::slice::from_ref(&ty.size_or_type)).next();
        let pointer = self.get(target(ty)?).filter(|pointer| pointer.kind == kind::PTR)?;
        let id = target(pointer)?;
        self.get(id).filter(|ty| ty.kind == kind::FUNC_PROTO).map(|_| id)
    }

    /// Tags of what is kept: they refer to it, not it to them.
    fn keep_tags(&mut self) {
        for (id, ty) in (1..).zip(self.types).filter(|(_, ty)| ty.kind == kind::DECL_TAG) {
            let mut tagged = referred(std::slice::from_ref(&ty.size_or_type));
            if tagged.all(|id| self.extent(id) == Extent::Whole) && ty.tail == [Word::Number(u32::MAX)] {
                self.extents[id as usize] = Extent::Whole;
            }
        }
    }

    fn extent(&self, id: Id) -> Extent {
        self.extents.get(id as usize).copied().unwrap_or(Extent::Nothing)
    }

    /// The members of a struct or union that are kept; those without a name for what lies in them.
    fn members(&self, ty: &'t Type<'a>) -> impl Iterator<Item = &'t [Word<'a>]> + use<'t, 'a> {
        let only = match ty.kind {
            kind::STRUCT => self.wanted.members_of(ty.name),
            _ => None,
        };
        let only: Option<Vec<&str>> = only.map(<[&str]>::to_vec);
        let types = self.types;
        entries(ty).filter(move |member| only.as_ref().is_none_or(|only| is_or_holds(types, member, only)))
    }

    /// What stands for a type when it is written.
    fn written(&self, id: Id, ty: &'t Type<'a>) -> Option<Type<'a>> {
        let is_aggregate = matches!(ty.kind, kind::STRUCT | kind::UNION);
        match self.extent(id) {
            Extent::Nothing => None,
            Extent::Name if is_aggregate && ty.name.is_empty() || ty.kind == kind::FUNC_PROTO => None,
            Extent::Name if is_aggregate => Some(Type {
                kind: kind::FWD,
                flag: ty.kind == kind::UNION,
                size_or_type: Word::Number(0),
                tail: Vec::new(),
                ..*ty
            }),
            Extent::Name | Extent::Whole => Some(match ty.kind {
                kind::STRUCT | kind::UNION => {
                    Type { tail: self.members(ty).flatten().copied().collect(), ..*ty }
                }
                // Its size tells where the next member is; its values are nobody's offset.
                kind::ENUM | kind::ENUM64 if !has_values(ty, self.wanted) => Type { tail: Vec::new(), ..*ty },
                _ => ty.clone(),
            }),
        }
    }

    fn kept(&self) -> Vec<Type<'a>> {
        let mut kept: Vec<Type<'a>> = Vec::new();
        let mut declared = HashMap::new();
        // Where a type is not written, pointers to it are pointers to void.
        let mut numbers: Vec<Id> = vec![0; self.extents.len()];
        for (id, ty) in (1..).zip(self.types) {
            let Some(ty) = self.written(id, ty) else { continue };
            let next = kept.len() as Id + 1;
            let number = match ty.kind {
                // One declaration of a name is enough.
                kind::FWD => *declared.entry((ty.name, ty.flag)).or_insert(next),
                _ => next,
            };
            numbers[id as usize] = number;
            if number == next {
                kept.push(ty);
            }
        }
        for ty in &mut kept {
            for word in std::iter::once(&mut ty.size_or_type).chain(&mut ty.tail) {
                if let Word::Type(id) = word {
                    *id = numbers.get(*id as usize).copied().unwrap_or(0);
                }
            }
        }
        kept
    }
}
