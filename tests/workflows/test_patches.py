"""`compare` and `check` where samples are patches of volumes: the table is cut by hand, all that follows is real."""

from __future__ import annotations

import csv as csv_reader
import io
import json
from functools import partial
from itertools import combinations, product
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import bnstat
from bnstat.batch_size.closed_form import population
from bnstat.moments.moments import Moments
from bnstat.preprocessing.samples import Row
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.reading import table
from bnstat.reading.rows import Rows
from bnstat.reading.settings import Reading
from bnstat.renderers import csv
from bnstat.renderers import json as json_format
from bnstat.renderers.compare_batch_sizes import markdown, plot
from bnstat.renderers.compare_batch_sizes import table as table_format
from bnstat.sources.layout import Tensor
from bnstat.sources.sample import Patch, Sample
from bnstat.workflows import compare_batch_sizes, judged_volumes

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs/schema/bnstat.compare-1.schema.json").read_text(encoding="utf-8")
)
LENGTH = 16


def volumes(number=12, patches=8, channels=2, seed=0, apart=1.0):
    """Values of shape (volumes, patches·LENGTH, channels): means differ between volumes and between their patches."""
    rng = np.random.default_rng(seed)
    means = apart * rng.normal(size=(number, 1, 1, channels)) + 0.7 * rng.normal(size=(number, patches, 1, channels))
    return rng.normal(means, 1.0, (number, patches, LENGTH, channels)).reshape(number, -1, channels)


def cut(row, patching, every):
    """A volume's patches side by side, every third or so around foreground."""
    values = np.load(row.sample.source)
    for place in range(len(values) // LENGTH):
        sample = Sample(
            source=row.sample.source,
            index=None,
            shape=row.sample.shape,
            dtype=row.sample.dtype,
            patch=Patch((place * LENGTH,), patching.size, place % every == every - 1),
        )
        moments = Moments.from_array(values[place * LENGTH : (place + 1) * LENGTH])
        yield Row(sample, moments, Tensor((LENGTH, values.shape[-1]), 2))


@pytest.fixture
def patched(tmp_path, monkeypatch):
    """Call `compare` or `check` on arrays (volumes, values, channels), cut into patches."""

    def read(every, paths, axis, _batch_axis, reading, progress, check):
        whole = table.read_table(paths, axis, "none", Reading(), progress, check)
        rows = [one for row in whole.rows for one in cut(row, reading.preparation.patches, every)]
        return table.Table((), Rows.of(rows), whole.failures, reading.preparation)

    def ask(values, call=bnstat.compare, per_volume=1, foreground=None, number=8, every=3, **settings):
        paths = []
        for place, one in enumerate(values):
            folder = tmp_path / f"site_{place % 2}"
            folder.mkdir(exist_ok=True)
            np.save(folder / f"{place:02}.npy", one)
            paths.append(folder / f"{place:02}.npy")
        patching = Patching((LENGTH,), number, per_volume, foreground)
        monkeypatch.setattr(compare_batch_sizes, "read_table", partial(read, every))
        monkeypatch.setattr(judged_volumes, "read_table", partial(read, every))
        return call(paths, reading=Reading(preparation=Preparation(patches=patching)), **settings)

    return ask


def document(found):
    """The JSON document, held to its schema."""
    made = json.loads(json_format.render(found))
    jsonschema.validate(made, SCHEMA, cls=jsonschema.Draft202012Validator)
    return made


def means_of(values):
    """Patch means and variances of shape (volumes, patches, channels)."""
    cells = values.reshape(len(values), -1, LENGTH, values.shape[-1])
    return cells.mean(axis=2), cells.var(axis=2)


def test_the_variance_splits_into_within_between_volumes_and_between_patches(patched):
    values = volumes()
    means, variances = means_of(values)
    made = document(patched(values, population="finite"))
    assert (made["population"]["samples"], made["population"]["volumes"]) == (96, 12)
    for channel in made["population"]["channels"]:
        own, within = means[..., channel["channel"]], variances[..., channel["channel"]]
        assert (channel["samples"], channel["volumes"]) == (96, 12)
        assert channel["within"] == pytest.approx(within.mean(), rel=1e-12)
        assert channel["between_volumes"] == pytest.approx(own.mean(axis=1).var(), rel=1e-12)
        assert channel["between_patches"] == pytest.approx(own.var(axis=1).mean(), rel=1e-12)
        assert channel["between"] == pytest.approx(channel["between_volumes"] + channel["between_patches"], rel=1e-12)
        assert channel["variance"] == pytest.approx(values[..., channel["channel"]].var(), rel=1e-12)
        assert channel["rho"] == pytest.approx(channel["between"] / channel["variance"], rel=1e-12)


def test_whole_volumes_are_told_as_ever():
    made = json.loads(json_format.render(bnstat.compare(Path(__file__).parents[2] / "sample_data" / "cohort")))
    assert "volumes" not in made["population"]
    assert not {"volumes", "between_volumes", "between_patches"} & set(made["population"]["channels"][0])


@pytest.mark.parametrize("per_volume", [1, 2, 3])
def test_sizes_go_up_to_all_volumes_with_the_patches_of_each(patched, per_volume):
    found = patched(volumes(5), per_volume=per_volume, draws=50)
    sizes = [point.batch_size for point in found.batch_sizes]
    assert sizes == [2**k for k in range(6) if 2**k <= 5 * per_volume]
    assert not any(point.takes_all for point in found.batch_sizes)


def test_the_curve_has_the_noise_of_volumes_and_not_that_of_as_many_samples(patched):
    values = volumes(channels=1)
    means = means_of(values)[0][..., 0]
    found = patched(values, per_volume=4, batch_sizes=[8], draws=2000, population="finite")
    (channel,) = found.batch_sizes[0].channels
    expected = means.mean(axis=1).var() * (10 / 11) / 2 + means.var(axis=1).mean() / 8
    assert channel.mean_sd**2 == pytest.approx(expected, rel=1e-12)
    assert channel.observed.mean_sd == pytest.approx(channel.mean_sd, rel=0.1)
    assert channel.expected_variance == pytest.approx(values.var() - expected, rel=1e-12)
    alone = population(means.ravel(), np.ones(96)).expected(8)
    assert channel.mean_sd > 1.5 * alone.mean_sd


def test_drawn_batches_of_two_volumes_are_every_pair_of_them(patched):
    values = volumes(4, patches=2, channels=1)
    means = means_of(values)[0][..., 0]
    (point,) = patched(values, number=2, batch_sizes=[2], population="finite").batch_sizes
    every = [(one + other) / 2 for a, b in combinations(means, 2) for one, other in product(a, b)]
    assert (point.complete, point.batches_drawn) == (True, 2 * len(every))
    assert point.channels[0].observed.mean_sd == pytest.approx(np.std(every), rel=1e-12)
    assert point.channels[0].mean_sd == pytest.approx(np.std(every), rel=1e-12)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"batch_sizes": [32]}, r"more volumes than the 12 given with 2 patches of each in a batch"),
        ({"number": 1}, "cannot take 2 patches from a volume that gives 1; raise `number` to 2"),
    ],
)
def test_what_volumes_and_patches_do_not_admit_is_refused(patched, settings, said):
    with pytest.raises(bnstat.UsageError, match=said):
        patched(volumes(), per_volume=2, population="finite", **settings)


def test_more_patches_than_are_drawn_are_refused_by_check_too(patched):
    with pytest.raises(bnstat.UsageError, match="raise `number` to 9"):
        patched(volumes(), bnstat.check, per_volume=9)


@pytest.mark.parametrize("kind", ["finite", "infinite"])
def test_one_volume_says_nothing_between_volumes_instead_of_zeros(patched, kind):
    values = volumes(1)
    found = patched(values, population=kind)
    (channel, _) = document(found)["population"]["channels"]
    assert (channel["between"], channel["between_volumes"], channel["rho"]) == (None, None, None)
    assert channel["between_patches"] == pytest.approx(means_of(values)[0][0, :, 0].var(), rel=1e-12)
    (point,) = found.batch_sizes
    assert point.channels[0].mean_noise is None
    assert point.channels[0].expected_variance == pytest.approx(channel["within"], rel=1e-12)
    assert "One volume cannot show the variance between volumes" in " ".join(table_format.render(found).split())


def test_larger_sizes_are_left_out_with_a_note_on_volumes_and_patches(patched):
    found = patched(volumes(), per_volume=2, batch_sizes=[4, 32], population="finite")
    assert [point.batch_size for point in found.batch_sizes] == [4]
    assert found.notes == (
        "skipped batch size 32, which needs more than these 12 volumes with 2 patches of each in a batch; "
        '`population="infinite"` includes it',
    )
    assert len(patched(volumes(), per_volume=2, batch_sizes=[4, 32]).batch_sizes) == 2


@pytest.mark.parametrize("kind", ["finite", "infinite"])
@pytest.mark.parametrize("foreground", [None, "0.5", "nnunet:0.4"])
def test_closed_form_drawn_batches_and_simulated_runs_agree(patched, kind, foreground):
    settings = {"batch_sizes": [5], "population": kind, "draws": 20_000, "steps": 600, "framework": "torch"}
    found = patched(volumes(), per_volume=2, foreground=foreground, frameworks=["keras"], **settings)
    document(found)
    for channel in found.batch_sizes[0].channels:
        assert channel.observed.variance_mean == pytest.approx(channel.expected_variance, rel=0.03)
        assert channel.observed.mean_sd == pytest.approx(channel.mean_sd, rel=0.03)
        run = channel.simulated.independent
        assert run.running_mean_sd == pytest.approx(channel.running_mean_sd, rel=0.15)
        assert run.running_variance_sd == pytest.approx(channel.running_variance_sd, rel=0.15)
        assert abs(run.running_mean - run.expected_running_mean) < 5 * channel.running_mean_sd
        assert abs(run.running_variance - run.expected_running_variance) < 5 * channel.running_variance_sd
        assert (channel.simulated.shuffled is None) == (kind == "infinite")
        if kind == "finite":
            assert channel.simulated.shuffled.running_mean_sd < run.running_mean_sd
    (beside,) = found.others
    assert beside.channels[0][0].train_eval_rms is not None
    assert beside.channels[0][0].renorm is not None


def test_forced_slots_change_the_mean_that_training_sees_with_the_batch_size(patched):
    values = volumes(apart=0.1)
    cells = values.reshape(12, 8, LENGTH, 2)
    cells[:, 2::3] += 3.0  # foreground is brighter
    found = patched(values, foreground="nnunet:0.33", batch_sizes=[1, 2, 3])
    means = cells.mean(axis=2)
    other, bright = np.delete(means, [2, 5], axis=1).mean(axis=(0, 1)), means[:, 2::3].mean(axis=(0, 1))
    for point, share in zip(found.batch_sizes, (0, 1 / 2, 1 / 3), strict=True):
        for channel in point.channels:
            mixed = (1 - share) * other[channel.channel] + share * bright[channel.channel]
            assert channel.running_mean == pytest.approx(mixed, rel=1e-12)


def test_synchronized_ranks_take_the_volumes_of_all_of_them(patched):
    values = volumes(channels=1)
    found = patched(values, per_volume=2, ranks=3, batch_sizes=[3, 5], population="finite")
    means = means_of(values)[0][..., 0]
    (channel,) = found.batch_sizes[0].synchronized.channels
    weights = np.array([2, 1] * 3) / 9
    factor = (12 * np.sum(weights**2) - 1) / 11
    expected = means.mean(axis=1).var() * factor + means.var(axis=1).mean() / 9
    assert channel.mean_sd**2 == pytest.approx(expected, rel=1e-12)
    assert found.batch_sizes[1].synchronized.batch_size == 15
    assert patched(values, ranks=3, batch_sizes=[5], population="finite").batch_sizes[0].synchronized is None


def test_groups_are_of_volumes(patched):
    values = volumes(11, channels=1)
    found = patched(
        values, group_by="directory", batch_sizes=[1, 4, 8], per_volume=2, draws=20_000, population="finite"
    )
    assert [(group.name, group.samples, group.volumes) for group in found.groups] == [
        ("site_0", 48, 6),
        ("site_1", 40, 5),
    ]
    means = means_of(values)[0].mean(axis=(1, 2))
    apart = (6 * (means[::2].mean() - means.mean()) ** 2 + 5 * (means[1::2].mean() - means.mean()) ** 2) / 11
    assert found.population[0].between_groups == pytest.approx(apart, rel=1e-12)
    for point in found.batch_sizes:
        (channel,) = point.one_group.channels
        assert channel.observed.mean_sd == pytest.approx(channel.mean_sd, rel=0.03)
    assert "site_0 (48 patches of 6 volumes), site_1 (40 patches of 5 volumes)" in markdown.render(found).replace(
        "\\", ""
    )
    assert document(found)["population"]["groups"][0]["volumes"] == 6


def test_every_format_says_patches_of_volumes(patched):
    found = patched(volumes(), per_volume=2, steps=20, ranks=2, population="finite")
    for shown in (table_format.render(found, width=100), markdown.render(found)):
        text = " ".join(shown.split())
        assert (
            "96 patches of 12 volumes, taken as the whole population; 2 patches of a volume in a batch; batch norm"
            in text
        )
        assert "between volumes + " in text
        assert "between patches of a volume; 96 patches of 12 volumes (share between them ρ" in text
    rows = list(csv_reader.DictReader(io.StringIO(csv.render(found))))
    assert {row["batch_size"] for row in rows} >= {"1", "2", "4", "8", "16"}
    pytest.importorskip("matplotlib")
    assert plot.render(found, "svg").startswith(b"<?xml")


def test_the_recommendation_is_of_volumes(patched):
    few = patched(volumes(7)).recommendation
    assert "7 usable volumes are too few to tell how volumes differ; give at least 8" in few.reason
    found = patched(volumes(30, apart=0.4), population="infinite", batch_sizes=[8, 32, 128, 512]).recommendation
    assert found.least <= found.estimate <= found.most <= found.batch_size
    assert found.samples == 30


def test_more_patches_of_a_volume_ask_for_a_larger_batch(patched):
    sizes = [2**k for k in range(12)]
    asked = {
        "population": "infinite",
        "batch_sizes": sizes,
        "tolerance_gap": 9.0,
        "tolerance_shortfall": 9.0,
        "draws": 9,
    }
    values = volumes(20, channels=1)
    needed = [patched(values, per_volume=each, **asked).recommendation.batch_size for each in (1, 8)]
    assert needed[1] >= 4 * needed[0]


def test_the_size_that_would_be_needed_is_enough(patched):
    asked = {"population": "infinite", "per_volume": 3, "tolerance_gap": 99.0, "draws": 10}
    found = patched(volumes(20), batch_sizes=[1, 2, 4], **asked).recommendation
    needed = found.mean_and_variance.estimate
    for size in (needed, needed + 1, needed + 2):
        for channel in patched(volumes(20), batch_sizes=[size], **asked).batch_sizes[0].channels:
            assert channel.mean_noise <= 0.1
            assert channel.variance_shortfall <= 0.1


def test_a_range_is_found_where_volumes_have_unequal_numbers_of_patches(patched):
    values = volumes(12, channels=1)
    values[3, : 6 * LENGTH] = np.nan
    values[5, 0] = np.nan
    found = patched(values, population="infinite", batch_sizes=[2, 8, 32, 128])
    assert (found.population[0].samples, found.population[0].volumes) == (89, 12)
    assert found.recommendation.samples == 12
    assert found.recommendation.least < found.recommendation.estimate < found.recommendation.most


def test_nan_is_one_finding_for_a_volume_and_channel_that_names_a_patch(patched):
    values = volumes(9)
    values[2, LENGTH, 1] = np.nan
    values[4, 3 * LENGTH : 6 * LENGTH, 0] = np.nan
    values[4, -1, 0] = np.inf
    found = patched(values)
    one, many, infinite = found.findings
    assert one.message.endswith(
        "02.npy[16:32]: channel 1 contains 1 NaN value, so this patch is skipped in this channel. "
        "Replace such values before training."
    )
    assert (one.rule, one.channel, one.value) == ("BN104", 1, 1.0)
    assert (
        "04.npy: channel 0 of 3 of its 8 patches, [48:64] first, contains 48 NaN values, so these are skipped"
        in many.message
    )
    assert (infinite.rule, infinite.source) == ("BN105", many.source)
    assert [(channel.samples, channel.volumes) for channel in found.population] == [(68, 9), (71, 9)]


def test_a_volume_without_a_usable_patch_is_not_of_the_cohort(patched):
    values = volumes(9)
    values[4, ::LENGTH, 0] = np.nan
    found = patched(values, per_volume=2, batch_sizes=[16, 18], population="finite")
    assert [(channel.samples, channel.volumes) for channel in found.population] == [(64, 8), (72, 9)]
    assert [channel.mean_noise is None for channel in found.batch_sizes[1].channels] == [True, False]


def test_check_counts_volumes(patched):
    few = patched(volumes(7), bnstat.check, batch_size=2)
    assert (
        "7 volumes cannot tell how batch statistics differ between volumes; rules on this need 8 or more" in few.notes
    )
    assert not [one for one in few.findings if one.rule.startswith("BN2")]


@pytest.mark.parametrize(("per_volume", "ranks"), [(1, 1), (2, 1), (2, 2)])
def test_check_judges_by_what_compare_says_of_a_larger_set(patched, per_volume, ranks):
    values = volumes(12, channels=1)
    asked = {"per_volume": per_volume, "ranks": ranks}
    found = patched(values, bnstat.check, batch_size=3, **asked)
    compared = patched(values, batch_sizes=[3], population="infinite", **asked).batch_sizes[0]
    (channel,) = (compared if ranks == 1 else compared.synchronized).channels
    (noisy,) = (one for one in found.findings if one.rule == "BN202")
    assert noisy.value == channel.mean_noise
    advised = int(noisy.message.partition("Use a batch size of about ")[2].split()[0].replace(",", ""))
    again = patched(values, batch_sizes=[advised], population="infinite", per_volume=per_volume).batch_sizes[0]
    assert again.channels[0].mean_noise <= 0.1


@pytest.mark.parametrize(("size", "told"), [(1, False), (2, True)])
def test_slots_that_no_patch_is_for_are_told(patched, size, told):
    values = volumes()[:, : 2 * LENGTH]  # the first two patches of a volume, of which none is around foreground
    found = patched(values, number=2, foreground="nnunet:0.33", batch_sizes=[size])
    note = "no patch is around foreground, so the slots of a batch that need such patches take others"
    assert (note in found.notes) == told


@pytest.mark.parametrize("foreground", [None, "nnunet:0.33"])
def test_the_size_that_is_advised_is_enough_whatever_its_share_of_foreground(patched, foreground):
    asked = {"foreground": foreground, "every": 2}
    found = patched(volumes(), bnstat.check, batch_size=2, **asked)
    (noisy,) = (one for one in found.findings if one.rule == "BN202" and one.channel == 0)
    advised = int(noisy.message.partition("Use a batch size of about ")[2].split()[0].replace(",", ""))
    at = patched(volumes(), batch_sizes=[advised, advised // 2], **asked).batch_sizes
    noises = [point.channels[0].mean_noise for point in at]
    assert noises[0] <= 0.101  # the share of foreground differs a little from size to size
    assert noises[1] > 0.12


def test_patches_of_one_voxel_have_no_negative_variance(tmp_path):
    draw = np.random.default_rng(4)
    for place in range(8):
        np.save(tmp_path / f"{place}.npy", draw.normal(draw.normal(), 1, (1, 5, 5, 5, 1)))
    for seed in range(20):
        reading = Reading(preparation=Preparation(patches=Patching((1, 1, 1), number=3, seed=seed)))
        found = bnstat.compare(str(tmp_path), batch_sizes=[1], reading=reading)
        channel = found.batch_sizes[0].channels[0]
        assert channel.expected_variance >= 0
        assert channel.expected_variance == pytest.approx(0, abs=1e-15)
        assert "all values together" in table_format.render(found)
