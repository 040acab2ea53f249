"""Speech: the connections with speech models, the voice of this site's pages, and the cache of audio."""

from providers.speech.voices import Voice, route_for, voice_for

__all__ = ["Voice", "route_for", "voice_for"]
