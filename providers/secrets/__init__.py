"""Stored secrets: those of rows, which belong to one address, and the tokens of single sign-on."""
