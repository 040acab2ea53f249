"""Django's PostgreSQL backend with connections that are shared by the threads of a process (`pool`)."""
