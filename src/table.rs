//! Tables beside enums: the name of each variant, and its number in a file.
//!
//! Each row is written once. The functions generated from rows are exhaustive, so a variant without a row does not
//! compile, and two rows with the same name or number are an unreachable pattern.

/// Generates `ALL` and `name` from one row per variant. For a variant with a value, `ALL` contains an example.
///
/// `plain` is for enums without values, whose name says everything: it also generates display, serialization and
/// parsing.
macro_rules! names {
    ($vis:vis $enum:ident { $($variant:ident $(($value:expr))? = $name:literal),+ $(,)? }) => {
        impl $enum {
            /// One value of every variant.
            $vis const ALL: [Self; [$($name),+].len()] = [$(Self::$variant $(($value))?),+];

            /// Returns the name, which is stable and in kebab case.
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
            /// Parses a name; returns `None` if there is no such variant.
            #[must_use]
            $vis fn of_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        /// Writes the name.
        impl std::fmt::Display for $enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        /// Serializes the name.
        #[cfg(feature = "serde")]
        impl serde::Serialize for $enum {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }
    };
}

/// Generates `number` and `of_number` from one row per variant. Numbers are stored in files, and must never be reused.
/// With `all`, also generates `ALL`, for an enum without names.
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
            /// Returns the number in the file.
            pub(crate) const fn number(self) -> $int {
                match self {
                    $(Self::$variant => $number,)+
                }
            }

            /// Returns the variant with this number in a file; `None` if this version does not know it.
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
