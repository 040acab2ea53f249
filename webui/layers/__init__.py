"""The layers of the ASGI application: static files, Django on the event loop, middleware; and its shutdown."""
