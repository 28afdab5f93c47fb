"""Keys of members that only who has the secret can compute from a patient's id."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

SCOPE = "claims"
"""Secret scope of the keys `anon_key_v<n>`."""

_LEAST_BYTES = 16


def member_key(secret: bytes, patient_id: str) -> str:
    """Return HMAC-SHA-256 of an id as 64 lower-case hex digits."""
    return hmac.new(secret, patient_id.encode(), hashlib.sha256).hexdigest()


def key_name(version: int) -> str:
    """Name the secret of a version."""
    return f"anon_key_v{version}"


def with_member_keys(ids: DataFrame, secret: str, version: int) -> DataFrame:
    """Add `member_key` and `anon_key_version` to ids of patients.

    The secret goes to the workers inside the function: it stands in no SQL text and no plan.

    Args:
        ids: `patient_id`, which is not NULL, and possibly other columns; a stream, too.
        secret: at least 16 bytes; 32 random ones are right.
        version: of the secret; another one means other keys, so gold is to be loaded in full.

    Raises:
        ValueError: the secret is too short to be safe.
    """
    key = secret.encode()
    if len(key) < _LEAST_BYTES:
        raise ValueError(
            f"The secret '{key_name(version)}' of scope '{SCOPE}' is shorter than {_LEAST_BYTES}"
            " bytes. Make one: python -c 'import secrets; print(secrets.token_hex(32))'"
        )

    def keys_of(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            keys = [member_key(key, each) for each in batch.column("patient_id").to_pylist()]
            yield batch.append_column("member_key", pa.array(keys, pa.string()))

    keyed = ids.mapInArrow(
        keys_of, StructType([*ids.schema, StructField("member_key", StringType())])
    )
    return keyed.withColumn("anon_key_version", F.lit(version))
