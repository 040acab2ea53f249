"""Google Cloud Storage with time limits of seconds. Its library waits a minute for a response, and tries for two."""

from typing import Any

from google.cloud.storage import Client  # type: ignore[import-untyped]
from storages.backends import gcloud

from providers.process import outages, storage_providers


class BoundedAdapter:
    """Sends with the session's own adapter, once. Raises Unavailable for a timeout and for an error of the store."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def send(self, request: Any, **options: Any) -> Any:
        timeout = (storage_providers.CONNECT_SECONDS, storage_providers.READ_SECONDS)
        try:
            response = self.inner.send(request, **{**options, "timeout": timeout})
        except OSError as error:  # the library's exceptions for connections and timeouts
            raise outages.files_away() from error
        if response.status_code >= 500:
            raise outages.storage_full() if response.status_code == 507 else outages.files_away()
        return response

    def close(self) -> None:
        self.inner.close()


class GoogleCloudStorage(gcloud.GoogleCloudStorage):  # type: ignore[misc]
    @property
    def client(self) -> Client:
        client: Client = super().client
        session = client._http
        if not isinstance(session.get_adapter("https://"), BoundedAdapter):
            for scheme in ("https://", "http://"):
                session.mount(scheme, BoundedAdapter(session.get_adapter(scheme)))
        return client
