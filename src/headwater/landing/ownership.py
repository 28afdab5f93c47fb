"""Decide which partitions of an event hub a member of a group should claim now; pure.

The members know of each other only by the claims in the checkpoint store. What does not live here:
reading and writing the claims (`eventhubs`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple


class Claim(NamedTuple):
    """A member's claim on a partition; `owner` is empty when it was given up."""

    partition: str
    owner: str
    renewed_seconds: float


def partitions_to_claim(
    partitions: Sequence[str],
    claims: Sequence[Claim],
    member: str,
    *,
    now_seconds: float,
    expiry_seconds: float,
) -> tuple[str, ...]:
    """Choose what to claim: ours again, free ones up to a fair share, or one of a richer member.

    A claim that was not renewed for `expiry_seconds` does not count. Members that all do so end up
    with equal numbers of partitions, give or take one.
    """
    owners = {
        each.partition: each.owner
        for each in claims
        if each.owner and now_seconds - each.renewed_seconds < expiry_seconds
    }
    members = {*owners.values(), member}
    ours = [each for each in partitions if owners.get(each) == member]
    free = [each for each in partitions if each not in owners]
    share = -(-len(partitions) // len(members))
    wanted = ours + free[: max(0, share - len(ours))]
    if free or not owners:
        return tuple(wanted)
    richest, most = Counter(owners.values()).most_common(1)[0]
    if most <= len(ours) + 1:
        return tuple(wanted)
    return (*wanted, next(each for each in partitions if owners.get(each) == richest))
