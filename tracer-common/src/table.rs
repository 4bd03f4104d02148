//! The macros that make one line of a table into a number, a name and whatever else is known of it, for both
//! sides.

/// An enum whose variants are numbered in their order, with their names.
macro_rules! numbered {
    (
        $(#[$type_doc:meta])*
        $type:ident {
            $($(#[$doc:meta])* $variant:ident = $name:literal,)+
        }
    ) => {
        $(#[$type_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $type {
            $($(#[$doc])* $variant,)+
        }

        impl $type {
            /// All of them, in the order of their numbers.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// Its number.
            #[inline(always)]
            pub const fn number(self) -> usize {
                self as usize
            }

            /// The one with this number; None: there is none.
            pub const fn from_number(number: u8) -> Option<Self> {
                if (number as usize) < Self::COUNT { Some(Self::ALL[number as usize]) } else { None }
            }

            /// Its name, in output and on the command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}
pub(crate) use numbered;
