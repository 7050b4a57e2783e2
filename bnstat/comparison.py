"""The story of `compare`: one pass over the files, then what each batch size does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from bnstat import noise, running
from bnstat.errors import InputError, UsageError
from bnstat.frameworks import layer_of
from bnstat.moments import Moments
from bnstat.recommendation import Cohort, recommend
from bnstat.report import CompareSettings, Comparison, Failure, Finding, Kind, Tolerances
from bnstat.report.compare import CurveChannel, CurvePoint, Observed, PopulationChannel, Renorm
from bnstat.table import BatchAxis, Path, Progress, Row, plan_files, read_rows

# Where batch renorm clips r and d at the end of its paper's schedule (Ioffe 2017).
R_CLIP, D_CLIP = 3.0, 5.0


def compare(
    paths: Path | Iterable[Path],
    *,
    batch_sizes: Sequence[int] | None = None,
    axis: int = -1,
    batch_axis: BatchAxis = None,
    framework: str = "keras",
    epsilon: float | None = None,
    momentum: float | None = None,
    population: Kind = "finite",
    draws: int = 1000,
    seed: int = 0,
    tolerance_noise: float = 0.1,
    tolerance_shortfall: float = 0.1,
    tolerance_gap: float = 0.1,
    progress: Progress | None = None,
) -> Comparison:
    """What batches of each size have, from one pass over the files.

    Args:
        paths: as for `diagnose`; their shapes may differ, their number of channels may not.
        batch_sizes: those to answer; 1, 2, 4, … up to the number of samples where left out.
        axis: the kept axis, as for `diagnose`.
        batch_axis: the axis of each file whose entries are samples, as for `diagnose`.
        framework: whose ε and running variance.
        epsilon: instead of the framework's.
        momentum: likewise, in the framework's own convention.
        population: "finite" takes the samples for all there are, "infinite" for some of a larger set.
        draws: batches that are drawn at most for a size; all of them are taken where they are fewer.
        seed: of the draws.
        tolerance_noise: of the recommendation, for the noise of the batch mean.
        tolerance_shortfall: likewise, for what the batch variance lacks.
        tolerance_gap: likewise, for the difference between training and evaluation output.
        progress: whom to tell how far reading has come.

    Raises:
        UsageError: a setting that cannot be, or that these data do not admit.
    """
    failures: list[InputError] = []
    preset, own_epsilon, own_momentum = layer_of(framework, epsilon, momentum)
    settings = CompareSettings(
        framework=preset,
        epsilon=own_epsilon,
        momentum=own_momentum,
        axis=axis,
        batch_axis=None if batch_axis == "none" else batch_axis,
        batch_sizes=tuple(batch_sizes or ()),
        population=population,
        draws=draws,
        seed=seed,
        tolerances=Tolerances(tolerance_noise, tolerance_shortfall, tolerance_gap),
    )
    _refuse_impossible(settings)
    try:
        planned = plan_files(paths, axis, batch_axis, failures)
        rows = [row for plan in planned for row in read_rows(plan, progress, failures)]
        sizes, notes = _answerable(settings, len(rows)) if rows else ((), [])
        table = _table(rows)
    except UsageError as error:
        error.failures = tuple(failures)
        raise
    arrays = bool(planned) and all(plan.volume.batched for plan in planned)
    cohorts = [_cohort(table, channel) for channel in range(table.shape[1])] if table is not None else []
    return Comparison(
        settings=settings,
        samples=tuple(row.sample for row in rows),
        population=_populations(table, cohorts, population),
        batch_sizes=tuple(_point(size, len(rows), cohorts, settings) for size in sizes),
        recommendation=recommend(cohorts, sizes, settings, "array" if arrays else "input") if sizes else None,
        steps_to_forget=running.steps_to_forget(settings.batch_weight),
        findings=tuple(_left_out(rows, table)) if table is not None else (),
        errors=tuple(Failure(failure.source, failure.message) for failure in failures),
        notes=(*notes, *_shape_notes(rows)),
    )


def _refuse_impossible(settings: CompareSettings) -> None:
    for size in settings.batch_sizes:
        if size < 1:
            raise UsageError(f"batch size {size} cannot be: a batch has at least 1 sample")
    if settings.draws < 1:
        raise UsageError(f"{settings.draws} draws cannot be: draw at least 1 batch")
    if settings.seed < 0:
        raise UsageError(f"seed {settings.seed} cannot be: give a whole number that is 0 or more")
    tolerances = settings.tolerances
    for name, value in (("noise", tolerances.noise), ("shortfall", tolerances.shortfall), ("gap", tolerances.gap)):
        if not value >= 0:
            raise UsageError(f"tolerance for {name} {value:g} cannot be: give a number that is 0 or more")


def _answerable(settings: CompareSettings, samples: int) -> tuple[tuple[int, ...], list[str]]:
    """The batch sizes that these samples admit, and a note on those that they do not."""
    sizes = tuple(dict.fromkeys(settings.batch_sizes)) or tuple(2**k for k in range(samples.bit_length()))
    if settings.population == "infinite":
        if samples < 2:
            raise UsageError("one sample says nothing of a larger set; give more, or use --population finite")
        return sizes, []
    fitting = tuple(size for size in sizes if size <= samples)
    if not fitting:
        raise UsageError(
            f"every batch size asks for more samples than there are ({samples}); "
            "give more volumes, smaller sizes, or use --population infinite"
        )
    left = [str(size) for size in sizes if size > samples]
    note = f"batch size {', '.join(left)} needs more than these {samples} samples: --population infinite answers it"
    return fitting, [note] if left else []


def _table(rows: Sequence[Row]) -> Moments | None:
    """Moments of shape (samples, channels); None where no file could be read."""
    for row in rows:
        if row.arrangement.channels != rows[0].arrangement.channels:
            raise UsageError(
                f"{rows[0].sample.title} has {rows[0].arrangement.channels} channels and {row.sample.title} has "
                f"{row.arrangement.channels}; compare files of one number of channels, or choose --axis"
            )
    return Moments.stack([row.moments for row in rows]) if rows else None


def _usable(table: Moments, channel: int) -> NDArray[np.bool_]:
    """The samples of a channel that have a mean: those without NaN and Inf."""
    return np.asarray((table.count[:, channel] > 0) & (table.nan[:, channel] + table.inf[:, channel] == 0))


def _cohort(table: Moments, channel: int) -> Cohort:
    whole = _usable(table, channel)
    return Cohort(
        means=table.mean[whole, channel],
        variances=table.variance[whole, channel],
        count=float(table.count[whole, channel].mean()) if whole.any() else 0.0,
    )


def _populations(table: Moments | None, cohorts: Sequence[Cohort], kind: Kind) -> tuple[PopulationChannel, ...]:
    found = []
    for channel, cohort in enumerate(cohorts):
        if table is None or not len(cohort.means):
            found.append(PopulationChannel(channel, 0, None, None, None, None, None))
        else:
            found.append(_population(channel, cohort, table[_usable(table, channel), channel].merged(), kind))
    return tuple(found)


def _population(channel: int, cohort: Cohort, merged: Moments, kind: Kind) -> PopulationChannel:
    samples = len(cohort.means)
    together = (int(merged.count), float(merged.mean), float(merged.variance))
    if samples == 1:
        mean, within = float(cohort.means[0]), float(cohort.variances[0])
        return PopulationChannel(channel, 1, mean, within, within, None, None, *together)
    whole = noise.population(cohort.means, cohort.variances, kind)
    return PopulationChannel(
        channel, samples, whole.mean, whole.variance, whole.within, whole.between, whole.rho, *together
    )


def _point(size: int, samples: int, cohorts: Sequence[Cohort], settings: CompareSettings) -> CurvePoint:
    drawn = [_draw(size, cohort, settings) for cohort in cohorts]
    numbers = [len(one[1].means) for one in drawn if one is not None]
    return CurvePoint(
        batch_size=size,
        batches_drawn=max(numbers, default=0),
        complete=all(one[1].complete for one in drawn if one is not None) and bool(numbers),
        takes_all=settings.population == "finite" and size == samples,
        channels=tuple(
            _curve_channel(channel, size, cohort, one, settings)
            for channel, (cohort, one) in enumerate(zip(cohorts, drawn, strict=True))
        ),
    )


def _draw(size: int, cohort: Cohort, settings: CompareSettings) -> tuple[noise.Population, noise.Drawn] | None:
    """Batches of a channel; None where it has too few samples for any."""
    samples = len(cohort.means)
    if samples < 2 or (settings.population == "finite" and size > samples):
        return None
    whole = noise.population(cohort.means, cohort.variances, settings.population)
    return whole, noise.draw(whole, size, settings.draws, settings.seed)


def _curve_channel(
    channel: int,
    size: int,
    cohort: Cohort,
    drawn: tuple[noise.Population, noise.Drawn] | None,
    settings: CompareSettings,
) -> CurveChannel:
    if drawn is None:
        alone = len(cohort.means) == size == 1
        return CurveChannel(channel, expected_variance=float(cohort.variances[0]) if alone else None)
    whole, batches = drawn
    form = noise.expected(whole, size)
    gap = noise.gap(whole, batches, settings.epsilon, cohort.bessel(size, settings.framework))
    spread = float(batches.variances.std())
    settled = running.noise(form.mean_sd, spread, settings.batch_weight, cohort.bessel(size, settings.framework))
    return CurveChannel(
        channel=channel,
        expected_variance=form.variance,
        variance_shortfall=form.shortfall,
        mean_sd=form.mean_sd,
        mean_noise=form.mean_noise,
        variance_cv=spread / form.variance if form.variance else None,
        observed=Observed(
            variance_mean=float(batches.variances.mean()),
            variance_sd=spread,
            mean_sd=float(np.sqrt(np.mean((batches.means - whole.mean) ** 2))),
        ),
        eval_output_variance=gap.eval_output_variance,
        train_eval_rms=gap.rms,
        renorm=_renorm(gap) if gap.rms is not None else None,
        running_mean_sd=settled.mean_sd,
        running_variance_sd=settled.variance_sd,
    )


def _renorm(gap: noise.Gap) -> Renorm:
    r05, r50, r95 = (float(value) for value in np.percentile(gap.r, (5, 50, 95)))
    d05, d50, d95 = (float(value) for value in np.percentile(gap.d, (5, 50, 95)))
    r_clipped = float(np.mean((gap.r > R_CLIP) | (gap.r < 1 / R_CLIP)))
    return Renorm(r05, r50, r95, d05, d50, d95, r_clipped, float(np.mean(np.abs(gap.d) > D_CLIP)))


def _left_out(rows: Sequence[Row], table: Moments) -> Iterable[Finding]:
    """The samples that a channel goes without, since NaN and Inf leave them no mean."""
    for place, row in enumerate(rows):
        for channel in range(table.shape[1]):
            for code, name, counts in (("BN104", "nan-voxels", table.nan), ("BN105", "inf-voxels", table.inf)):
                number = int(counts[place, channel])
                if number:
                    kind = name.removesuffix("-voxels").replace("nan", "NaN").replace("inf", "infinite")
                    message = (
                        f"{row.sample.title}: channel {channel} holds {number:,} {kind} values, so this sample is left "
                        "out of that channel. Replace them before training."
                    )
                    yield Finding(code, name, "error", message, row.sample.source, None, channel, float(number), 0.0)


def _shape_notes(rows: Sequence[Row]) -> list[str]:
    shapes = {row.arrangement.sample_shape for row in rows}
    if len(shapes) < 2:
        return []
    return [f"the samples have {len(shapes)} different shapes, each counts as one; training crops them to one size"]
