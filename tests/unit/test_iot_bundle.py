"""The schemas of the IoT tables in each target, and what dbt is told of their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.bundle import load_bundle
from headwater.bundle.spec import Bundle
from iot_analytics.feeds import CHANGES, FEEDS, Feed

ROOT = Path(__file__).parents[2]
TARGETS = {
    "dev": ("iot_streaming_dev", "dev_jane_doe_dev"),
    "test": ("iot_streaming_test", "test"),
    "staging": ("iot_streaming_staging", "staging"),
    "prod": ("iot_streaming_prod", "prod"),
}
"""Target -> catalog, and what stands before the names of layers."""


def bundle_of(target: str) -> Bundle:
    return load_bundle(ROOT, target=target, user_name="jane.doe@example.com")


@pytest.mark.parametrize("target", TARGETS)
def test_schemas_are_named_as_dbt_is_told(target: str) -> None:
    catalog, prefix = TARGETS[target]
    bundle = bundle_of(target)
    schemas = {
        name: (
            bundle.schemas[f"iot_{name}_schema"].catalog,
            bundle.schemas[f"iot_{name}_schema"].name,
        )
        for name in ("bronze", "silver", "gold")
    }
    assert schemas == {name: (catalog, f"{prefix}_{name}") for name in schemas}
    assert bundle.variables["dbt_env_prefix"] == prefix
    assert bundle.variables["dbt_catalog"] == catalog


@pytest.mark.parametrize("target", TARGETS)
def test_pipeline_reads_the_volume_of_its_own_schema(target: str) -> None:
    catalog, prefix = TARGETS[target]
    spec = bundle_of(target).pipeline("iot_bronze")
    assert (spec.catalog, spec.schema) == (catalog, f"{prefix}_bronze")
    assert spec.configuration["landing_path"] == f"/Volumes/{catalog}/{prefix}_bronze/landing"


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_feed_types_its_key_and_what_it_requires(feed: Feed) -> None:
    assert {feed.key, *feed.required} <= feed.columns.keys()


def test_feeds_are_those_of_the_tables_that_change() -> None:
    assert [feed.folder for feed in CHANGES.values()] == [f"cdc/{table}" for table in CHANGES]
    assert len(FEEDS) == 8
