//! Models of hostbits under loom: see `tests`.
