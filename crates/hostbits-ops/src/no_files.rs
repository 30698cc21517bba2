//! For platforms without pool files: the one failure of everything that needs them.

use crate::lists::read::ReadList;
use crate::report::Sighted;
use crate::trouble::{Case, Kind, Place, Words};
use serde::{Serialize, Serializer};
use std::fmt;

/// Pool files are not supported on this platform.
#[derive(Debug)]
pub struct FilesFailure;

impl FilesFailure {
    pub(crate) fn place(&self) -> Place {
        Place::new(Kind::Platform, "unsupported", Case::Any)
    }

    pub(crate) fn words(&self) -> Words {
        Words::default()
    }

    pub(crate) fn file(&self) -> Option<&str> {
        None
    }

    pub(crate) fn set_and_member(&self) -> (Option<&str>, Option<&str>) {
        (None, None)
    }

    pub(crate) fn list(&self) -> Option<&ReadList> {
        None
    }

    pub(crate) fn sighted(&self) -> Option<(String, &Sighted)> {
        None
    }
}

impl fmt::Display for FilesFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pool files are not supported on this platform")
    }
}

impl Serialize for FilesFailure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.place().row.serialize(serializer)
    }
}
