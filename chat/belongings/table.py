"""The table of things that people have: `BELONGINGS` names their classes, in the order of pages and archives."""

from functools import lru_cache

from django.conf import settings
from django.utils.module_loading import import_string

from chat.belongings.base import Belonging


def all_of() -> tuple[Belonging, ...]:
    return _made(tuple(settings.BELONGINGS))


@lru_cache
def _made(paths: tuple[str, ...]) -> tuple[Belonging, ...]:
    return tuple(import_string(path)() for path in paths)


def names() -> list[str]:
    return [belonging.name for belonging in all_of()]
