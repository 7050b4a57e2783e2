"""The slots of a batch of patches, as nnU-Net fills them."""

from __future__ import annotations

import pytest

from bnstat.batch_size.slots import Taking


@pytest.mark.parametrize(
    ("batch_size", "share"), [(1, 0.33), (2, 0.33), (3, 0.33), (4, 0.5), (5, 0.5), (2, 0.25), (2, 1)]
)
def test_the_last_slots_are_forced_as_in_nnu_net(batch_size, share):
    forced = [not slot < round(batch_size * (1 - share)) for slot in range(batch_size)]
    assert Taking(1, share).slots(batch_size).kinds.astype(bool).tolist() == forced
    assert Taking(1, share).slots(batch_size, 3).kinds.astype(bool).tolist() == forced * 3


@pytest.mark.parametrize(
    ("taking", "batch_size", "ranks", "volumes"),
    [
        (Taking(1), 3, 1, [0, 1, 2]),
        (Taking(2), 3, 1, [0, 0, 1]),
        (Taking(4), 3, 1, [0, 0, 0]),
        (Taking(2), 3, 2, [0, 0, 1, 2, 2, 3]),
    ],
)
def test_slots_of_a_batch_take_patches_of_one_volume_after_the_other(taking, batch_size, ranks, volumes):
    slots = taking.slots(batch_size, ranks)
    assert slots.volumes.tolist() == volumes
    assert slots.distinct == taking.volumes(batch_size, ranks)


@pytest.mark.parametrize(
    ("batch_size", "per_volume", "forced", "ranks"), [(5, 2, 0.4, 1), (4, 3, 0.5, 2), (3, 1, None, 3)]
)
def test_the_weights_are_the_shares_of_the_slots_of_each_volume_and_kind(batch_size, per_volume, forced, ranks):
    slots = Taking(per_volume, forced).slots(batch_size, ranks)
    pairs = list(zip(slots.volumes.tolist(), slots.kinds.tolist(), strict=True))
    for kinds in (1, 2):
        shares = [
            [
                sum(one == volume and (kinds == 1 or other == kind) for one, other in pairs) / len(pairs)
                for kind in range(kinds)
            ]
            for volume in range(slots.distinct)
        ]
        assert slots.weights(kinds).tolist() == shares
