"""The chat's pages."""
