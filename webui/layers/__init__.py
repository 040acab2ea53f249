"""What a request passes on its way in: static files, Django on the loop, middleware; and what a stop closes."""
