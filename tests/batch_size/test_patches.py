"""Batches of patches: closed form, drawn batches, and brute force over every batch there is."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from bnstat.batch_size import closed_form
from bnstat.batch_size.patches import patches
from bnstat.batch_size.pools import pool
from bnstat.batch_size.slots import Taking

FORCED = 0.4


def table(numbers, seed=0, spread=2.0, shift=0.0):
    """Means, variances, volumes and foreground of patches: so many of each volume, every third of them foreground."""
    rng = np.random.default_rng(seed)
    volumes = np.repeat(np.arange(len(numbers)), numbers)
    foreground = np.concatenate([np.arange(number) % 3 == 2 for number in numbers])
    means = rng.normal(0, spread, len(numbers))[volumes] + rng.normal(0, 1, len(volumes)) + shift * foreground
    return means, rng.uniform(0.5, 2, len(volumes)), volumes, foreground


def nested(numbers, taking, kind="finite", batch_size=4, ranks=1, **options):
    return patches(*table(numbers, **options), taking).batches(kind, batch_size, ranks)


def brute(cells, taking, batch_size, ranks=1, kind="finite"):
    """Mean and variance of every batch with its probability, in exact proportion, from the definition in words."""
    means, variances, volumes, foreground = cells
    of = [np.flatnonzero(volumes == volume) for volume in range(volumes.max() + 1)]
    places = [(rank, slot) for rank in range(ranks) for slot in range(batch_size)]
    distinct = {(rank, slot // taking.per_volume) for rank, slot in places}
    order = sorted(distinct)
    chosen = permutations(of, len(order)) if kind == "finite" else product(of, repeat=len(order))
    found = []
    for some in chosen:
        options = []
        for rank, slot in places:
            mine = some[order.index((rank, slot // taking.per_volume))]
            if taking.forced is not None:
                forced = not slot < round(batch_size * (1 - taking.forced))
                wanted = [place for place in mine if foreground[place] == forced]
                mine = wanted or mine
            options.append(list(mine))
        every = list(product(*options))
        for batch in every:
            mean = means[list(batch)].mean()
            found.append((mean, variances[list(batch)].mean() + means[list(batch)].var(), 1 / len(every)))
    means, variances, weights = np.array(found).T
    return means, variances, weights / weights.sum()


TINY = [
    ((2, 2, 2), Taking(1), 2, 1),
    ((2, 2, 2), Taking(2), 3, 1),
    ((3, 1, 2), Taking(2), 3, 1),
    ((2, 2, 2), Taking(2), 4, 1),
    ((3, 3, 3), Taking(1), 2, 1),
    ((2, 2, 2, 2), Taking(2), 2, 2),
    ((2, 2, 2, 2), Taking(2), 1, 2),
    ((3, 3, 3), Taking(1, FORCED), 2, 1),
    ((3, 3, 4), Taking(2, FORCED), 3, 1),
    ((3, 1, 4), Taking(1, FORCED), 3, 1),
    ((4, 2, 3, 3), Taking(2, FORCED), 2, 2),
    ((5,), Taking(3, FORCED), 3, 1),
]


@pytest.mark.parametrize(("numbers", "taking", "batch_size", "ranks"), TINY)
def test_the_closed_form_of_all_there_are_equals_every_batch_there_is(numbers, taking, batch_size, ranks):
    cells = table(numbers, shift=1.5)
    means, variances, weights = brute(cells, taking, batch_size, ranks)
    whole = patches(*cells, taking).batches("finite", batch_size, ranks)
    form = whole.expected(batch_size * ranks)
    assert whole.mean == pytest.approx(weights @ means, rel=1e-12, abs=1e-12)
    assert form.variance == pytest.approx(weights @ variances, rel=1e-12)
    assert form.mean_sd**2 == pytest.approx(weights @ (means - weights @ means) ** 2, rel=1e-12)
    assert whole.variance == pytest.approx(form.variance + form.mean_sd**2, rel=1e-12)


@pytest.mark.parametrize("kind", ["finite", "infinite"])
@pytest.mark.parametrize("taking", [Taking(1), Taking(2), Taking(1, FORCED)])
def test_where_all_batches_are_few_they_are_taken_and_equal_the_closed_form(kind, taking):
    whole = nested((3, 3, 3), taking, kind, batch_size=2)
    drawn, form = whole.draw(2, 10_000, 0), whole.expected(2)
    assert drawn.complete
    assert len(np.unique(drawn.means)) > 5
    assert drawn.means.mean() == pytest.approx(whole.mean, rel=1e-12, abs=1e-12)
    assert drawn.means.var() == pytest.approx(form.mean_sd**2, rel=1e-12)
    assert drawn.variances.mean() == pytest.approx(form.variance, rel=1e-12)
    assert not whole.draw(2, 10_000, 0, enumerated=False).complete


def test_all_batches_are_those_that_brute_force_finds():
    cells = table((3, 3, 3))
    means, variances, _ = brute(cells, Taking(2, FORCED), 3)
    drawn = patches(*cells, Taking(2, FORCED)).batches("finite", 3).draw(3, 10_000, 0)
    assert drawn.complete
    np.testing.assert_allclose(np.sort(drawn.means), np.sort(means), rtol=1e-12)
    np.testing.assert_allclose(np.sort(drawn.variances), np.sort(variances), rtol=1e-12)


@pytest.mark.parametrize("kind", ["finite", "infinite"])
@pytest.mark.parametrize("numbers", [(8,) * 12, (8, 8, 3, 1, 8, 5, 8, 8, 2, 8)])
@pytest.mark.parametrize("taking", [Taking(1), Taking(4), Taking(3), Taking(1, FORCED), Taking(4, FORCED)])
@pytest.mark.parametrize(("batch_size", "ranks"), [(1, 1), (2, 1), (5, 1), (8, 1), (3, 2)])
def test_closed_form_and_drawn_batches_agree(kind, numbers, taking, batch_size, ranks):
    """Within 5 standard errors of 20,000 draws."""
    whole = nested(numbers, taking, kind, batch_size, ranks, shift=2.0)
    draws, size = 20_000, batch_size * ranks
    form, drawn = whole.expected(size), whole.draw(size, draws, 1, enumerated=False)
    deviations = (drawn.means - whole.mean) ** 2
    for measured, exact in ((drawn.means, whole.mean), (drawn.variances, form.variance), (deviations, form.mean_sd**2)):
        assert abs(measured.mean() - exact) < 5 * measured.std() / np.sqrt(draws)


@pytest.mark.parametrize("kind", ["finite", "infinite"])
@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_one_patch_of_each_volume_is_a_sample(kind, batch_size):
    means, variances, volumes, foreground = table((1,) * 7)
    whole = patches(means, variances, volumes, foreground, Taking()).batches(kind, batch_size)
    flat = closed_form.population(means, variances, kind)
    one, other = whole.expected(batch_size), flat.expected(batch_size)
    found = [whole.mean, whole.variance, one.mean_sd, one.variance]
    np.testing.assert_allclose(found, [flat.mean, flat.variance, other.mean_sd, other.variance], rtol=1e-12)
    np.testing.assert_allclose(whole.means, flat.means, rtol=1e-12)


def test_equal_parts_of_volumes_have_the_formula_with_f():
    whole = nested((5,) * 9, Taking(4), batch_size=12)
    f = (9 - 3) / (9 - 1)
    expected = whole.between_volumes * f / 3 + whole.between_patches / 12
    assert whole.lost(12) == pytest.approx(expected, rel=1e-12)
    larger = nested((5,) * 9, Taking(4), "infinite", batch_size=12)
    assert larger.lost(12) == pytest.approx(larger.between_volumes / 3 + larger.between_patches / 12, rel=1e-12)


def test_a_batch_of_every_volume_keeps_the_noise_of_its_patches_alone():
    whole = nested((6,) * 5, Taking(2), batch_size=10)
    assert whole.lost(10) == pytest.approx(whole.between_patches / 10, rel=1e-12)


@pytest.mark.parametrize("numbers", [(4,) * 6, (2,) * 6, (6, 2, 1, 4, 4, 3)])
@pytest.mark.parametrize("spread", [0.2, 2.0])
def test_estimates_for_a_larger_set_are_unbiased(numbers, spread):
    """Over 4,000 tables whose volumes vary by spread² and whose patches by 1; where nothing is clipped at 0."""
    rng = np.random.default_rng(0)
    tables, volumes = 4000, np.repeat(np.arange(len(numbers)), numbers)
    means = rng.normal(0, spread, (len(numbers), tables))[volumes] + rng.normal(0, 1, (len(volumes), tables))
    found = patches(means, np.ones_like(means), volumes, volumes < 0, Taking()).as_drawn("infinite")
    error = found.between_patches.std() / np.sqrt(tables)
    assert abs(found.between_patches.mean() - 1) < 5 * error
    if spread > 1:
        assert (found.between_volumes > 0).mean() > 0.99
        error = found.between_volumes.std() / np.sqrt(tables)
        assert abs(found.between_volumes.mean() - spread**2) < 5 * error


def test_patches_that_differ_no_less_within_than_between_volumes_leave_nothing_between_volumes():
    volumes = np.repeat(np.arange(4), 2)
    means = np.array([-1.0, 1.0] * 4)
    whole = patches(means, np.ones(8), volumes, volumes < 0, Taking()).as_drawn("infinite")
    assert whole.between_volumes == 0
    assert whole.between_patches == pytest.approx(2, rel=1e-12)


def test_the_spread_means_have_the_estimated_variances():
    numbers = (6, 2, 1, 4, 4, 3)
    means, variances, volumes, _ = table(numbers)
    found = pool(means, variances, volumes).of_a_larger_set()
    unbiased = [means[volumes == volume].var(ddof=1) for volume, number in enumerate(numbers) if number > 1]
    assert found.spreads.mean() == pytest.approx(np.mean(unbiased), rel=1e-12)
    noisy = [means[volumes == v].var(ddof=1) / n if n > 1 else np.mean(unbiased) for v, n in enumerate(numbers)]
    centres = [means[volumes == volume].mean() for volume in range(len(numbers))]
    assert found.centres.var() == pytest.approx(np.var(centres, ddof=1) - np.mean(noisy), rel=1e-12)


def taken(whole, batches):
    """Which value each batch took: volumes as the integer part of means, foreground as their half."""
    return whole.means[batches]


def test_drawn_batches_are_of_different_volumes_and_of_the_kinds_that_slots_ask_for():
    volumes = np.repeat(np.arange(5), 4)
    foreground = np.tile([False, False, False, True], 5)
    foreground[volumes == 3] = False  # falls back to its others
    foreground[volumes == 4] = True  # and the other way
    means = volumes + 0.5 * foreground
    whole = patches(means, np.ones(20), volumes, foreground, Taking(2, FORCED)).batches("finite", 5)
    (batches,) = whole._random(2000, 0)
    found = taken(whole, batches)
    of = np.floor(found).astype(int)
    assert (of[:, 0] == of[:, 1]).all()
    assert (of[:, 2] == of[:, 3]).all()
    assert all(len({*row}) == 3 for row in of[:, [0, 2, 4]].tolist())
    forced = found % 1 > 0
    expected = np.tile([False, False, False, True, True], (2000, 1))
    expected[of == 3], expected[of == 4] = False, True
    np.testing.assert_array_equal(forced, expected)


@pytest.mark.parametrize("kind", ["finite", "infinite"])
def test_equal_seeds_draw_equal_batches_even_where_memory_is_parted(kind, monkeypatch):
    whole = nested((4, 4, 2, 4, 4), Taking(2), kind)
    drawn = whole.draw(4, 777, 3).means
    assert (whole.draw(4, 777, 4).means != drawn).any()
    monkeypatch.setattr("bnstat.batch_size.patches._AT_ONCE", 100)
    np.testing.assert_array_equal(whole.draw(4, 777, 3).means, drawn)


def test_channels_are_answered_alone_however_many_there_are():
    rng = np.random.default_rng(0)
    volumes, foreground = np.repeat(np.arange(6), 4), rng.random(24) < 0.4
    means, variances = rng.normal(size=(24, 3)), rng.uniform(1, 2, (24, 3))
    for taking in (Taking(2), Taking(1, FORCED)):
        for kind in ("finite", "infinite"):
            every = patches(means, variances, volumes, foreground, taking).batches(kind, 4)
            for channel in range(3):
                cells = means[:, channel], variances[:, channel], volumes, foreground
                alone = patches(*cells, taking).batches(kind, 4)
                assert every.expected(4).mean_sd[channel] == pytest.approx(alone.expected(4).mean_sd, rel=1e-12)
                np.testing.assert_allclose(
                    every.draw(4, 50, 0).means[:, channel], alone.draw(4, 50, 0).means, rtol=1e-12
                )


def test_columns_of_other_volumes_have_what_each_has_alone():
    means, variances, volumes, foreground = table((4, 2, 4, 1, 3, 4), shift=1.0)
    places = np.random.default_rng(0).integers(0, 6, (6, 5))
    taking = Taking(2, FORCED)
    one = patches(means[:, None], variances[:, None], volumes, foreground, taking)
    side_by_side = one.redrawn(places).only(np.array([0, 2, 3])).batches("infinite", 5)
    for column, place in enumerate((0, 2, 3)):
        rows = [np.flatnonzero(volumes == volume) for volume in places[:, place]]
        every = np.concatenate(rows)
        numbered = np.repeat(np.arange(6), [len(some) for some in rows])
        alone = patches(means[every], variances[every], numbered, foreground[every], taking).batches("infinite", 5)
        for name in ("mean_sd", "variance", "shortfall"):
            found = getattr(side_by_side.expected(5), name)[column]
            assert found == pytest.approx(getattr(alone.expected(5), name), rel=1e-12)
        drawn = side_by_side.draw(5, 300, 0)
        np.testing.assert_allclose(drawn.means[:, column], alone.draw(5, 300, 0).means, rtol=1e-12)
        np.testing.assert_allclose(drawn.variances[:, column], alone.draw(5, 300, 0).variances, rtol=1e-12)


def test_columns_of_other_volumes_have_drawn_batches_however_few_there_are():
    means, variances, volumes, foreground = table((2, 2, 2))
    one = patches(means[:, None], variances[:, None], volumes, foreground, Taking(1))
    whole = one.redrawn(np.array([[0, 1], [1, 2], [2, 2]])).batches("finite", 2)
    drawn = whole.draw(2, 500, 0)
    assert (len(drawn.means), drawn.complete) == (500, False)
    assert one.batches("finite", 2).draw(2, 500, 0).complete


@pytest.mark.parametrize("kind", ["finite", "infinite"])
def test_a_kind_that_was_read_from_a_file_is_that_of_the_program(kind):
    """Two texts of the same letters may be two objects."""
    read, taking = "".join(list(kind)), Taking(2)
    for name in ("mean_sd", "variance"):
        found = [getattr(nested((2, 3, 2), taking, one, 3).expected(3), name) for one in (read, kind)]
        assert found[0] == found[1]


@pytest.mark.parametrize("kind", ["finite", "infinite"])
def test_batches_of_one_group_of_volumes_agree_with_their_closed_form(kind):
    parts = [nested((4,) * number, Taking(2), kind, 4, seed=number) for number in (3, 4, 6)]
    whole, draws = closed_form.Groups(tuple(parts)), 20_000
    form, drawn = whole.expected(4), whole.draw(4, draws, 0)
    np.testing.assert_allclose(whole.weights, np.array([3, 4, 6]) / 13)
    for measured, exact in ((drawn.variances, form.variance), ((drawn.means - whole.mean) ** 2, form.mean_sd**2)):
        assert abs(measured.mean() - exact) < 5 * measured.std() / np.sqrt(draws)
