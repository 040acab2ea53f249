"""The OpenAPI schema of the API."""
