"""Which name is meant."""

from __future__ import annotations

import pytest

from headwater.errors import nearest

TABLES = ["main.dev_shop.orders", "main.dev_shop.customers", "main.other.orders"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("main.dev_shop.order", "main.dev_shop.orders"),
        ("MAIN.DEV_SHOP.Costumers", "main.dev_shop.customers"),
        ("main.dev_shop.nope", ""),
        ("main.dev_shp.orders", "main.dev_shop.orders"),
        ("main.othr.orders", "main.other.orders"),
        ("main.quite_another.thing", ""),
        ("main.silver.customers", "main.dev_shop.customers"),
        ("dev.other.orders", "main.other.orders"),
    ],
)
def test_names_that_begin_alike_are_compared_by_their_last_parts(name: str, meant: str) -> None:
    assert nearest(name, TABLES) == (f"Did you mean '{meant}'?" if meant else "")


def test_names_without_dots_are_compared_whole() -> None:
    assert nearest("pipelnes", ["volumes", "pipelines"]) == "Did you mean 'pipelines'?"
    assert nearest("load.ipynb", ["load.py"]) == "Did you mean 'load.py'?"
