from __future__ import annotations

import pytest

from bnstat.errors import UsageError
from bnstat.workflows.plan import plan


def shapes(found):
    return [level.shape for level in found.levels]


def test_each_level_halves_every_axis_and_the_patch_is_the_first():
    found = plan((128, 96, 64), levels=4)
    assert shapes(found) == [(128, 96, 64), (64, 48, 32), (32, 24, 16), (16, 12, 8)]
    assert [level.values_per_sample for level in found.levels] == [786_432, 98_304, 12_288, 1_536]
    assert [level.values_per_batch for level in found.levels] == [1_572_864, 196_608, 24_576, 3_072]


def test_a_strided_convolution_rounds_up_and_pooling_down():
    assert shapes(plan((5, 7, 9), levels=3)) == [(5, 7, 9), (3, 4, 5), (2, 2, 3)]
    assert shapes(plan((5, 7, 9), levels=3, downsample="pool")) == [(5, 7, 9), (2, 3, 4), (1, 1, 2)]


def test_strides_are_of_each_further_level_and_of_each_axis_where_they_differ():
    assert shapes(plan((32, 32, 8), strides=[2, (2, 2, 1), 4])) == [(32, 32, 8), (16, 16, 4), (8, 8, 4), (2, 2, 1)]


def test_a_batch_of_one_raises_only_where_one_value_is_left():
    found = plan((8, 8, 8), levels=4, batch_size=1)
    assert [level.raises for level in found.levels] == [(), (), (), ("torch", "mlx", "torch-instance")]
    assert found.least_batch_size == 2
    assert found.levels[-1].bessel is None


def test_a_batch_of_two_leaves_instance_norm_alone_in_trouble():
    found = plan((8, 8, 8), levels=4, batch_size=2)
    assert found.levels[-1].raises == ("torch-instance",)
    assert found.levels[-1].bessel == 2.0


def test_a_batch_of_one_is_enough_where_two_values_are_left():
    assert plan((8, 8, 16), levels=4).least_batch_size == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"patch": (8, 0), "levels": 2}, "and is 8x0"),
        ({"patch": (), "levels": 2}, "patch"),
        ({"patch": (8,)}, "how deep"),
        (
            {"patch": (8,), "levels": 2, "downsample": "max"},
            "or pool .down., and is 'max'",
        ),
        ({"patch": (8,), "levels": 0}, "`levels` must be at least 1, and is 0"),
        ({"patch": (8,), "levels": 3, "strides": [2]}, "need 2 strides, and 1 are given"),
        ({"patch": (8, 8), "strides": [(2, 2, 2)]}, "has 3 axes, and the patch has 2"),
        ({"patch": (8, 8), "strides": [0]}, "and one is 0x0"),
        ({"patch": (8, 8), "levels": 2, "batch_size": 0}, "`batch_size` must be at least 1, and is 0"),
        (
            {"patch": (8, 2), "levels": 3, "downsample": "pool"},
            "use `levels=2`, a stride of 1 along the short axis, or `patch=.8, 4.`",
        ),
        ({"patch": (8, 8), "strides": [2, 9], "downsample": "pool"}, "level 2 .the first is 0., pooling 4x4 by 9x9"),
        (
            {"patch": (8, 8), "strides": [2, 9], "downsample": "pool"},
            "use the first 1 stride only, or `patch=.18, 18.`",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(wrong, message):
    with pytest.raises(UsageError, match=message):
        plan(**wrong)


def encoder(torch, norm, strides, downsample):
    """A real encoder: a list of levels, each with its downsampling, a convolution and a norm."""
    levels = []
    for level, stride in enumerate([1, *strides]):
        step = stride if downsample == "conv" else 1
        parts = [torch.nn.Conv3d(1 if not levels else 4, 4, 3, stride=step, padding=1), norm(4)]
        if downsample == "pool" and level:
            parts.insert(0, torch.nn.MaxPool3d(stride))
        levels.append(torch.nn.Sequential(*parts))
    return levels


def refusals(torch, norm, patch, strides, batch_size, downsample):
    """The levels at which PyTorch raises; what is below is fed by the same level without its norm."""
    x, found = torch.randn(batch_size, 1, *patch), []
    with torch.no_grad():
        for number, level in enumerate(encoder(torch, norm, strides, downsample)):
            try:
                level.train()(x)
            except ValueError as error:
                if "Expected more than 1" not in str(error):
                    raise
                found.append(number)
            x = level[:-1](x)
    return found, tuple(x.shape[2:])


@pytest.mark.parametrize("batch_size", [1, 2])
@pytest.mark.parametrize("downsample", ["conv", "pool"])
@pytest.mark.parametrize(
    ("patch", "strides"),
    [
        ((8, 8, 8), [2, 2, 2]),
        ((8, 8, 16), [2, 2, 2]),
        ((9, 12, 20), [2, 3, (1, 2, 2)]),
        ((16, 16, 4), [(2, 2, 1), (2, 2, 2), (2, 2, 2), (2, 2, 1)]),
        ((4, 4, 4), [2, 2, 1]),
    ],
)
def test_a_real_encoder_raises_at_the_levels_that_are_predicted(patch, strides, downsample, batch_size):
    torch = pytest.importorskip("torch")
    found = plan(patch, strides=strides, batch_size=batch_size, downsample=downsample)
    for name, norm in (("torch", torch.nn.BatchNorm3d), ("torch-instance", torch.nn.InstanceNorm3d)):
        raised, deepest = refusals(torch, norm, patch, strides, batch_size, downsample)
        assert raised == [level.level for level in found.levels if name in level.raises]
        assert deepest == found.levels[-1].shape


@pytest.mark.parametrize("kind", ["global-pool", "flatten"])
@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_behind_the_encoder_batch_norm_has_a_value_of_each_sample(kind, batch_size):
    found = plan(64, levels=3, batch_size=batch_size, head=f"{kind}:512")
    assert (found.head.features, found.head.values_per_batch) == (512, batch_size)
    assert found.head.raises == (("torch", "mlx") if batch_size == 1 else ())
    assert found.least_batch_size == 2
    assert plan(64, levels=3, batch_size=batch_size).head is None


def test_the_refusal_at_the_head_is_what_the_real_layer_says():
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match="Expected more than 1 value") as raised:
        torch.nn.BatchNorm1d(512)(torch.zeros(1, 512))
    assert plan(64, levels=2, batch_size=1, head="global-pool:512").head.refusal == str(raised.value)
    torch.nn.BatchNorm1d(512)(torch.zeros(2, 512))


@pytest.mark.parametrize("head", ["", "pool", "global-pool:", "global-pool:0", "global-pool:x", "flatten:-1", 3])
def test_a_head_that_does_not_exist_is_refused(head):
    with pytest.raises(UsageError, match="`head` must be global-pool or flatten"):
        plan(64, levels=2, head=head)


def test_every_level_may_round_in_its_own_way():
    assert shapes(plan(9, levels=3, downsample=["conv", "pool"])) == [(9, 9, 9), (5, 5, 5), (2, 2, 2)]
    assert shapes(plan(9, levels=3, downsample=["pool", "conv"])) == [(9, 9, 9), (4, 4, 4), (2, 2, 2)]
    mixed = plan(9, levels=3, downsample=["pool", "conv"])
    assert (mixed.downsample, [level.downsample for level in mixed.levels]) == ("mixed", [None, "pool", "conv"])
    assert plan(9, levels=3, downsample=["pool"]).downsample == "pool"
    assert plan(9, levels=1, downsample=["pool"]).downsample == "pool"
    with pytest.raises(UsageError, match="`downsample` has 3 entries, and 2 levels follow the first"):
        plan(9, levels=3, downsample=["pool", "pool", "conv"])
    with pytest.raises(UsageError, match="`downsample` must be conv"):
        plan(9, levels=3, downsample=["pool", "max"])
