"""Text read aloud: which connections can, the voice of this site's pages, and the store of what was spoken."""

from providers.speech.voices import Voice, route_for, voice_for

__all__ = ["Voice", "route_for", "voice_for"]
