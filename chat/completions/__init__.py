"""`POST /api/chat/completions`: a reply in a chat, or an answer straight to the caller."""
