"""Pictures in a chat: the handler in its pipeline, the tools for models, and improved prompts."""
