"""The tree of errors: what can go wrong between a caller and a provider, and who is to blame.

    GatewayError                 every error of ours: a status, a code, a sentence for people
    ├── CallerError              the request is wrong; the caller can correct it
    │   ├── BadRequest           400  cannot be understood or expressed
    │   ├── Unauthenticated      401  no key, or none that we know
    │   ├── Forbidden            403  known, but not allowed
    │   ├── NotFound             404  not there, or not theirs; the answer is the same
    │   ├── Conflict             409  not possible in its present state
    │   ├── TooLarge             413  more bytes than we take
    │   └── RateLimited          429  too much at once; `retry_after` says when
    ├── ConfigurationError       503  an administrator has to change something
    │   └── NoCredential         503  whoever calls has no credential of the kind that the connection sends
    │       └── NoSignOn         503  nobody can have one: no single sign-on is set up
    ├── Unavailable              503  (507: full) something of this site's own is away or used up; trying again helps
    ├── ProviderError            the provider answered with an error; its status and words are kept
    │   ├── ContentRefused       the provider's safety rules refused it; trying again does not help
    │   └── CredentialRefused    the provider refused the credential of whoever calls, who can mend that
    └── NetworkError             502  no answer from the provider
        ├── UpstreamTimeout      504  the answer took too long
        └── AddressRefused       400  this site does not call the address

`message` is safe to show. It may be lazily translated, and then is in the reader's language. `provider` holds the
provider's own words. Private detail goes to the log, never into an error.
"""

from typing import Any, ClassVar

from django.utils import translation
from django.utils.functional import Promise

from providers import sentences, stored_errors


class GatewayError(Exception):
    """Base of the tree. `blame` is one of caller, configuration, site, provider, network."""

    status: int = 500
    code: str = "internal_error"
    type: str = "server_error"
    blame: ClassVar[str] = "configuration"
    retryable: bool = False

    def __init__(
        self,
        message: str | Promise,
        *,
        code: str | None = None,
        param: str | None = None,
        provider: str = "",
        provider_code: str = "",
        retry_after: float | None = None,
        retryable: bool | None = None,
        status: int | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self._message = message
        self.param = param
        self.provider = provider
        self.provider_code = provider_code  # its own word for the error, where `code` is ours
        self.retry_after = retry_after
        self.headers = headers  # of the response, names in lower case
        if code is not None:
            self.code = code
        if retryable is not None:
            self.retryable = retryable
        if status is not None:
            self.status = status

    @property
    def text(self) -> str | Promise:
        """The message as it was given: for an error made of this one."""
        return self._message

    @property
    def message(self) -> str:
        return str(self._message)

    @property
    def reason(self) -> str:
        """Why it failed, in short: the provider's own words, else our sentence."""
        return self.provider or self.message

    @property
    def full_message(self) -> str:
        """Our sentence, then the provider's own words unless the sentence contains them."""
        provider = self.provider.strip()
        return f"{self.message} {provider}" if provider and provider not in self.message else self.message

    def openai_body(self) -> dict[str, Any]:
        """OpenAI's error object; docs/upstreams/openai.md, “Errors”."""
        code = self.provider_code or self.code
        return {"error": {"message": self.full_message, "type": self.type, "param": self.param, "code": code}}

    def ollama_body(self) -> dict[str, Any]:
        """Ollama's error object; docs/upstreams/ollama.md, “Errors”."""
        return {"error": self.full_message}

    def detail_body(self) -> dict[str, Any]:
        """`{"detail", "code"}`, with the provider's words in `provider` where there are any."""
        body: dict[str, Any] = {"detail": self.message, "code": self.code}
        return {**body, "provider": self.provider} if self.provider else body

    @property
    def is_fault(self) -> bool:
        """Whether an administrator has to act on the error, and the caller cannot."""
        return stored_errors.is_fault(self.message_body())

    def for_reader(self, *, for_admin: bool) -> dict[str, Any]:
        """`detail_body` for an administrator, or for a person who is none."""
        shown = stored_errors.worded(self.message_body(), for_admin=for_admin) or {}
        body: dict[str, Any] = {"detail": shown["message"], "code": self.code}
        return {**body, "provider": shown["provider"]} if shown["provider"] else body

    def message_body(self) -> dict[str, Any]:
        """The error as it is kept: code, facts, and a text that is made anew for each reader (`stored_errors`).

        `message` is the text in English, for whoever reads rows.
        """
        text = sentences.parts_of(self._message)
        with translation.override("en" if text else translation.get_language()):
            message = self.message
        more = {name: value for name in ("param", "provider_code") if (value := getattr(self, name))}
        return {
            **more,
            "message": message,
            **({"text": text} if text else {}),
            "code": self.code,
            "status": self.status,
            "provider": self.provider,
            "retryable": self.retryable,
            "retry_after": self.retry_after,
            "blame": self.blame,
        }


class CallerError(GatewayError):
    status = 400
    type = "invalid_request_error"
    blame = "caller"


class BadRequest(CallerError):
    code = "invalid_request"


class Unauthenticated(CallerError):
    status = 401
    code = "invalid_api_key"


class Forbidden(CallerError):
    status = 403
    code = "permission_denied"


class NotFound(CallerError):
    status = 404
    code = "not_found"


class Gone(NotFound):
    status = 410
    code = "gone"


class Conflict(CallerError):
    status = 409
    code = "conflict"


class TooLarge(CallerError):
    status = 413
    code = "request_too_large"


class RateLimited(CallerError):
    status = 429
    code = "rate_limit_exceeded"
    type = "rate_limit_error"
    retryable = True


class ConfigurationError(GatewayError):
    status = 503
    code = "not_configured"


class NoCredential(ConfigurationError):
    """Says nothing about the connection: for somebody else it works."""

    code = "user_needed"
    blame = "caller"


class NoSignOn(NoCredential):
    """Only an administrator can mend it."""

    code = "oauth_not_configured"
    blame = "configuration"


class Unavailable(GatewayError):
    """Database, files, Redis, descriptors, or a process that stops. `providers.process.outages` makes them."""

    status = 503
    code = "unavailable"
    blame = "site"
    retryable = True


class ProviderError(GatewayError):
    """`status` is the provider's own; `retryable` follows from it unless given."""

    status = 502
    code = "provider_error"
    type = "provider_error"
    blame = "provider"


class ContentRefused(ProviderError):
    status = 400
    code = "content_refused"


class CredentialRefused(ProviderError):
    """The caller's own credential was refused. Like NoCredential, this says nothing about the connection.

    The provider's own code is in `provider_code`.
    """

    code = "credential_refused"
    blame = "caller"


OF_CALLER = (NoCredential, CredentialRefused)  # say something of the caller's credential, not of the connection


class NetworkError(GatewayError):
    status = 502
    code = "upstream_unreachable"
    type = "upstream_error"
    blame = "network"
    retryable = True


class UpstreamTimeout(NetworkError):
    status = 504
    code = "upstream_timeout"


class AddressRefused(NetworkError):
    status = 400
    code = "address_refused"
    blame = "caller"
    retryable = False
