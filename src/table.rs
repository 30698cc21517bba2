//! Tables beside enums: the name of each variant, and its number in a file.
//!
//! Rows are written once. What is made of them is exhaustive, so a variant without a row does not compile, and
//! two rows of one name or number are an unreachable pattern.

/// `ALL` and `name`, out of one row per variant. One that holds a value has an example of it in `ALL`.
///
/// `plain` is for enums without values, whose name says everything: they are shown, serialised and read by it.
macro_rules! names {
    ($vis:vis $enum:ident { $($variant:ident $(($value:expr))? = $name:literal),+ $(,)? }) => {
        impl $enum {
            /// One value of every variant.
            $vis const ALL: [Self; [$($name),+].len()] = [$(Self::$variant $(($value))?),+];

            /// The name: stable, in kebab case.
            #[must_use]
            $vis const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $name,)+
                }
            }
        }
    };
    (plain $vis:vis $enum:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        $crate::table::names! { $vis $enum { $($variant = $name),+ } }

        impl $enum {
            /// Reads a name.
            #[must_use]
            $vis fn of_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        /// The name.
        impl std::fmt::Display for $enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        /// The name.
        #[cfg(feature = "serde")]
        impl serde::Serialize for $enum {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }
    };
}

/// `number` and `of_number`, out of one row per variant: the numbers in a file, never to be used again. `all`: and `ALL`,
/// for an enum without names.
macro_rules! numbers {
    (all $enum:ident: $int:ty { $($variant:ident = $number:literal),+ $(,)? }) => {
        $crate::table::numbers! { $enum: $int { $($variant = $number),+ } }

        impl $enum {
            /// Every variant.
            pub(crate) const ALL: [Self; [$($number),+].len()] = [$(Self::$variant),+];
        }
    };
    ($enum:ident: $int:ty { $($variant:ident = $number:literal),+ $(,)? }) => {
        impl $enum {
            /// The number in the file.
            pub(crate) const fn number(self) -> $int {
                match self {
                    $(Self::$variant => $number,)+
                }
            }

            /// The variant of a number in a file; `None` if this version knows none.
            pub(crate) const fn of_number(number: $int) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use names;
pub(crate) use numbers;
