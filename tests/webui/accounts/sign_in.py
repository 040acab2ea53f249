"""Sign-in through the scripted provider with Django's test client."""

from typing import Any

from webui.models import User


def come_in(client: Any, openid: Any, **form: str) -> Any:
    """A browser that goes to the provider and comes back; the answer to its coming back."""
    away = client.post("/accounts/oidc/oidc/login/", form)
    assert away.status_code == 302, away.content.decode()
    return client.get(openid.authorize(away["Location"]))


def signed_in(client: Any) -> User | None:
    """The person who is signed in in this browser."""
    number = client.session.get("_auth_user_id")
    return User.objects.get(pk=number) if number else None
