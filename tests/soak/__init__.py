"""What needs minutes, or much of a machine: `make soak` runs it, `make test` does not."""
