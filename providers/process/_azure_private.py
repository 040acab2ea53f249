"""Azure Blob Storage with time limits of seconds. django-storages takes none together with a connection string, which
emulators and endpoints of one's own need.
"""

from typing import Any

from azure.storage.blob import BlobServiceClient
from storages.backends import azure_storage


class AzureStorage(azure_storage.AzureStorage):  # type: ignore[misc]
    def _get_service_client(self) -> Any:
        if self.connection_string is None:
            return super()._get_service_client()
        return BlobServiceClient.from_connection_string(self.connection_string, **self.client_options)
