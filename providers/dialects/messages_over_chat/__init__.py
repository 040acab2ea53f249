"""Anthropic's Messages API, over a server that speaks OpenAI's chat completions."""
