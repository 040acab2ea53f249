"""The shared cache: used with Redis, empty without it, never an error."""

import pytest
from django.core.cache import caches

from tests.people import PASSWORD
from tests.upstream import unused_port


def cache_at(settings, url):
    settings.CACHES = {
        "default": {
            "BACKEND": "webui.cache.SiteRedisCache",
            "LOCATION": url,
            "KEY_PREFIX": "t",
            "OPTIONS": {"socket_connect_timeout": 1},
        }
    }
    return caches["default"]


def test_with_redis_it_is_an_ordinary_cache(settings, redis_url):
    cache = cache_at(settings, redis_url)
    cache.set("a", [1, 2])
    assert cache.get("a") == [1, 2]
    assert not cache.add("a", 3)
    cache.set("n", 1)
    assert cache.incr("n", 2) == 3
    assert cache.get_many(["a", "b"]) == {"a": [1, 2]}


def test_without_redis_it_is_empty(settings, caplog):
    cache = cache_at(settings, f"redis://127.0.0.1:{unused_port()}/0")
    cache.set("a", 1)
    assert cache.get("a", "nothing") == "nothing"
    assert cache.add("a", 1)
    assert cache.get_many(["a"]) == {}
    assert "a" not in cache
    assert cache.delete("a") is False
    assert cache.get_or_set("a", lambda: 5) == 5
    assert len([record for record in caplog.records if record.name == "webui.cache"]) <= 1


@pytest.mark.django_db
def test_people_sign_in_while_redis_is_away(settings, client, alice):
    cache_at(settings, f"redis://127.0.0.1:{unused_port()}/0")
    answer = client.post("/accounts/login/", {"login": alice.email, "password": PASSWORD})
    assert answer.status_code == 302
