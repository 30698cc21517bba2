//! The hostbits command.
fn main() {}
