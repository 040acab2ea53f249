"""The sockets of pages: events of chats and pictures, live."""
