"""Chat completions, asked of a server that speaks Anthropic's Messages API."""
