//! Parse, run, exit code; nothing else.

fn main() -> std::process::ExitCode {
    shipgate::cli::run(std::env::args_os())
}
