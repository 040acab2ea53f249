"""How providers are spoken to: addresses, headers, model lists, event streams, the bodies of their errors."""
