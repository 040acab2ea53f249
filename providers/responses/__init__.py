"""Responses of this site for programs: server-sent events, and errors in the shape that each client expects."""
