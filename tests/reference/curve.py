"""What a batch size does: closed forms, and batches of which all are made and counted.

There are K samples; each is drawn as often as any other. σ² = w + τ² is the variance of all values, with w the mean of
the samples' variances and τ² the variance of their means. See "Batch statistics between samples" in docs/concepts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import combinations, product
from math import comb

from reference import layers
from reference.balls import CONTEXT, NOTHING, ONE, UNIT, ZERO, Ball, average, decimal, spread, whole
from reference.layers import Expected, Fields, Preset

QUANTILES = (("p05", 0.05), ("p50", 0.5), ("p95", 0.95))
POINT = (
    *("expected_variance", "variance_shortfall", "mean_sd", "mean_noise", "variance_cv", "running_mean"),
    *("running_variance", "eval_output_variance", "train_eval_rms", "running_mean_sd", "running_variance_sd"),
    *("observed", "renorm"),
)


@dataclass(frozen=True)
class Whole:
    """All values, and the variance that the mean of a batch has.

    Attributes:
        mean: μ.
        variance: σ².
        lost: the variance of the batch mean, which is what the variance of a batch lacks on average.
        left: the average variance of a batch. It has a form that does not lose digits.
    """

    mean: Ball
    variance: Ball
    lost: Ball
    left: Ball


@dataclass(frozen=True)
class Batches:
    """Mean and variance of every batch that there is."""

    means: Sequence[Ball]
    variances: Sequence[Ball]


@dataclass(frozen=True)
class Samples:
    """The samples of one channel.

    Attributes:
        means: of each.
        variances: of each, biased.
        infinite: True if they stand for a larger set.
    """

    means: Sequence[Ball]
    variances: Sequence[Ball]
    infinite: bool = False

    @property
    def number(self) -> int:
        """K."""
        return len(self.means)

    @property
    def mean(self) -> Ball:
        """The mean μ of the sample means."""
        return average(self.means)

    @property
    def within(self) -> Ball:
        """The mean w of the variances."""
        return average(self.variances)

    @property
    def between(self) -> Ball:
        """The variance τ² of the means; the unbiased one if they stand for a larger set."""
        biased = spread(self.means, self.mean).squared()
        if self.infinite and self.number > 1:
            return biased * whole(self.number) / whole(self.number - 1)
        return biased

    def whole(self, size: int) -> Whole:
        """Return what batches of a size are drawn from: f is 1, or (K − B)/(K − 1) if no sample comes twice."""
        between = self.between
        f = Fraction(1) if self.infinite or self.number == 1 else Fraction(self.number - size, self.number - 1)
        lost = between * Ball.of(f) / whole(size)
        left = between * Ball.of(1 - f / size)
        return Whole(self.mean, self.within + between, lost, self.within + left)

    def every(self, size: int, most: int) -> Batches | None:
        """Return all batches of a size; None if they are more than `most`.

        Of a larger set they are drawn with replacement, from means that are spread by √(K/(K − 1)).
        """
        ways = self.number**size if self.infinite else comb(self.number, size)
        if ways > most or not ways:
            return None
        means = self.means
        if self.infinite:
            centre, wider = self.mean, (whole(self.number) / whole(max(self.number - 1, 1))).root()
            means = [centre + (one - centre) * wider for one in means]
        places = range(self.number)
        every = product(places, repeat=size) if self.infinite else combinations(places, size)
        return batches(means, self.variances, every)


def batches(means: Sequence[Ball], variances: Sequence[Ball], places: Iterable[Sequence[int]]) -> Batches:
    """Return mean and variance of batches that are named by the places of their samples, all of one weight."""
    with localcontext(CONTEXT):
        size = max(abs(one.value) for one in means)
        off = max(one.radius for one in means) + 4 * UNIT * size
        found_means, found_variances = [], []
        for chosen in places:
            number = len(chosen)
            mean = sum((means[one].value for one in chosen), ZERO) / number
            inside = sum((variances[one].value for one in chosen), ZERO) / number
            deviations = [means[one].value - mean for one in chosen]
            outside = sum((one * one for one in deviations), ZERO) / number
            farthest = max(abs(one) for one in deviations)
            lost = (
                sum((variances[one].radius for one in chosen), ZERO) / number
                + 4 * off * (farthest + off)
                + 16 * UNIT * (inside + outside)
            )
            found_means.append(Ball(mean, 2 * off))
            found_variances.append(Ball(inside + outside, lost))
    return Batches(found_means, found_variances)


def population(samples: Samples) -> Fields:
    """Return how the variance splits; what needs a second sample is undefined without one."""
    between, several = samples.between, samples.number > 1
    total = samples.within + (between if several else NOTHING)
    fields: Fields = {"samples": samples.number, "mean": samples.mean, "variance": total, "within": samples.within}
    sure = several and total.value > 0
    return {**fields, "between": between if several else None, "rho": between / total if sure else None}


def closed_form(state: Whole) -> Fields:
    """Return what is known of batches without any batch."""
    deviation = state.lost.root()
    share = state.lost / state.variance if state.variance.value > 0 else None
    return {
        "expected_variance": state.left,
        "variance_shortfall": share,
        "mean_sd": deviation,
        "mean_noise": None if share is None else share.root(),
    }


def running(state: Whole, bessel: Ball, epsilon: float | None) -> Fields:
    """Return what the running statistics converge to, and the variance of the output that they give."""
    variance = state.left * bessel
    fields: Fields = {"running_mean": state.mean, "running_variance": variance, "eval_output_variance": None}
    if epsilon is not None and (epsilon or variance.value > variance.radius):
        fields["eval_output_variance"] = state.variance / (variance + Ball.of(epsilon))
    return fields


def settled_noise(deviation: Ball, weight: Ball | None) -> Ball | None:
    """Return the noise of a running average: SD · √(w/(2 − w))."""
    return None if weight is None else deviation * (weight / (whole(2) - weight)).root()


def observed(made: Batches, state: Whole) -> Fields:
    """Return statistics of all batches."""
    centre = average(made.variances)
    return {
        "variance_mean": centre,
        "variance_sd": spread(made.variances, centre),
        "mean_sd": spread(made.means, state.mean),
    }


def train_eval_rms(made: Batches, state: Whole, bessel: Ball, epsilon: float) -> Expected:
    """Return the root mean square difference between the outputs of training and of evaluation mode.

    For one batch its mean square is v(1/√(v_R + ε) − 1/√(v + ε))² + (μ_B − μ_R)²/(v_R + ε).
    """
    added = Ball.of(epsilon)
    total = state.left * bessel + added
    if total.value <= total.radius:
        return None
    gain = ONE / total.root()
    squares = []
    for mean, variance in zip(made.means, made.variances, strict=True):
        own = variance + added
        if own.value <= own.radius:
            return None
        scale = variance * (gain - ONE / own.root()).squared()
        squares.append(scale + ((mean - state.mean) * gain).squared())
    return average(squares).root()


def renorm(made: Batches, state: Whole, bessel: Ball, epsilon: float) -> Fields | None:
    """Return percentiles of batch renorm's r and d, and the shares that the paper's limits would clip."""
    added = Ball.of(epsilon)
    total = state.left * bessel + added
    if total.value <= total.radius:
        return None
    gain = ONE / total.root()
    r = sorted(((one + added).root() * gain for one in made.variances), key=_value)
    d = sorted(((one - state.mean) * gain for one in made.means), key=_value)
    fields: Fields = {}
    for name, part in QUANTILES:
        fields[f"r_{name}"] = _quantile(r, part)
        fields[f"d_{name}"] = _quantile(d, part)
    fields["r_clipped"] = _share_beyond(r, Fraction(1, 3), Fraction(3))
    fields["d_clipped"] = _share_beyond(d, Fraction(-5), Fraction(5))
    return fields


def _value(ball: Ball) -> Decimal:
    return ball.value


def _quantile(ascending: Sequence[Ball], part: float) -> Ball:
    """Return a quantile, linear between two neighbours, as numpy has it by default."""
    place = Fraction(part) * (len(ascending) - 1)
    low = int(place)
    below, above = ascending[low], ascending[min(low + 1, len(ascending) - 1)]
    most = max(one.radius for one in ascending)
    found = below + (above - below) * Ball.of(place - low)
    return found.widened(CONTEXT.multiply(Decimal(2), most))


def _share_beyond(balls: Sequence[Ball], low: Fraction, high: Fraction) -> Ball:
    """Return the share outside of limits, with a radius where rounding decides."""
    least, most = decimal(low), decimal(high)
    with localcontext(CONTEXT):
        sure = sum(one.value + one.radius < least or one.value - one.radius > most for one in balls)
        maybe = sum(one.value - one.radius < least or one.value + one.radius > most for one in balls)
        share, unsure = Decimal(sure + maybe) / (2 * len(balls)), Decimal(maybe - sure) / (2 * len(balls))
        return Ball(share, unsure + 2 * UNIT)


def point(
    state: Whole,
    made: Batches | None,
    preset: Preset,
    *,
    epsilon: float | None,
    momentum: float | str | None,
    values: int | None,
) -> tuple[Fields, Fields | None, Fields | None]:
    """Return the fields of one channel at one batch size, those of `observed`, and those of `renorm`.

    Args:
        state: what batches are drawn from.
        made: all batches; None if they were not all made, and then what they tell is left out.
        preset: the layer.
        epsilon: its ε.
        momentum: as it was given.
        values: the number of values of a batch; None if batches differ.
    """
    bessel = ONE
    fields = closed_form(state)
    unsure = preset.unbiased and values is None
    if preset.unbiased and values is not None:
        bessel = layers.bessel(values)
    weight = None if momentum == "none" else layers.weight_of(preset, momentum, step=2)
    deviation = fields["mean_sd"]
    if isinstance(deviation, Ball):
        fields["running_mean_sd"] = settled_noise(deviation, weight)
    if not unsure:
        fields |= running(state, bessel, epsilon)
    if made is None:
        return fields, None, None
    seen = observed(made, state)
    expected = state.left
    if isinstance(seen["variance_sd"], Ball):
        if expected.value > expected.radius:  # else rounding decides whether there is any
            fields["variance_cv"] = seen["variance_sd"] / expected
        if not unsure:
            fields["running_variance_sd"] = settled_noise(seen["variance_sd"] * bessel, weight)
    corrections = None
    if epsilon is not None and not unsure:
        fields["train_eval_rms"] = train_eval_rms(made, state, bessel, epsilon)
        corrections = renorm(made, state, bessel, epsilon)
    return fields, seen, corrections


def after_steps(state: Whole, bessel: Ball, preset: Preset, momentum: float | str | None, steps: int) -> Fields:
    """Return the running statistics after so many steps of batches that are drawn independently, on average."""
    left = ONE
    if momentum != "none" and not preset.debiased:
        weight = layers.weight_of(preset, momentum)
        if weight is None:
            return {}
        for _ in range(steps):
            left = left * (ONE - weight)
    else:
        left = NOTHING
    mean, variance = preset.start
    taken = ONE - left
    return {
        "expected_running_mean": left * whole(mean) + taken * state.mean,
        "expected_running_variance": left * whole(variance) + taken * (state.left * bessel),
    }


def groups(members: Sequence[Samples], size: int) -> Whole:
    """Return what batches of one group each are drawn from: a group as often as it has samples.

    With p the share of a group, the batch mean has the variance Σp((μ_g − μ)² + τ_g²f_g/B). Of a larger set it is
    τ_a² + (τ² − τ_a²)/B, with τ_a² free of what chance adds to the spread of group means.
    """
    if any(one.infinite for one in members):
        every = _together(members)
        apart = between_groups(members) or NOTHING
        lost = apart + (every.between - apart) / whole(size)
        left = every.within + (every.between - apart) * Ball.of(Fraction(size - 1, size))
        return Whole(every.mean, every.within + every.between, lost, left)
    weights = [one.number for one in members]
    states = [one.whole(size) for one in members]
    mean = average([one.mean for one in states], weights)
    apart = average([(one.mean - mean).squared() for one in states], weights)
    variance = average([one.variance for one in states], weights) + apart
    lost, left = (average([getattr(one, name) for one in states], weights) for name in ("lost", "left"))
    return Whole(mean, variance, apart + lost, left)


def between_groups(members: Sequence[Samples]) -> Ball | None:
    """Return the variance between groups, each weighted by its samples; None if that is unknown.

    Of a larger set it is τ² − SSW/(K − G), and 0 where that is negative (docs/patch-noise.md).
    """
    number, several = sum(one.number for one in members), len(members)
    if any(one.infinite for one in members):
        if number == several:
            return None
        inside = average([spread(one.means, one.mean).squared() for one in members], [one.number for one in members])
        every = _together(members).between
        apart = every - inside * whole(number) / whole(number - several)
        return apart if apart.value > 0 else Ball(ZERO, apart.radius)
    weights = [one.number for one in members]
    mean = average([one.mean for one in members], weights)
    return average([(one.mean - mean).squared() for one in members], weights)


def _together(members: Sequence[Samples]) -> Samples:
    """Return the samples of all groups."""
    means = [mean for one in members for mean in one.means]
    variances = [variance for one in members for variance in one.variances]
    return Samples(means, variances, any(one.infinite for one in members))
