"""Text read aloud through a connection, with a cache of the sound."""

from providers.speech.clips import speak

__all__ = [
    "speak",
]
