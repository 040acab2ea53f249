"""Microsoft Entra ID: a token of this machine's own identity, from `DefaultAzureCredential`.

That tries environment variables, workload identity, managed identity and the Azure tools, in this order. A token is
valid for about an hour and cached here. Five minutes before it expires one thread renews it; others use the old one.
"""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy

from providers import runtime
from providers.auth.base import AuthField, AuthType, CallerIdentity
from providers.errors import ConfigurationError
from providers.process import waiting
from providers.sentences import sentence as _

SCOPE = "https://cognitiveservices.azure.com/.default"
RENEW_SECONDS = 300.0  # before the token expires
FAILURE_SECONDS = 15.0  # until the next try after a failure, which takes many seconds itself

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _ScopeToken:
    """The token of one scope, and the last failure."""

    value: str = field(default="", repr=False)
    ends: float = 0.0  # seconds since the epoch
    failure: str = ""
    failed: float = float("-inf")  # on the monotonic clock
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


class Tokens:
    """The tokens of this process, one per scope."""

    def __init__(self) -> None:
        self._by_scope: dict[str, _ScopeToken] = {}
        self._credential: Any = None
        self._lock = threading.Lock()

    def token(self, scope: str) -> str:
        """A valid token. Blocks while the first one is fetched. Raises ConfigurationError without one."""
        with self._lock:
            token = self._by_scope.setdefault(scope, _ScopeToken())
        now = time.time()
        if token.ends - now > RENEW_SECONDS:
            return token.value
        valid = token.ends - now > 0
        if not valid:
            waiting.give_back()
        if not token.lock.acquire(blocking=not valid):
            return token.value  # another thread renews it
        try:
            return self._renewed(token, scope, valid=valid)
        finally:
            token.lock.release()

    def _renewed(self, token: _ScopeToken, scope: str, *, valid: bool) -> str:
        if token.ends - time.time() > RENEW_SECONDS:
            return token.value  # another thread has renewed it meanwhile
        if time.monotonic() - token.failed > FAILURE_SECONDS:
            try:
                fetched = self._fetch(scope)
            except ConfigurationError as error:
                token.failure, token.failed = error.provider, time.monotonic()
                if not valid:
                    raise
            else:
                token.value, token.ends = fetched.token, float(fetched.expires_on)
                return token.value
        if valid:
            return token.value
        raise _unavailable(token.failure)

    def _fetch(self, scope: str) -> Any:
        from azure.core.exceptions import AzureError  # slow to import, and most sites never need it
        from azure.identity import DefaultAzureCredential

        with self._lock:
            if self._credential is None:
                self._credential = DefaultAzureCredential(exclude_interactive_browser_credential=True)
        waiting.give_back()
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
        _(
            "This server has no usable Microsoft Entra ID identity. Assign it a managed identity, or set the "
            "AZURE_… variables."
        ),
        code="entra_unavailable",
        provider=words,
    )


class AzureAd(AuthType):
    name = "azure_ad"
    label = gettext_lazy("Microsoft Entra ID")
    help = gettext_lazy(
        "Uses this machine's managed identity or the AZURE_… variables. It needs the role Cognitive Services User."
    )
    fields = (
        AuthField(
            "scope",
            gettext_lazy("Scope"),
            help=gettext_lazy("Leave empty for https://cognitiveservices.azure.com/.default; newer resources also take "
                   "https://ai.azure.com/.default."),
        ),
    )  # fmt: skip
    blocking = True

    def headers(self, secret: str, options: Mapping[str, Any], who: CallerIdentity) -> dict[str, str]:
        scope = str(options.get("scope") or SCOPE).strip()
        return {"Authorization": f"Bearer {runtime.state(Tokens).token(scope)}"}


class MicrosoftEntraId(AzureAd):
    """The newer name of the same type."""

    name = "microsoft_entra_id"
    label = gettext_lazy("Microsoft Entra ID (newer name)")
