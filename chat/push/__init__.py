"""Web Push: tell the devices of a person that something is ready, when nobody looks at a page of theirs.

devices.py   which devices there are
keys.py      the key pair of this site, and encrypted messages
looking.py   whether a person looks at a page
ready.py     what is told, and how it is sent
"""

from chat.push.ready import answer_ready, picture_ready

__all__ = ["answer_ready", "picture_ready"]
