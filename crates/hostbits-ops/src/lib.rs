//! What the faces of hostbits share.

mod lists;
mod map;
mod text;

pub use lists::name::{ListName, unreadable};
pub use lists::read::{ReadList, ReadToEnd};
pub use lists::records::UserRecords;
pub use map::{Line, Map};
pub use text::{Named, net_of, printable, printable_path};
