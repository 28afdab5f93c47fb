"""Where the simulator sends: settings that are missing, wrong or still placeholders."""

from pathlib import Path

import pytest

from headwater.dev.sender import broker_address
from headwater.errors import UsageError
from headwater.landing.broker import BrokerAddress

GIVEN_STRING = "Endpoint=sb://ns/;SharedAccessKeyName=n;SharedAccessKey=c2VjcmV0"
GIVEN = {"EVENTHUBS_NAMESPACE": "ns", "CONNECTION_STRING": GIVEN_STRING}
EXAMPLE = Path(__file__).parents[2] / ".env.example"


def test_a_namespace_becomes_a_host() -> None:
    address = broker_address(GIVEN, None, None)
    assert address == BrokerAddress("ns.servicebus.windows.net:9093", GIVEN_STRING, None)


@pytest.mark.parametrize(
    ("namespace", "host"),
    [
        ("ns.servicebus.windows.net", "ns.servicebus.windows.net:9093"),
        ("localhost:1", "localhost:1"),
    ],
)
def test_a_whole_host_stays(namespace: str, host: str) -> None:
    given = {**GIVEN, "EVENTHUBS_NAMESPACE": namespace}
    assert broker_address(given, None, None).bootstrap_servers == host


def test_bootstrap_servers_are_plain() -> None:
    assert broker_address(GIVEN, "h:1", None) == BrokerAddress("h:1")


def test_an_address_does_not_show_its_secret() -> None:
    assert "c2VjcmV0" not in repr(broker_address(GIVEN, None, None))


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({}, "SETTING_MISSING"),
        ({**GIVEN, "CONNECTION_STRING": " "}, "SETTING_MISSING"),
        ({**GIVEN, "CONNECTION_STRING": "c2VjcmV0"}, "CONNECTION_STRING_INVALID"),
        (
            dict(line.split("=", 1) for line in EXAMPLE.read_text().splitlines()[1:]),
            "SETTING_PLACEHOLDER",
        ),
    ],
)
def test_wrong_settings_are_refused_without_showing_them(
    variables: dict[str, str], code: str
) -> None:
    with pytest.raises(UsageError) as caught:
        broker_address(variables, None, None)
    assert caught.value.code == code
    assert "c2VjcmV0" not in str(caught.value)
