"""The Responses API, asked of a server that speaks chat completions."""
