"""The equation of `make e2e`: a missing event anywhere is noticed."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scratch" / "e2e.py"


def load_script():
    spec = importlib.util.spec_from_file_location("e2e_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_account_balances_only_when_every_event_is_somewhere() -> None:
    account = load_script().Account(
        sent=10, landed=9, rejected=1, bronze=9, silver=7, dropped=2, in_gold=7, dropped_by_rule={}
    )
    assert account.balances
    for field in ("sent", "landed", "rejected", "bronze", "silver", "dropped", "in_gold"):
        assert not replace(account, **{field: getattr(account, field) + 1}).balances, field


@pytest.fixture(autouse=True)
def forget_the_script():
    yield
    sys.modules.pop("e2e_script", None)
