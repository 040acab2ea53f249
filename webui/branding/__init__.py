"""The site's own name, logo and accent."""
