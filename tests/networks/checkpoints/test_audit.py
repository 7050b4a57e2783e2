"""What an audit says of each channel of a stored layer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from stored import audited, layer

from bnstat.errors import UsageError
from bnstat.networks.checkpoints.moved import moved
from bnstat.networks.checkpoints.settings import AuditSettings


def only(**stored):
    return audited(layer(**stored)).layers[0]


def test_each_list_names_the_channels_that_it_is_about():
    variance = [1.0, 0.0, -0.5, 1e-6, 1e11, math.nan, math.inf, 7e4]
    one = only(mean=np.full(8, 0.3), variance=variance, scale=[1, 1, 1, 1, 1, 1, 1, 1e-4])
    assert (one.zero, one.negative, one.below_epsilon, one.huge) == ((1,), (2,), (3,), (4,))
    assert (one.nan, one.inf, one.beyond_float16, one.small_scale) == ((5,), (6,), (4, 7), (7,))
    assert one.channels == 8


def test_parameters_are_looked_at_too():
    one = only(scale=[math.nan, 1], shift=[0, -math.inf])
    assert (one.nan, one.inf) == ((0,), (1,))
    alone = only(mean=None, variance=None, kind="affine", scale=[0.0, 1.0], shift=[1e6, 0.0])
    assert (alone.small_scale, alone.beyond_float16, alone.gain, alone.dead) == ((0,), (0,), None, ())


def test_the_folded_gain_is_what_export_multiplies_weights_by():
    one = only(variance=[0.04, -1.0], scale=[3.0, 1.0])
    assert one.gain[0] == pytest.approx(3.0 / math.sqrt(0.04 + 1e-5), rel=1e-14)
    assert math.isnan(one.gain[1])


@pytest.mark.parametrize(
    ("batches", "settings", "expected"),
    [
        (20, {}, 0.9**20),
        (20, {"momentum": 0.01}, 0.99**20),
        (20, {"momentum": 0.99, "framework": "keras"}, 0.99**20),
        (20, {"momentum": "none"}, 0.0),
        (None, {}, None),
        (None, {"steps": 5}, 0.9**5),
        (20, {"steps": 5}, 0.9**20),
    ],
)
def test_the_start_weighs_as_the_count_and_the_momentum_say(batches, settings, expected):
    (one,) = audited(layer(batches=batches), **settings).layers
    assert one.start_weight == (None if expected is None else pytest.approx(expected, rel=1e-12))


def test_a_count_of_0_beside_moved_statistics_tells_nothing():
    assert only(batches=0).start_weight is None
    fresh = only(batches=0, mean=[0, 0], variance=[1, 1])
    assert (fresh.initial, fresh.start_weight, fresh.dead) == (True, 1.0, ())


def test_the_files_own_epsilon_and_momentum_go_before_the_frameworks_and_behind_those_given():
    own = layer(epsilon=1e-3, momentum=0.01)
    (one,) = audited(own).layers
    assert (one.epsilon, one.momentum) == (1e-3, 0.01)
    (given,) = audited(own, epsilon=1e-4, momentum=0.2).layers
    assert (given.epsilon, given.momentum) == (1e-4, 0.2)
    (keras,) = audited(layer(), form="h5").layers
    assert (keras.epsilon, keras.momentum) == (1e-3, pytest.approx(0.01))
    (torch,) = audited(layer(), form="safetensors").layers
    assert (torch.epsilon, torch.momentum) == (1e-5, 0.1)


def test_dead_channels_tell_a_momentum_that_nobody_says():
    found = audited(layer(mean=[0, 1], variance=[np.float32(0.97) ** 200, 1], batches=200), layer("b", batches=200))
    assert found.momentum_told == 0.03
    assert [one.momentum for one in found.layers] == [0.03, 0.03]
    assert found.layers[0].dead == (0,)
    said = audited(layer(mean=[0, 1], variance=[0.97**200, 1], batches=200), momentum=0.1)
    assert (said.momentum_told, said.layers[0].dead) == (None, ())


def test_a_layer_is_compared_with_the_nearer_of_its_neighbours():
    medians = [2.0, 3.0, 6e6, 4.0, 5.0]
    found = audited(*(layer(str(place), variance=[one, one]) for place, one in enumerate(medians)))
    assert [one.from_neighbours for one in found.layers] == [
        pytest.approx(2 / 3),
        None,
        pytest.approx(1.5e6),
        pytest.approx(0.8),
        pytest.approx(1.25),
    ]
    (alone,) = audited(layer()).layers
    assert alone.from_neighbours is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"epsilon": -1.0}, "epsilon"),
        ({"momentum": 1.5}, "momentum"),
        ({"momentum": "nine"}, "momentum"),
        ({"steps": 0}, "`steps` must be at least 1"),
        ({"framework": "pytorhc"}, "pytorch"),
    ],
)
def test_settings_that_no_layer_has_are_refused(given, words):
    with pytest.raises(UsageError, match=words):
        AuditSettings(**given)


def test_what_moved_is_in_standard_deviations_of_the_first_file():
    before = audited(layer("a", mean=[1.0, 2.0], variance=[4.0, 0.25], scale=[1, 1]), layer("b"))
    after = audited(layer("a", mean=[3.0, 2.0], variance=[8.0, 0.5], scale=[1.5, 1]), layer("b"))
    one, two = moved(before, after).layers
    np.testing.assert_allclose(one.mean_moved, [2 / math.sqrt(4.00001), 0], rtol=1e-12)
    np.testing.assert_allclose(one.variance_ratio, [2, 2])
    np.testing.assert_allclose(one.scale_moved, [0.5, 0])
    assert (one.same, two.same) == (False, True)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (["net.enc.0", "net.enc.1"], ["enc.0", "enc.1", "head"], [("net.enc.0", "enc.0"), ("net.enc.1", "enc.1")]),
        (["a.b.enc.0", "a.b.head"], ["x.enc.0", "x.head"], [("a.b.enc.0", "x.enc.0"), ("a.b.head", "x.head")]),
        (["a.norm"], ["b.norm"], [("a.norm", "b.norm")]),
        (["a.0", "a.1"], ["a.1", "a.2"], [("a.1", "a.1")]),
        (["a.0"], ["b.1"], []),
    ],
)
def test_names_are_compared_behind_what_all_of_a_file_share(before, after, expected):
    found = moved(audited(*map(layer, before)), audited(*map(layer, after)))
    assert [(one.name, one.after.name) for one in found.layers] == expected


def test_layers_that_cannot_be_compared_are_named():
    found = moved(
        audited(layer("a"), layer("b"), layer("c")),
        audited(layer("a", mean=[1] * 3, variance=[1] * 3), layer("c"), layer("d")),
    )
    assert ([one.name for one in found.layers], found.only_before, found.only_after, found.reshaped) == (
        ["c"],
        ("b",),
        ("d",),
        ("a",),
    )
