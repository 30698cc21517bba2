//! The real binary, from the outside: standard output, standard error and exit code.

mod bad_input;
mod example;
mod help;
mod info;
mod options;
mod run;
mod streams;
mod users_file;
