"""The resources and state of this process: waiting threads, file store, outages, disconnected clients, shutdown."""
