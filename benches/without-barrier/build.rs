//! Takes the barrier away: see `GateWord::look` of the library.

fn main() {
    println!("cargo::rustc-cfg=hostbits_without_barrier");
    println!("cargo::rerun-if-changed=build.rs");
}
