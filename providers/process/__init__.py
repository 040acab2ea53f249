"""What this process has and knows: waiting threads, the file store, outages, clients that left, its own shutdown."""
