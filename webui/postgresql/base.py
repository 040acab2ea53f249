"""The database backend: Django looks for it in a module of this name."""

from webui.postgresql._django_private import DatabaseWrapper

__all__ = ["DatabaseWrapper"]
