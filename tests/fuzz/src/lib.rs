//! Fuzzing of what comes from outside. Targets are examples, which `cargo test` builds and does not run; `tests/fuzz/run` makes them
//! anew, with the coverage that libFuzzer looks at.
