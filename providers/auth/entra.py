"""Microsoft Entra ID: a token of this machine's own identity, found by `DefaultAzureCredential`.

That looks at environment variables, workload identity, managed identity and the Azure tools, in this order. A token
lives about an hour and is kept here; renewal begins five minutes before the end, by one thread, while the others go on
with the old one.
"""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from providers import runtime
from providers.auth.base import AuthField, AuthType, Who
from providers.errors import ConfigurationError

SCOPE = "https://cognitiveservices.azure.com/.default"
RENEW_SECONDS = 300.0  # before the end
FAILURE_SECONDS = 15.0  # a failure is not repeated for so long: looking everywhere takes many seconds

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Kept:
    """One scope's token, and the last failure."""

    token: str = field(default="", repr=False)
    ends: float = 0.0  # seconds since the epoch
    failure: str = ""
    failed: float = float("-inf")  # on the monotonic clock
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


class Tokens:
    """The tokens of this process, one per scope."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._credential: Any = None
        self._lock = threading.Lock()

    def token(self, scope: str) -> str:
        """A token that is valid for a while. Blocks while the first one is fetched; raises ConfigurationError."""
        with self._lock:
            kept = self._kept.setdefault(scope, _Kept())
        now = time.time()
        if kept.ends - now > RENEW_SECONDS:
            return kept.token
        valid = kept.ends - now > 0
        if not kept.lock.acquire(blocking=not valid):
            return kept.token  # another thread renews it
        try:
            return self._renewed(kept, scope, valid=valid)
        finally:
            kept.lock.release()

    def _renewed(self, kept: _Kept, scope: str, *, valid: bool) -> str:
        if kept.ends - time.time() > RENEW_SECONDS:
            return kept.token  # the one before us fetched it
        if time.monotonic() - kept.failed > FAILURE_SECONDS:
            try:
                fetched = self._ask(scope)
            except ConfigurationError as error:
                kept.failure, kept.failed = error.provider, time.monotonic()
                if not valid:
                    raise
            else:
                kept.token, kept.ends = fetched.token, float(fetched.expires_on)
                return kept.token
        if valid:
            return kept.token
        raise _unavailable(kept.failure)

    def _ask(self, scope: str) -> Any:
        from azure.core.exceptions import AzureError  # slow to import, and most sites never need it
        from azure.identity import DefaultAzureCredential

        with self._lock:
            if self._credential is None:
                self._credential = DefaultAzureCredential(exclude_interactive_browser_credential=True)
        try:
            return self._credential.get_token(scope)
        except (AzureError, ValueError) as error:
            logger.warning("No Entra ID token: %s", error)
            raise _unavailable(str(error).strip().partition("\n")[0][:300]) from error

    def close(self) -> None:
        if self._credential is not None:
            self._credential.close()


def _unavailable(words: str) -> ConfigurationError:
    return ConfigurationError(
        _("This machine has no Microsoft Entra ID identity that may be used here."),
        code="entra_unavailable",
        provider=words,
    )


class AzureAd(AuthType):
    name = "azure_ad"
    label = _("Microsoft Entra ID")
    help = _(
        "Uses this machine's managed identity or the AZURE_… variables. It needs the role Cognitive Services User."
    )
    fields = (
        AuthField(
            "scope",
            _("Scope"),
            help=_("Leave empty for https://cognitiveservices.azure.com/.default; newer resources also take "
                   "https://ai.azure.com/.default."),
        ),
    )  # fmt: skip
    blocking = True

    def headers(self, secret: str, options: Mapping[str, Any], who: Who) -> dict[str, str]:
        scope = str(options.get("scope") or SCOPE).strip()
        return {"Authorization": f"Bearer {runtime.state(Tokens).token(scope)}"}


class MicrosoftEntraId(AzureAd):
    """The newer name of the same type."""

    name = "microsoft_entra_id"
    label = _("Microsoft Entra ID (newer name)")
