"""The store of browser sessions: Django's database store, with the tokens of a sign-in beside each session.

The tokens of single sign-on (`providers.sign_ins`) end with the session that holds their id, whatever ends it. A new
key for the same session (`cycle_key`) keeps them, because its content stays.
"""

from asgiref.sync import sync_to_async
from django.contrib.sessions.backends import db

from providers import sign_ins


class SessionStore(db.SessionStore):
    def save(self, must_create: bool = False) -> None:
        """Store the session, which extends its life and that of its tokens."""
        super().save(must_create)
        if (sign_in := sign_ins.of_session(self)) is not None:
            sign_ins.extend(sign_in, self.get_expiry_date())

    def flush(self) -> None:
        """Delete the session: at sign-out, when another person signs in, and after a change of the password."""
        if (sign_in := sign_ins.of_session(self)) is not None:
            sign_ins.forget(sign_in)
        super().flush()

    async def asave(self, must_create: bool = False) -> None:
        await sync_to_async(self.save)(must_create)

    async def aflush(self) -> None:
        await sync_to_async(self.flush)()
