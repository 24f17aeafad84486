"""One program, one subcommand per process."""
