"""Chat completions, asked of a server that speaks the Responses API."""
