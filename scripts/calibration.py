"""Measure how often the range of the batch size that is needed holds the true size, and write docs/calibration.md.

`python scripts/calibration.py` takes about 2 minutes on an idle core. Every row has a seed of its own:
`python scripts/calibration.py --check normal 12` measures one row again, and exits with 1 if the page has another.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bnstat.batch_size.needed import needs  # noqa: E402
from bnstat.batch_size.results import NeededSize  # noqa: E402
from bnstat.batch_size.samples import Cohort  # noqa: E402
from bnstat.batch_size.settings import CompareSettings  # noqa: E402

PAGE = ROOT / "docs" / "calibration.md"
MARK = "<!-- the tables below are written by `python scripts/calibration.py` -->\n"
SIZES = (8, 12, 20, 50, 200)
COHORTS = 400

# The standard deviation of sample means, where the variance within samples is 1 on average; and its own variation.
BETWEEN, WITHIN_CV = 0.6, 0.3
# Batches that are drawn at a time for the true gap, and how often.
_BATCHES, _TIMES = 5_000, 20

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Family:
    """A kind of larger set: means and variances of its samples.

    Attributes:
        title: what it is called in the page.
        draw: return means and variances of samples, given a generator and a shape.
    """

    title: str
    draw: Callable[[np.random.Generator, tuple[int, ...]], tuple[Doubles, Doubles]]

    @property
    def heading(self) -> str:
        """The heading above its table in the page."""
        return f"### {self.title[0].upper()}{self.title[1:]}"


def _apart(means: Callable[[np.random.Generator, tuple[int, ...]], Doubles]) -> Callable[..., tuple[Doubles, Doubles]]:
    """Return a callable that draws means of standard deviation BETWEEN, and variances that do not depend on them."""

    def draw(random: np.random.Generator, shape: tuple[int, ...]) -> tuple[Doubles, Doubles]:
        k = 1 / WITHIN_CV**2
        return BETWEEN * means(random, shape), random.gamma(k, 1 / k, shape)

    return draw


def _log_normal(sigma: float) -> Callable[[np.random.Generator, tuple[int, ...]], Doubles]:
    mean, growth = np.exp(sigma**2 / 2), np.exp(sigma**2)
    return lambda random, shape: (random.lognormal(0, sigma, shape) - mean) / (mean * np.sqrt(growth - 1))


def _gain(random: np.random.Generator, shape: tuple[int, ...]) -> tuple[Doubles, Doubles]:
    """Draw volumes with a gain each, which multiplies its mean of 2 and its standard deviation of 1."""
    gain = random.lognormal(0, 0.3, shape)
    return 2 * gain, gain**2


FAMILIES = {
    "normal": Family("normal", _apart(lambda random, shape: random.normal(size=shape))),
    "two-sites": Family(
        "two sites (half of the samples at each of two means, and a little noise)",
        _apart(lambda random, shape: (random.choice([-1, 1], shape) + 0.2 * random.normal(size=shape)) / 1.04**0.5),
    ),
    "t5": Family(
        "heavy tails (Student's t, 5 degrees of freedom)",
        _apart(lambda random, shape: random.standard_t(5, shape) * 0.6**0.5),
    ),
    "log-normal": Family("skewed (log-normal, σ = 0.5)", _apart(_log_normal(0.5))),
    "exponential": Family("skewed (exponential)", _apart(lambda random, shape: random.exponential(size=shape) - 1)),
    "gain": Family("a gain for each volume (log-normal, σ = 0.3), which scales mean and spread", _gain),
    "log-normal-1": Family("very skewed (log-normal, σ = 1)", _apart(_log_normal(1.0))),
}


@cache
def truth(name: str) -> tuple[float, float]:
    """Return the true sizes for mean and variance, and for the gap; the second from drawn batches."""
    settings = CompareSettings.of()
    epsilon, limits = settings.layer.epsilon or 0.0, settings.tolerances
    random = np.random.default_rng(0)
    means, variances = FAMILIES[name].draw(random, (20_000_000,))
    mean, between, variance = means.mean(), means.var(), means.var() + variances.mean()
    rho = between / variance
    size = rho / limits.gap**2
    for _ in range(5):
        batch, total = int(np.ceil(size)), 0.0
        running = variance - between / batch + epsilon
        for _ in range(_TIMES):
            m, v = FAMILIES[name].draw(random, (_BATCHES, batch))
            own = v.mean(axis=1) + m.var(axis=1)
            other = own * (running**-0.5 - (own + epsilon) ** -0.5) ** 2 + (m.mean(axis=1) - mean) ** 2 / running
            total += float(other.mean()) / _TIMES
        size = batch * total / limits.gap**2
    return max(rho / limits.noise**2, rho / limits.shortfall), size


@dataclass(frozen=True)
class Row:
    """What was measured over cohorts, each a share of them.

    Attributes:
        held: the range holds the true size.
        enough: its upper end, which is recommended, is no less than the true size.
        estimated: the estimate is no less than the true size.
        width: the median of the upper end over the true size.
    """

    held: float
    enough: float
    estimated: float
    width: float

    @property
    def cells(self) -> list[str]:
        """The cells of a table."""
        return [*(f"{100 * one:.0f} %" for one in (self.held, self.enough, self.estimated)), f"{self.width:.2f}"]


def measured(name: str, samples: int) -> tuple[Row, Row]:
    """Return what is measured for mean and variance, and for the gap, over cohorts of so many samples."""
    random = np.random.default_rng((sorted(FAMILIES).index(name), samples))
    settings, sizes, gaps = CompareSettings.of(), [], []
    for _ in range(COHORTS):
        means, variances = FAMILIES[name].draw(random, (samples, 1))
        (one,) = needs(Cohort((0,), np.arange(samples), means, variances, np.array([1e6])), settings)
        sizes.append(one.mean_and_variance)
        gaps += [] if one.gap is None else [one.gap]
    size, gap = truth(name)
    return _row(sizes, np.ceil(size)), _row(gaps, np.ceil(gap))


def _row(sizes: list[NeededSize], true: float) -> Row:
    ends = np.array([(one.least, one.estimate, one.most) for one in sizes], np.float64)
    enough = ends[:, 2] >= true
    return Row(
        held=float(np.mean(enough & (ends[:, 0] <= true))),
        enough=float(np.mean(enough)),
        estimated=float(np.mean(ends[:, 1] >= true)),
        width=float(np.median(ends[:, 2]) / true),
    )


def line(name: str, samples: int) -> str:
    """Return one row of the tables: mean and variance, then the gap."""
    whole, gap = measured(name, samples)
    return f"| {samples} | {' | '.join([*whole.cells, *gap.cells])} |"


def tables() -> Iterator[str]:
    """Yield the lines of the tables."""
    for name, family in FAMILIES.items():
        size, gap = truth(name)
        yield family.heading
        yield f"True sizes: {np.ceil(size):.0f} for mean and variance, {np.ceil(gap):.0f} for the train/eval gap."
        yield ""
        four = "range holds | upper end is enough | estimate is enough | upper end / true"
        yield f"| samples | {four} | gap: {four} |"
        yield "|--:|" + "--:|" * 8
        for samples in SIZES:
            print(name, samples, file=sys.stderr)
            yield line(name, samples)
        yield ""


def main() -> int:
    """Write the page, or measure one row of it again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", nargs=2, metavar=("FAMILY", "SAMPLES"), help="measure one row of the page again")
    asked = parser.parse_args().check
    text = PAGE.read_text(encoding="utf-8")
    if asked is None:
        PAGE.write_text(text.partition(MARK)[0] + MARK + "\n" + "\n".join(tables()).rstrip() + "\n", encoding="utf-8")
        return 0
    row = line(asked[0], int(asked[1]))
    _, _, part = text.partition(f"\n{FAMILIES[asked[0]].heading}\n")
    shown = row in part.partition("\n### ")[0]
    print(row, "as in the page" if shown else "and the page has another")
    return 0 if shown else 1


if __name__ == "__main__":
    sys.exit(main())
