"""What `headwater doctor` finds without starting anything."""

from headwater.machine.doctor import codecs
from headwater.machine.jvm import LOGGING


def test_codecs_of_compressed_topics_are_there() -> None:
    assert codecs().is_fine


def test_missing_codec_is_named_by_its_package() -> None:
    found = codecs({"json": "json", "no_such_module": "python-missing"})
    assert (found.is_fine, found.value) == (False, "not installed: python-missing")
    assert "pip install python-missing" in found.hint


def test_settings_of_the_log_are_where_java_is_told_to_look() -> None:
    """Without them Spark logs all it does, plans and values among it."""
    assert "rootLogger.level" in LOGGING.read_text()
