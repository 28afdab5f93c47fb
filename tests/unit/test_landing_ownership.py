"""Sharing the partitions of an event hub: fair, without holes, stable."""

from collections import Counter

import pytest

from headwater.landing.ownership import Claim, partitions_to_claim

EIGHT = [str(number) for number in range(8)]


def chosen(claims: list[Claim], member: str) -> tuple[str, ...]:
    return partitions_to_claim(EIGHT, claims, member, now_seconds=100, expiry_seconds=30)


def test_the_first_member_takes_all() -> None:
    assert chosen([], "a") == tuple(EIGHT)


def test_a_second_member_takes_one_of_a_richer_one() -> None:
    assert chosen([Claim(each, "a", 99) for each in EIGHT], "b") == ("0",)


def test_an_expired_claim_is_free() -> None:
    assert set(chosen([Claim(each, "a", 10) for each in EIGHT], "b")) == set(EIGHT)


def test_a_claim_that_was_given_up_is_free() -> None:
    claims = [Claim("0", "", 99), *(Claim(each, "a", 99) for each in EIGHT[1:])]
    assert "0" in chosen(claims, "a")


@pytest.mark.parametrize("members", [1, 2, 3, 5, 8, 9])
def test_members_end_up_with_equal_shares_and_stay_there(members: int) -> None:
    owners: dict[str, str] = {}
    for _ in range(20):
        before = dict(owners)
        for number in range(members):
            member = f"m{number}"
            claims = [Claim(partition, owner, 99) for partition, owner in owners.items()]
            owners.update(dict.fromkeys(chosen(claims, member), member))
    shares = Counter(owners.values())
    assert set(owners) == set(EIGHT)
    assert before == owners
    assert max(shares.values()) - min(shares.values()) <= 1
    assert len(shares) == min(members, 8)
