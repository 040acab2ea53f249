"""Thumbs on answers, with reasons: one of each person and message. Administrators see them by model."""
