"""Names of tables, in one, two or three parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.errors import UsageError
from headwater.names import TableName, quote, split_name, table_name


def test_table_name_fills_in_catalog_and_schema() -> None:
    assert table_name("Events", "main", "bronze") == TableName("main", "bronze", "events")
    assert table_name("silver.events", "main", "bronze") == TableName("main", "silver", "events")
    assert table_name("c.s.t", "main", "bronze") == TableName("c", "s", "t")


@pytest.mark.parametrize("text", ["", "a..b", "a.b.c.d", ".a", "a.", "`a", "a`b`"])
def test_table_name_refuses_what_is_none(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        table_name(text, "main", "default")
    assert caught.value.code == "NAME_INVALID"


@given(st.lists(st.text(min_size=1).filter(lambda t: t.lower() == t), min_size=1, max_size=3))
def test_quoted_parts_survive_a_split(parts: list[str]) -> None:
    assert split_name(".".join(map(quote, parts))) == tuple(parts)
