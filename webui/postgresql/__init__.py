"""Django's PostgreSQL backend, with connections from a pool that the threads of a process share."""
