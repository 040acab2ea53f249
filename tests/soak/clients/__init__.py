"""Clients by the hundred, and those that behave badly."""
