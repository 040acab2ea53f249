"""The state of this process: waiting threads, unavailable services, clients that left, the stop of the process."""
