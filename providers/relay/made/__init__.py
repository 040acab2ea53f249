"""Responses that a provider keeps: which connection made which, and the operations on one of them."""
