"""Reading what a model answered: frames, thinking, pictures, tool calls, JSON in a text."""
