"""Let Spark reach the storage account of `AZURE_STORAGE_CONNECTION_STRING`, an emulator too.

Spark knows only accounts with a key here. What does not live here: Auto Loader's listing, which
asks Spark's Hadoop for the same settings (`autoloader.storage`).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from headwater.errors import SettingError

_VARIABLE = "AZURE_STORAGE_CONNECTION_STRING"
_KINDS = ("dfs", "blob")

_EMULATOR = {
    "fs.azure.always.use.https": "false",
    "fs.azure.account.hns.enabled": "false",
    "fs.azure.fns.account.service.type": "BLOB",
    "fs.azure.io.retry.max.retries": "1",
    "fs.azure.networking.library": "JDK_HTTP_URL_CONNECTION",
}


def hadoop_settings(connection_string: str) -> dict[str, str]:
    """Return the settings of Hadoop's ABFS driver for a storage account.

    An account whose `BlobEndpoint` is plain http is an emulator such as Azurite: it has no
    hierarchical namespace and is reached by its address instead of the account's host name.

    Raises:
        SettingError: STORAGE_CONNECTION_INVALID, without the string, which holds a secret.
    """
    from azure.core.utils import parse_connection_string  # here: slow to import, seldom needed

    try:
        parts = parse_connection_string(connection_string)
    except ValueError:
        parts = {}
    name, key = parts.get("accountname"), parts.get("accountkey")
    if not name or not key:
        raise SettingError(
            "STORAGE_CONNECTION_INVALID",
            f"{_VARIABLE} has no AccountName or no AccountKey",
            hint="Copy the whole connection string of the storage account's access keys.",
        )
    hosts = [f"{name}.{kind}.{parts.get('endpointsuffix', 'core.windows.net')}" for kind in _KINDS]
    settings = {f"fs.azure.account.key.{host}": key for host in hosts}
    endpoint = urlsplit(parts.get("blobendpoint", ""))
    if endpoint.scheme == "http":
        settings |= _EMULATOR | {"fs.azure.abfs.endpoint": endpoint.netloc}
    return settings
