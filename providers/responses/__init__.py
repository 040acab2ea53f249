"""What this site sends to programs: server-sent events, and errors in the shape that each client expects."""
