"""Stored secrets: rows whose secrets are for one address, and the tokens of single sign-on."""
