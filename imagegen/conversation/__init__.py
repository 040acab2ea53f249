"""Pictures in a chat: the handler in its pipeline, the tools for models, the prompt's enhancement."""
