//! Where in a definition something is.

use std::fmt;
use std::rc::Rc;

/// Where a value is: `inject[2].path`. It is spelt out only for an error or a warning.
#[derive(Clone)]
pub(crate) enum Path<'json> {
    /// The whole definition.
    Top(Scrutiny),
    /// A field of the object at that path.
    Field(Rc<Path<'json>>, &'json str),
    /// An item of the list at that path.
    Item(Rc<Path<'json>>, usize),
}

/// How closely a definition is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scrutiny {
    /// Everything in it is checked.
    Full,
    /// It is bundled. What takes long to check was checked when this program was made: the tests
    /// parse each bundled definition with full scrutiny.
    Bundled,
}

impl<'json> Path<'json> {
    /// The path of a field of the definition itself.
    pub(crate) fn of_field(name: &'json str) -> Self {
        Self::Field(Rc::new(Self::Top(Scrutiny::Full)), name)
    }

    /// Whether it is in a bundled definition.
    pub(crate) fn is_bundled(&self) -> bool {
        match self {
            Self::Top(scrutiny) => *scrutiny == Scrutiny::Bundled,
            Self::Field(object, _) => object.is_bundled(),
            Self::Item(list, _) => list.is_bundled(),
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top(_) => formatter.write_str("the definition"),
            Self::Field(object, name) => match &**object {
                Self::Top(_) => formatter.write_str(name),
                object => write!(formatter, "{object}.{name}"),
            },
            Self::Item(list, index) => write!(formatter, "{list}[{index}]"),
        }
    }
}

impl From<Path<'_>> for String {
    fn from(path: Path<'_>) -> Self {
        path.to_string()
    }
}

impl From<&Path<'_>> for String {
    fn from(path: &Path<'_>) -> Self {
        path.to_string()
    }
}
