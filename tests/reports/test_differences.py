"""What is said of compared layers, on reports whose outputs are given."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

import bnstat
from bnstat.renderers.compare_layers import rows, table
from bnstat.reports import differences
from bnstat.reports.calls import calls_of
from bnstat.reports.compare_layers import ComparedLayer, LayerComparison
from bnstat.reports.differences import order_of, with_differences


@pytest.fixture
def layers(tmp_path):
    """Layers of these names on an array of so many values a channel; each has one output for each channel."""

    def made(by, outputs, values=100, **settings):
        wave = np.tile([-1.0, 1.0], values // 2).reshape(1, -1, 1) if values > 1 else np.ones((1, 1, 1))
        np.save(tmp_path / "x.npy", np.repeat(wave, len(next(iter(outputs.values()))), axis=2))
        settings = {"axis": 2, **settings}  # the channels are last with every framework
        option = {"frameworks": "framework", "normalizers": "normalizer", "epsilons": "epsilon"}[by]
        found = []
        for name, each in outputs.items():
            report = bnstat.diagnose(tmp_path / "x.npy", **{option: name, **settings})
            found.append(ComparedLayer(str(name), report, (tuple(each),)))
        entries = tuple(found)
        return LayerComparison(by, entries, entries[0].report.samples, order=order_of(entries))

    return made


def said(comparison):
    return " ".join(with_differences(comparison).differences)


def test_places_come_in_the_order_of_their_absolute_difference(layers):
    compared = layers("frameworks", {"keras": (0.5, 0.9, None, 1e-9), "torch": (0.6, 0.5, None, 1e-3)})
    assert compared.order == ((0, 1), (0, 0), (0, 3), (0, 2))


def test_no_difference_is_greater_than_that_between_a_number_and_none(layers):
    compared = layers("frameworks", {"keras": (0.5, 0.9, None), "torch": (0.6, 0.5, 0.9)})
    assert compared.order == ((0, 2), (0, 1), (0, 0))


def test_a_layer_without_any_output_changes_no_order(layers):
    outputs = {"keras": (0.5, 0.9), "torch": (0.6, 0.5), "tensorflow": (None, None)}
    assert layers("frameworks", outputs).order == ((0, 1), (0, 0))


def test_equal_differences_keep_the_order_of_the_channels(layers):
    assert layers("frameworks", {"keras": (0.5, 0.25), "torch": (0.25, 0.5)}).order == ((0, 0), (0, 1))


def test_one_layer_has_no_differences(layers):
    assert with_differences(layers("frameworks", {"keras": (0.5,)})).differences == ()
    two = layers("frameworks", {"keras": (0.5,), "torch": (0.9,)})
    assert with_differences(replace(two, order=())).differences == ()


@pytest.mark.parametrize(("after", "differs"), [(0.5 / 0.991, False), (0.5 / 0.989, True), (0.4951, False)])
def test_a_change_is_told_beyond_one_percent_of_the_greater_output(layers, after, differs):
    text = said(layers("frameworks", {"keras": (0.5,), "torch": (after,)}))
    assert ("Moving from Keras to PyTorch changes channel 0's output variance from 0.5" in text) == differs
    assert ("In training no channel's output variance differs by more than 1 %." in text) != differs


def test_outputs_as_good_as_nothing_are_no_change_however_far_apart(layers):
    assert "differs by more than 1 %." in said(layers("frameworks", {"keras": (1e-9,), "torch": (9e-7,)}))
    assert "Moving from Keras" in said(layers("frameworks", {"keras": (1e-9,), "torch": (2e-6,)}))


def test_the_channel_that_changes_most_is_named_with_its_reason_and_the_number_of_changes(layers):
    text = said(layers("frameworks", {"keras": (0.9, 0.2, 0.5), "torch": (0.95, 0.9, 0.5)}))
    assert (
        "Moving from Keras to PyTorch changes channel 1's output variance from 0.2000 to 0.9000 (ε 0.001 → 1e-05), "
        "the largest of 2 changes above 1 %."
    ) in text


def test_layers_that_change_alike_share_a_sentence_and_those_that_do_not_change_another(layers):
    outputs = {"keras": (0.2,), "torch": (0.9,), "flax": (0.9,), "keras2": (0.2,)}
    text = said(layers("frameworks", outputs))
    assert "Moving from Keras to PyTorch or Flax changes channel 0's output variance from 0.2000 to 0.9000" in text
    assert "With Keras 2 no channel's output variance differs by more than 1 % from that with Keras." in text


def test_all_presets_of_a_maker_go_by_its_name_and_some_by_their_own(layers):
    alike = {"torch": (0.2,), "keras-jax": (0.9,), "keras-tensorflow": (0.9,)}
    assert "Moving from PyTorch to Keras changes" in said(layers("frameworks", alike))
    one = {**alike, "keras-tensorflow": (0.2,)}
    assert "Moving from PyTorch to Keras on JAX changes" in said(layers("frameworks", one))


def test_a_layer_without_epsilon_is_named_and_two_are_needed_to_compare(layers):
    text = said(layers("frameworks", {"keras": (0.5,), "torch": (0.5,), "tensorflow": (None,)}))
    assert "The output of TensorFlow's tf.nn.moments is undefined without ε" in text
    assert "--epsilon sets one for all." in text
    alone = with_differences(layers("frameworks", {"keras": (0.5,), "tensorflow": (None,)})).verdict
    assert alone[0].startswith("The output of TensorFlow's tf.nn.moments is undefined")
    assert alone[1].startswith("Fewer than two of these")
    assert alone[2].startswith("The weight of a batch in the running statistics is 0.01 with Keras; unknown with Tens")


@pytest.mark.parametrize(("values", "percent"), [(2, "100 %"), (10, "11 %"), (100, "1.0 %")])
def test_bessels_correction_is_said_in_percent_of_these_values(layers, values, percent):
    text = said(layers("frameworks", {"keras": (0.5,), "torch": (0.5,)}, values=values))
    assert "The running variance of Keras is biased, and that of PyTorch is n/(n − 1) times as large" in text
    assert f"{percent} larger for {values} values." in text


def test_layers_that_are_all_biased_or_have_one_value_say_nothing_of_bessel(layers):
    assert "biased" not in said(layers("frameworks", {"keras": (0.5,), "flax": (0.5,)}))
    assert "biased" not in said(layers("frameworks", {"keras": (0.5,), "torch": (0.5,)}, values=1))


def test_the_weight_of_a_batch_is_said_where_it_differs(layers):
    text = said(layers("frameworks", {"keras": (0.5,), "torch": (0.5,)}))
    assert "The running statistics differ: the weight of a batch in them is 0.01 with Keras; 0.1 with PyTorch." in text
    assert "weight" not in said(layers("frameworks", {"keras": (0.5,), "flax": (0.5,)}))


def test_who_refuses_a_single_value_is_told_from_who_would_train(layers):
    text = said(layers("frameworks", {"keras": (0.5,), "torch": (0.5,), "flax": (0.5,)}, values=1))
    assert "PyTorch refuses to train on a single value; Keras and Flax would train." in text
    assert "refuse" not in said(layers("frameworks", {"keras": (0.5,), "torch": (0.5,)}))


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("batch", "instance"), "Batch norm depends on which samples share a batch; instance norm normalizes each"),
        (("batch", "weight-init", "layer"), "start depend on which samples share a batch; layer norm normalizes each"),
        (("batch", "instance", "layer"), "instance norm and layer norm normalize each sample by itself"),
    ],
)
def test_who_depends_on_the_batch_is_said_in_singular_and_plural(layers, names, sentence):
    assert sentence in said(layers("normalizers", dict.fromkeys(names, (0.5, 0.5))))


def test_normalizers_that_all_depend_on_the_batch_say_nothing_of_it(layers):
    assert "share a batch" not in said(layers("normalizers", {"batch": (0.5,), "weight-init": (0.5,)}))


def test_channels_that_are_normalized_together_are_a_reason(layers):
    text = said(layers("normalizers", {"batch": (1.0, 1.0), "layer": (0.4, 1.0)}))
    assert "from 1.000 to 0.4000 (channels 0–1 are normalized together)" in text


@pytest.mark.parametrize(("normalizer", "kept"), [("batch", True), ("instance", False)])
def test_epsilon_is_said_to_be_in_no_running_statistics_of_batch_norm(layers, normalizer, kept):
    text = said(layers("epsilons", {1e-3: (0.2,), 1e-5: (0.9,)}, normalizer=normalizer))
    assert ("ε does not enter the running statistics" in text) == kept
    assert "Moving from ε 0.001 to ε 1e-05 changes" in text


def test_the_running_variance_is_told_where_the_table_shows_it(tmp_path):
    """Of several batches, the sentence names the one in the table, with the numbers of the table."""
    values = np.random.default_rng(4).normal(size=(9, 60, 1)) * np.arange(1, 10).reshape(-1, 1, 1) * 40
    np.save(tmp_path / "x.npy", values)
    compared = bnstat.compare_layers(tmp_path / "x.npy", by="frameworks", values=["keras", "torch"])
    shown = table.render(compared, width=100)
    (batch,) = re.findall(r"running\s+variance\s+in\s+batch\s+(\d+)\s+is", shown)
    block = shown.split(f"channel 0 of batch {batch} ")[1].split("\n\n")[0]
    numbers = re.search(r"is\s+([\d.,]+)\s+with\s+Keras\s+and\s+([\d.,]+)\s+with\s+PyTorch\.", shown).groups()
    assert [line.split()[-1] for line in block.splitlines()[1:3]] == list(numbers)


def test_the_verdict_has_the_running_statistics_and_nothing_is_said_twice(layers):
    compared = with_differences(layers("frameworks", {"keras": (0.5,), "torch": (0.5,)}))
    assert compared.verdict == (
        "In training no channel's output variance differs by more than 1 %.",
        "The running statistics differ: the weight of a batch in them is 0.01 with Keras; 0.1 with PyTorch.",
    )
    assert not any("weight of a batch" in one for one in compared.sentences)


def test_bessels_correction_alone_is_in_the_verdict_where_it_matters(layers):
    outputs = {"keras": (0.5,), "keras2": (0.5,)}
    assert with_differences(layers("frameworks", outputs, values=4, momentum=0.5)).verdict == (
        "In training no channel's output variance differs by more than 1 %.",
        "After one training step, channel 0's running variance is 1.000 with Keras and 1.167 with Keras 2.",
    )
    small = with_differences(layers("frameworks", outputs, values=1000, momentum=0.5))
    assert small.verdict == ("No channel's output variance differs by more than 1 %.",)


def test_a_layer_with_nan_beside_one_with_a_number_is_told_first(tmp_path):
    values = np.random.default_rng(5).normal(size=(1, 50, 3)) * 30
    values[..., 1] = 4.0
    np.save(tmp_path / "x.npy", values)
    by_epsilon = bnstat.compare_layers(tmp_path / "x.npy", by="epsilons", values=[0, 1e-3, 1e-5], axis=2)
    assert by_epsilon.verdict == (
        "With ε 0 the output of channel 1 is NaN, because its variance is zero; with ε 0.001 and ε 1e-05 it is 0.",
        "No other channel's output variance differs by more than 1 %.",
    )
    assert by_epsilon.order[0] == (0, 1)
    by_normalizer = bnstat.compare_layers(
        tmp_path / "x.npy", by="normalizers", values=["batch", "instance"], axis=2, epsilon=0
    )
    assert "NaN" not in " ".join(by_normalizer.differences)
    shown = table.render(by_normalizer, width=100)
    assert re.search(r"channel 1 +NaN +NaN\n", shown)


def test_a_group_with_nan_is_told_beside_the_channel_alone(tmp_path):
    values = np.random.default_rng(6).normal(size=(1, 50, 4))
    values[0, 3, 1] = np.nan
    np.save(tmp_path / "x.npy", values)
    compared = bnstat.compare_layers(tmp_path / "x.npy", by="normalizers", values=["instance", "group:2"], axis=2)
    assert (
        "With group norm with 2 groups the output of channel 0 is undefined, because its group holds values that are "
        "NaN or infinite; with instance norm it is 0.999"
    ) in " ".join(compared.verdict)


def test_a_layer_that_refuses_its_epsilon_is_told_first_and_gets_no_call(layers):
    compared = with_differences(layers("frameworks", {"keras": (0.5,), "torch": (None,), "flax": (0.5,)}, epsilon=0))
    assert compared.verdict[:2] == (
        "PyTorch refuses to train with ε 0.",
        "No channel's output variance differs by more than 1 % between Keras and Flax.",
    )
    assert [one.name for one in calls_of(compared)] == ["flax"]


def test_every_place_that_a_sentence_tells_is_in_the_table(layers):
    outputs = {"keras": tuple([0.5] * 30), "torch": tuple([0.5 + 0.001 * place for place in range(29)] + [1e-4])}
    compared = with_differences(layers("frameworks", outputs))
    assert set(compared.told) <= set(rows.positions(compared, every=False, most=2))


def test_numbers_of_one_sentence_are_written_in_one_way(layers):
    text = said(layers("frameworks", {"keras": (0.5,), "torch": (0.9,)}))
    assert not re.search(r"\de\+\d", text)


def test_the_layer_to_type_has_the_channels_of_the_data_and_the_statistics_of_the_other(layers):
    compared = layers("frameworks", {"keras": (0.5, 0.5, 0.5), "torch": (0.9, 0.9, 0.9)})
    assert [(one.name, one.statistics_of, one.call) for one in calls_of(compared)] == [
        ("torch", "keras", "torch.nn.BatchNorm1d(3, eps=0.001, momentum=0.01)"),
        ("keras", "torch", "keras.layers.BatchNormalization(epsilon=1e-05, momentum=0.9)"),
    ]


def test_of_many_frameworks_each_other_one_is_told_once_with_the_statistics_of_the_first(layers):
    outputs = dict.fromkeys(("torch", "keras", "keras-jax", "flax", "haiku", "onnx"), (0.5,))
    found = {one.name: one.call for one in calls_of(layers("frameworks", outputs))}
    assert found == {
        "keras": "keras.layers.BatchNormalization(epsilon=1e-05, momentum=0.9)",
        "flax": "flax.linen.BatchNorm(epsilon=1e-05, momentum=0.9)",
        "haiku": "hk.BatchNorm(create_scale=True, create_offset=True, decay_rate=0.9, eps=1e-05)",
        "onnx": "BatchNormalization(epsilon=1e-05, momentum=0.9, training_mode=1)",
    }


def test_a_momentum_that_is_unknown_is_left_out_and_so_is_a_layer_without_an_epsilon(layers):
    (to_torch, to_haiku) = calls_of(layers("frameworks", {"haiku": (0.5,), "torch": (0.5,)}))
    assert to_torch.call == "torch.nn.BatchNorm1d(1, eps=1e-05)"
    assert to_haiku.call.endswith("decay_rate=0.9, eps=1e-05)")
    (only,) = calls_of(layers("frameworks", {"tensorflow": (None,), "torch": (0.5,)}))
    assert (only.name, only.statistics_of) == ("tensorflow", "torch")


def test_the_remedy_for_an_arithmetic_stands_with_its_framework(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(150, 1, (1, 100_000, 1)).astype("float32"))
    compared = bnstat.compare_layers(tmp_path / "x.npy", by="frameworks", values=["keras", "flax", "haiku"], axis=-1)
    found = {layers: one.message for one, layers in rows.findings(compared) if one.rule == "BN303"}
    assert list(found) == ["with keras", "with flax", "with haiku"]
    assert ["Keras on JAX" in message for message in found.values()] == [True, False, False]
    assert "Flax may compute" in found["with flax"]
    assert "use_fast_variance=False" in found["with flax"]


@pytest.mark.parametrize("seed", range(8))
def test_the_order_and_the_largest_change_are_those_that_a_loop_over_places_finds(layers, seed):
    random = np.random.default_rng(seed)
    outputs = {
        name: [None if random.random() < 0.2 else float(round(random.random(), 2)) for _ in range(30)]
        for name in ("keras", "torch", "flax")
    }
    compared = layers("frameworks", outputs)

    def spread(place):
        every = [row[place] for row in outputs.values()]
        known = [one for one in every if one is not None]
        if not known:
            return 0.0
        return np.inf if len(known) < len(every) else max(known) - min(known)

    order = sorted(range(30), key=lambda place: -spread(place))
    assert compared.order == tuple((0, place) for place in order)
    for name in ("torch", "flax"):
        pairs = [
            (abs(outputs["keras"][at] - outputs[name][at]), -number, at)
            for number, at in enumerate(order)
            if outputs["keras"][at] is not None and outputs[name][at] is not None
        ]
        notable = [one for one in pairs if one[0] > 0.01 * max(outputs["keras"][one[2]], outputs[name][one[2]])]
        most = max(notable)[2]
        entry = next(one for one in compared.entries if one.name == name)
        change = differences._change(compared.reference, entry, compared)
        assert (change.place, change.places) == ((0, most), len(notable))
        assert (change.before, change.after) == (outputs["keras"][most], outputs[name][most])
