"""Stored secrets: those of rows, which belong to one address, and the tokens of a sign-in that waits."""
