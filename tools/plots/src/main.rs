//! Draws the benchmarks' data.
//!
//! `cargo run --release -p hostbits-plots` writes the figures of `docs/plots/data`, which has a directory for each
//! machine, and of `benches/instructions.txt` into the tables of the documents, and draws those of the machine that was
//! measured last into `docs/plots`. All of it is committed. `-- --update` first copies what the benches `ratios`, `rivals`
//! and `scaling` last wrote into the directory of their machine.

mod bars;
mod canvas;
mod data;
mod error;
mod lines;
mod look;
mod numbers;
mod options;
mod plots;
mod scale;
#[cfg(test)]
mod tests;

use data::Data;
use error::Error;
use options::Options;
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = Options::read(std::env::args_os().skip(1));
    match options.and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Error> {
    if options.update {
        data::update(&options::measured(), &options.data)?;
    }
    let data = Data::read(&options.data, &options.root)?;
    let pictures = plots::all(&data)?;
    data::create_dir(&options.out)?;
    for picture in pictures {
        let path = options.out.join(&picture.name);
        let written = std::fs::write(&path, &picture.svg);
        written.map_err(|source| Error::Write {
            path: path.clone(),
            source,
        })?;
        println!("written: {}", path.display());
    }
    numbers::write(&options.root, &data)
}
