"""What errors of kafka-python mean: which are permanent, and what to do about them.

What does not live here: why a broker can't be reached in the first place (`probe`).
"""

from __future__ import annotations

import re

from kafka.errors import (
    AuthorizationError,
    CorruptRecordError,
    FencedInstanceIdError,
    GroupMaxSizeReachedError,
    InconsistentGroupProtocolError,
    InvalidGroupIdError,
    InvalidSessionTimeoutError,
    InvalidTopicError,
    KafkaError,
    SaslAuthenticationFailedError,
    UnsupportedCodecError,
    UnsupportedVersionError,
)

from headwater.errors import SourceError

_FORBIDDEN = (AuthorizationError, SaslAuthenticationFailedError)
_GROUP = (
    GroupMaxSizeReachedError,
    InconsistentGroupProtocolError,
    InvalidGroupIdError,
    InvalidSessionTimeoutError,
)
_FINAL = (
    *_FORBIDDEN,
    *_GROUP,
    CorruptRecordError,
    FencedInstanceIdError,
    InvalidTopicError,
    UnsupportedCodecError,
    UnsupportedVersionError,
)


def is_final(error: KafkaError) -> bool:
    """Return whether an error of a poll is permanent.

    A fetch that failed so is never to be polled again: kafka-python 3.0.12 would spin in it.
    """
    return isinstance(error, _FINAL)


def topic_missing(topic: str) -> SourceError:
    """Return the error for a topic that the broker does not have."""
    return SourceError(
        "SOURCE_TOPIC_MISSING",
        f"The broker has no topic '{topic}'",
        hint="Check --topic, or create the topic first.",
    )


def explained(error: KafkaError, topic: str) -> SourceError:
    """Return what an error of kafka-python means, without its text."""
    name = type(error).__name__
    if isinstance(error, InvalidTopicError):
        return topic_missing(topic)
    if isinstance(error, FencedInstanceIdError):
        code, what = "SOURCE_MEMBER_TAKEN", "Another consumer has joined with the same --member"
        hint = "Give each consumer its own --member."
    elif isinstance(error, _FORBIDDEN):
        code, what = "SOURCE_FORBIDDEN", f"The broker refuses access ({name})"
        hint = "Check the key's right to listen, the topic and the group."
    elif isinstance(error, _GROUP):
        code, what = "SOURCE_GROUP_REFUSED", f"The group does not accept this consumer ({name})"
        hint = "Give --group a name that no other kind of consumer uses."
    elif isinstance(error, UnsupportedCodecError):
        code = "SOURCE_CODEC_MISSING"
        what = f"Topic '{topic}' holds events that are compressed with {_codec(error)}"
        hint = "Run: pip install python-snappy lz4 zstandard. headwater doctor shows what is there."
    elif isinstance(error, CorruptRecordError):
        code, what = "SOURCE_CORRUPT", f"Topic '{topic}' returned events with a wrong checksum"
        hint = "Start it again; if that does not help, look at the broker's disk."
    elif isinstance(error, UnsupportedVersionError):
        code, what = "SOURCE_TOO_OLD", "The broker lacks a feature that landing needs"
        hint = "Use Kafka 0.11 or later, or --isolation-level read_uncommitted."
    else:
        code, what = "SOURCE_UNREACHABLE", f"The broker can't be used ({name})"
        hint = "Check host and port, and that the broker runs."
    return SourceError(code, what, hint=hint)


def _codec(error: KafkaError) -> str:
    """Return the name of a codec that is not installed."""
    found = re.search(r"for (\w+) compression", str(error))
    return f"{found[1]}, which is not installed" if found else "an unknown codec"
