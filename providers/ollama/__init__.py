"""Servers that speak Ollama's own protocol: what they list and have loaded, for programs; their models, for admins."""
