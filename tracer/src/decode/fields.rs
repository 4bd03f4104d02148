//! Values by name, whatever family they are of: a family that is understood needs no change in any renderer.

use super::{
    Field,
    payload::{generic, nltest},
};

/// The fields of a message, in the order in which it has them.
#[derive(Clone, Debug)]
pub struct Fields<'a>(Source<'a>);

#[derive(Clone, Debug)]
enum Source<'a> {
    Nltest(nltest::Fields<'a>),
    Generic(generic::Fields<'a>),
}

impl<'a> Fields<'a> {
    /// What follows the fields and is not understood; None where there is no such part.
    pub fn rest(&self) -> Option<&'a [u8]> {
        match &self.0 {
            Source::Nltest(_) => None,
            Source::Generic(fields) => Some(fields.rest()),
        }
    }
}

impl<'a> From<nltest::Fields<'a>> for Fields<'a> {
    fn from(fields: nltest::Fields<'a>) -> Self {
        Self(Source::Nltest(fields))
    }
}

impl<'a> From<generic::Fields<'a>> for Fields<'a> {
    fn from(fields: generic::Fields<'a>) -> Self {
        Self(Source::Generic(fields))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        match &mut self.0 {
            Source::Nltest(fields) => fields.next(),
            Source::Generic(fields) => fields.next(),
        }
    }
}
