//! The hostile child, alone: see the library.

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    std::process::exit(probe::main(&args));
}
