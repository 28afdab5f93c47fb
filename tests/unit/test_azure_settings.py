"""A storage account's connection string as settings of Spark's Hadoop."""

import pytest

from headwater.errors import SettingError
from headwater.machine.azure import hadoop_settings
from headwater.settings import read_settings


def test_account_in_azure_gets_its_key() -> None:
    given = "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=a+b/c==;"
    assert hadoop_settings(given + "EndpointSuffix=core.windows.net") == {
        "fs.azure.account.key.acme.dfs.core.windows.net": "a+b/c==",
        "fs.azure.account.key.acme.blob.core.windows.net": "a+b/c==",
    }


def test_emulator_is_reached_by_its_address() -> None:
    found = hadoop_settings(
        "AccountName=dev;AccountKey=aw==;BlobEndpoint=http://127.0.0.1:1234/dev;"
    )
    assert found["fs.azure.abfs.endpoint"] == "127.0.0.1:1234"
    assert found["fs.azure.always.use.https"] == "false"


def test_string_without_a_key_is_refused_and_not_shown() -> None:
    with pytest.raises(SettingError) as caught:
        hadoop_settings("AccountName=acme;SharedAccessSignature=sv=secret")
    assert caught.value.code == "STORAGE_CONNECTION_INVALID"
    assert "secret" not in str(caught.value)


def test_settings_do_not_show_the_connection_string() -> None:
    settings = read_settings({"AZURE_STORAGE_CONNECTION_STRING": "AccountKey=secret"})
    assert settings.storage == "AccountKey=secret"
    assert "secret" not in repr(settings)
