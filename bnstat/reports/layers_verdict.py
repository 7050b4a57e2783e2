"""What was measured of a network's normalizations, in sentences: the verdict of `bnstat layers`.

What is wrong and what to do come first, and why it is so after that. The sentences answer questions in this order: is
there anything to normalize, does the network train at all, are there stored statistics, does the output depend on them
and what is to be done (in `layers_advice`), do they fit, what does training remove, and what reaches the layers in
evaluation mode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from bnstat.batch_size.fewest import FEWEST_SAMPLES
from bnstat.networks.results import LayerResult, Measured, PerChannel
from bnstat.networks.settings import Measuring
from bnstat.reports.layers_advice import advice, on_output, to_switch
from bnstat.reports.layers_words import (
    LEAST_SHARE,
    Figured,
    between_in_training,
    fits,
    full,
    in_sd,
    kinds,
    kinds_of,
    lost,
    medians,
    more_values,
    name,
    names,
    of_size,
    percent,
    sizes_of,
    span,
    times,
)
from bnstat.text import joined, plural, printable

# Words for a normalization of any kind, and for one whose statistics are those of the batch.
_NORM, _BATCH_NORM = "norm", "batch norm"


def verdict(measured: Measured, asked: Measuring) -> tuple[str, ...]:
    """Return the verdict, a text for each question; the first says the most important."""
    if not measured.layers:
        missed = (full(one) for one in measured.missed)
        return (" ".join((f"{printable(measured.model.source)} runs no normalization.", *missed)),)
    texts = (
        _on_values(measured.layers),
        *_on_refusals(measured.layers),
        *_on_missing(measured),
        *_on_stored(measured, asked),
        _on_training(measured, asked),
        _on_evaluation(measured, asked),
    )
    return tuple(text for text in texts if text) or (_nothing_known(measured.layers),)


def _nothing_known(layers: Sequence[LayerResult]) -> str:
    """Say that no figure is defined, and why if no channel varies."""
    if all(len(layer.dead) == layer.channels for layer in layers):
        return "No channel that enters a norm varies over these samples, so nothing is known of what the norms do."
    return "Nothing is known of what the norms do with these samples: no figure of them is defined."


# --- Is there anything to normalize? -----------------------------------------------------------------------------


def _on_values(layers: Sequence[LayerResult]) -> str:
    """Say where NaN or Inf enters, since nothing is known of such a channel; empty if nowhere."""
    found = [layer for layer in layers if layer.not_finite]
    if not found:
        return ""
    first = found[0]
    some = len(first.not_finite) < first.channels
    where = f"{len(first.not_finite):,} of {first.channels:,} channels" if some else "every channel"
    more = f", and later {plural(len(found) - 1, 'more norm')}" if len(found) > 1 else ""
    return f"NaN or Inf enters {name(first)} in {where}{more}. Such a channel has no statistics."


# --- Does it train? ----------------------------------------------------------------------------------------------


def _on_refusals(layers: Sequence[LayerResult]) -> Iterator[str]:
    """Yield which layers refuse to train, for each set of them, and what to do."""
    refused: dict[tuple[str, ...], list[int]] = {}
    for size in sizes_of(layers):
        refusing = tuple(layer.layer for layer in layers if (one := of_size(layer, size)) is not None and one.raises)
        if refusing:
            refused.setdefault(refusing, []).append(size)
    for refusing, sizes in refused.items():
        found = [layer for layer in layers if layer.layer in refusing]
        batches = [one for layer in found for size in sizes if (one := of_size(layer, size)) is not None]
        single = all(one.values == 1 for one in batches)
        why = ", where a channel has a single value." if single else _in_its_words(batches[0].message)
        texts = (
            f"At {_sizes(sizes)}, {len(found):,} of {plural(len(layers), 'norm')} "
            f"{'refuses' if len(found) == 1 else 'refuse'} to train: {names(found)}{why}",
            _trains_at(layers),
            more_values(found) if single else "",
        )
        yield " ".join(text for text in texts if text)


def _in_its_words(message: str | None) -> str:
    return "." if message is None else f' ("{printable(message)}").'


def _sizes(sizes: Sequence[int]) -> str:
    return f"batch {'size' if len(sizes) == 1 else 'sizes'} {joined([f'{size:,}' for size in sizes])}"


def _trains_at(layers: Sequence[LayerResult]) -> str:
    """Say at which of the batch sizes the network ran; empty if at none."""
    ran = _ran_at(layers)
    return f"The network trains at {_sizes(ran)}." if ran else ""


def _ran_at(layers: Sequence[LayerResult]) -> list[int]:
    """Return the batch sizes at which batches ran through the whole network, the smallest first."""
    found = {size: [one for layer in layers if (one := of_size(layer, size))] for size in sizes_of(layers)}
    return [size for size, batches in found.items() if all(one.drawn and not one.raises for one in batches)]


# --- What does training remove? ----------------------------------------------------------------------------------


def _on_training(measured: Measured, asked: Measuring) -> str:
    """Say how samples or batches differ in training mode, at the first normalization and deeper."""
    layers = measured.layers
    batch = [layer for layer in layers if layer.kind == "batch"]
    if not batch and not measured.model.normalizers.get("batch"):
        return _without_batches(measured)
    texts = [_mixture(batch, layers)] if batch and len(batch) < len(layers) else []
    if asked.batch_sizes and not measured.model.trains:
        texts.append(
            f"{printable(measured.model.source)} has no training mode, so what batches do to its batch norms cannot "
            "be measured. Give the model's code (module:factory) to measure that."
        )
    elif measured.samples < 2:
        texts.append(
            "One sample cannot show how samples differ, so the noise of batches is not known, and neither is ρ (the "
            f"share of the variance that lies between samples). Give at least {FEWEST_SAMPLES} samples."
        )
    else:
        texts.append(_differences(batch, layers, asked))
    return " ".join(text for text in texts if text)


def _without_batches(measured: Measured) -> str:
    """Say what a network without batch norms does at every batch size, as far as its normalizations can be seen."""
    stored = [layer for layer in measured.layers if layer.stored]
    counted = kinds(kinds_of(measured.layers))
    if measured.missed:
        start, nothing = f"No batch norm can be seen, but {counted}", "the batch size changes nothing in these"
    else:
        start, nothing = f"No batch norm, but {counted}", "the batch size changes nothing"
    if not stored:
        return (
            f"{start}: each sample is normalized by itself. So {nothing}, and evaluation mode normalizes as training "
            "does."
        )
    verb = "uses" if len(stored) == 1 else "use"
    return (
        f"{start}: in training each sample is normalized by itself, so {nothing}. In evaluation mode {names(stored)} "
        f"{verb} stored statistics instead."
    )


def _mixture(batch: Sequence[LayerResult], layers: Sequence[LayerResult]) -> str:
    """Say how many of the normalizations depend on the batch."""
    others = [layer for layer in layers if layer.kind != "batch"]
    rest = "the other one takes" if len(others) == 1 else f"the other {len(others):,} take"
    verb = "is a batch norm" if len(batch) == 1 else "are batch norms"
    training = " in training" if any(layer.stored for layer in others) else ""
    return f"{len(batch):,} of {len(layers):,} norms {verb}; {rest} each sample by itself{training}."


def _differences(batch: Sequence[LayerResult], layers: Sequence[LayerResult], asked: Measuring) -> str:
    """Say what the smallest training batches have at each batch norm, and how they differ."""
    size = next(iter(_ran_at(layers)), None)
    if size is None:
        return ""
    found = medians(batch, partial(lost if size == 1 else _noise, size=size))
    if not found:
        return ""
    said = _removed(found, asked) if size == 1 else _noisy(found, asked)
    return f"{_reduced(batch, size)} {said}"


def _reduced(batch: Sequence[LayerResult], size: int) -> str:
    """Say over how many values batch norms average in a batch of a size."""
    found = [one.values for layer in batch if (one := of_size(layer, size)) is not None]
    least, most = min(found), max(found)
    at = f"At batch size {size:,} a batch norm"
    if most == 1:
        return f"{at} has a single value of each channel, whose variance is 0."
    few = {1: " (the variance of a single value is 0)", 2: " (2 values always become about −1 and 1)"}.get(least, "")
    still = " still" if size == 1 and least > 1 else ""
    return f"{at}{still} averages each channel over {span(found, lambda one: f'{one:,}')} values{few}."


def _noise(layer: LayerResult, size: int) -> PerChannel:
    found = of_size(layer, size)
    return () if found is None else found.mean_noise


def _removed(found: Sequence[Figured], asked: Measuring) -> str:
    """Say how much of the variance lies between samples at the first layer, which removes it, and deeper."""
    (first, there), deeper = found[0], found[1:]
    said = (
        f"In training, {percent(there)} of the variance that enters {_first(asked, _BATCH_NORM)} ({name(first)}) lies "
        "between samples"
    )
    removes = there >= LEAST_SHARE
    if removes:
        said += ", and this norm removes it"
    if not deeper:
        return f"{said}."
    if removes and max(value for _, value in deeper) < there / 2:
        return f"{said}: {_deeper(deeper, percent, _BATCH_NORM, start='at')}."
    return f"{said}. {_deeper(deeper, percent, _BATCH_NORM)}."


def _noisy(found: Sequence[Figured], asked: Measuring) -> str:
    """Say how much the batch mean varies at the first layer and deeper."""
    (first, there), deeper = found[0], found[1:]
    said = (
        f"In training the mean of a batch varies from batch to batch: at {_first(asked, _BATCH_NORM)} ({name(first)}) "
        f"by {in_sd(there)} (standard deviations of all values there)."
    )
    return f"{said} {_deeper(deeper, in_sd, _BATCH_NORM)}." if deeper else said


def _first(asked: Measuring, word: str) -> str:
    return f"the first of these {word}s" if asked.layers else f"the first {word}"


def _deeper(found: Sequence[Figured], shown: Callable[[float], str], word: str, *, start: str = "At") -> str:
    """Say between which values the figure of the other layers lies."""
    values = span([value for _, value in found], shown)
    if len(found) == 1:
        return f"{start} the other {word}, {name(found[0][0])}, it is {values}"
    if " to " not in values:
        return f"{start} each of the other {len(found):,} {word}s it is {values}"
    return f"{start} the other {len(found):,} {word}s it is {values}"


# --- What reaches the layers in evaluation mode? -----------------------------------------------------------------


def _on_evaluation(measured: Measured, asked: Measuring) -> str:
    """Say how ρ goes through the network in evaluation mode; empty if it is not known."""
    found = medians(measured.layers, lambda layer: layer.rho)
    if measured.samples < 2 or not found:
        return ""
    (first, there), deeper = found[0], found[1:]
    stored = ", with stored statistics," if any(layer.stored for layer in measured.layers) else ""
    said = (
        f"In evaluation mode{stored} the share of the variance that lies between samples (ρ) is {percent(there)} at "
        f"{_first(asked, _NORM)} ({name(first)})."
    )
    told = (said, f"{_deeper(deeper, percent, _NORM)}." if deeper else "", _unlike(deeper))
    return " ".join(text for text in told if text)


def _unlike(deeper: Sequence[Figured]) -> str:
    """Say at how many deeper layers samples differ more than in training at batch size 1; empty if at few."""
    pairs = [(layer, value, between_in_training(layer)) for layer, value in deeper if layer.kind == "batch"]
    known = [(layer, there, here) for layer, there, here in pairs if here is not None]
    more = [layer for layer, there, here in known if there > 2 * here]
    if 2 * len(more) <= len(known):
        return ""
    where = f"{len(more):,} of {len(known):,} deeper batch norms"
    if len(more) == len(known):
        where = {1: name(more[0]), 2: "both deeper batch norms"}.get(len(more), f"all {len(more):,} deeper batch norms")
    return f"At {where} this is more than twice the share in training at batch size 1."


# --- Do the stored statistics fit? -------------------------------------------------------------------------------


def _on_missing(measured: Measured) -> Iterator[str]:
    """Yield which layers have no statistics of their training."""
    stored = [layer for layer in measured.layers if layer.stored]
    fresh = [layer for layer in stored if layer.never_updated]
    if fresh:
        yield _never_updated(fresh, stored, measured)
    unstored = [layer for layer in measured.layers if layer.kind == "batch" and not layer.stored]
    if unstored:
        verb, own = ("stores", "it normalizes") if len(unstored) == 1 else ("store", "they normalize")
        yield (
            f"{names(unstored)} {verb} no statistics: in evaluation mode {own} with those of the batch too, so a "
            "result depends on the samples that share its batch."
        )


def _on_stored(measured: Measured, asked: Measuring) -> Iterator[str]:
    """Yield whether the output depends on stored statistics, what to do, and whether they fit the samples."""
    distance = _distance([layer for layer in measured.layers if layer.stored and not layer.never_updated])
    output = on_output(measured, asked)
    if output:
        yield from (output, advice(measured), distance)
    else:
        yield " ".join(text for text in (distance, to_switch(measured, asked)) if text)
        yield advice(measured)


def _never_updated(fresh: Sequence[LayerResult], stored: Sequence[LayerResult], measured: Measured) -> str:
    """Say that stored statistics are those that training starts with."""
    of = f"all {len(fresh):,} norms that store any" if len(fresh) == len(stored) > 2 else names(fresh)
    remedy = (
        "Give the trained weights: --weights FILE."
        if measured.model.weights is None
        else f"Check that {printable(measured.model.weights)} holds the weights after training."
    )
    return (
        f"The stored statistics of {of} are mean 0 and variance 1, with which training starts: no training step has "
        f"changed them. {remedy}"
    )


def _distance(known: Sequence[LayerResult]) -> str:
    """Say how far stored statistics are from those of the samples; empty if that is not known."""
    gaps = medians(known, lambda layer: layer.mean_gap)
    ratios = medians(known, lambda layer: layer.variance_ratio)
    if not gaps or not ratios:
        return ""
    layer, gap = max(gaps, key=lambda one: one[1])
    off = [one for one in known if not fits(one)]
    start = "The stored statistics fit these samples" if not off else f"{_off(off, known)} not those of these samples"
    return (
        f"{start}: the means are off by {in_sd(gap)} at most ({name(layer)}; standard deviations of what enters), and "
        f"the ratio of stored variances to theirs is {span([value for _, value in ratios], times)}."
    )


def _off(off: Sequence[LayerResult], known: Sequence[LayerResult]) -> str:
    if len(known) == 1:
        return "The stored statistics are"
    if len(off) == len(known):
        return f"The stored statistics of all {len(known):,} norms that have some are"
    return f"The stored statistics of {len(off):,} of {len(known):,} norms are"
