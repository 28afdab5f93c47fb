"""Insurers: what they are called, what they ask of a patient and what they pay.

Names are made up, but for the two public programmes and NO_INSURANCE, which is a row as well.
What does not live here: who is insured by whom (`coverage`) and the sums at the end (`totals`).
"""

from __future__ import annotations

from typing import NamedTuple


class Payer(NamedTuple):
    """An insurer.

    Attributes:
        copay: cents that a patient pays first at a visit, 0 for none.
        percent: share of the rest that the insurer pays.
        is_asking_at_pharmacies: a copay is due for drugs too.
        premium: cents of a month.
        facts: ADDRESS to PHONE of payers.csv.
    """

    id: str
    name: str
    copay: int
    percent: int
    is_asking_at_pharmacies: bool
    premium: int
    facts: str


def _id(number: int) -> str:
    return f"b1c4{number:04x}-4f07-31e0-90f0-68ffa6ff{number:04x}"


NO_INSURANCE, MEDICARE, MEDICAID = 0, 1, 2
FIRST_PRIVATE = 4  # the one before has no members: its QOLS_AVG is NaN

PAYERS = (
    Payer(_id(0), "NO_INSURANCE", 0, 0, False, 0, ",,,,"),
    Payer(
        _id(1),
        "Medicare",
        4000,
        80,
        True,
        17000,
        "1 Program Road,Baltimore,MD,21244,1-800-555-0101",
    ),
    Payer(
        _id(2), "Medicaid", 6000, 95, True, 2000, "2 Program Road,Baltimore,MD,21244,1-877-555-0102"
    ),
    Payer(
        _id(3),
        "Dual Eligible",
        0,
        100,
        False,
        0,
        "3 Program Road,Baltimore,MD,21244,1-877-555-0103",
    ),
    Payer(
        _id(4),
        "Bay Harbor Mutual",
        7500,
        75,
        True,
        41000,
        "10 Lantern Plaza,Chicago,IL,60007,1-800-555-0104",
    ),
    Payer(
        _id(5),
        "Commonwell Plan",
        8000,
        0,
        False,
        39000,
        "20 Meadow Lane,Hartford,CT,6156,1-800-555-0105",
    ),
    Payer(
        _id(6),
        "Granite Shield",
        7000,
        0,
        False,
        40000,
        "30 Quarry Street,Concord,NH,3301,1-800-555-0106",
    ),
    Payer(
        _id(7),
        "Juniper Health",
        6500,
        50,
        False,
        42000,
        "40 Garden Road,Columbus,OH,43004,1-800-555-0107",
    ),
    Payer(
        _id(8),
        "Pinnacle Care",
        6000,
        0,
        False,
        38000,
        "50 Summit Avenue,Denver,CO,80014,1-800-555-0108",
    ),
    Payer(
        _id(9),
        "Tidewater Life",
        5500,
        60,
        False,
        43000,
        "60 Virginia Row,Norfolk,VA,23324,1-800-555-0109",
    ),
)
