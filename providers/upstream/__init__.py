"""The protocols of providers: addresses, headers, model lists, event streams, error bodies."""
