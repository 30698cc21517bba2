//! Takes the barrier away: see `GateWord::look` of the library; and what the library's own script does.

#[path = "../../build.rs"]
mod library;

fn main() {
    println!("cargo::rustc-cfg=hostbits_without_barrier");
    println!("cargo::rerun-if-changed=../../build.rs");
    library::main();
}
