"""Whether a person looks at a page of this site. The pages say so over their sockets, again and again."""

from django.core.cache import cache

SECONDS = 60  # after which a page that says nothing more is not looked at
LONGEST = 40  # characters of the name that a page gives itself


def note(user_id: object, tab: str, *, visible: bool) -> None:
    """A page is looked at, or no longer: then another page that is looked at counts on."""
    if visible:
        cache.set(_key(user_id), tab[:LONGEST], SECONDS)
    elif cache.get(_key(user_id)) == tab[:LONGEST]:
        cache.delete(_key(user_id))


def is_looking(user_id: object) -> bool:
    return cache.get(_key(user_id)) is not None


def _key(user_id: object) -> str:
    return f"push-looking:{user_id}"
