"""`POST /api/chat/completions`: a reply in a chat (in the background), or an answer to the caller (`direct`)."""
