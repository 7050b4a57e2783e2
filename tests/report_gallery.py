"""Sections with every kind of block and plot, and with hostile names, for tests of how a page looks and works."""

from __future__ import annotations

from math import inf, nan, sqrt

from bnstat.renderers.report.blocks import (
    Cell,
    Code,
    Column,
    Details,
    FindingCard,
    Heading,
    Items,
    Link,
    Paragraph,
    Picture,
    Pictures,
    Row,
    Section,
    Table,
)
from bnstat.renderers.report.plots import SERIES, Area, Axis, Dots, Line, Plot, Rule

HOSTILE = "<script>alert(1)</script>\"'&`-->.nii.gz"
LONG = "a/very_long-name_" * 18 + "T1w.nii.gz"
# The smallest PNG file: one grey pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010800000000"
    "3a7e9b550000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"
)
SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)


def plot(anchor, *marks, x=None, y=None, height=300, title=None):
    """Return a plot of marks."""
    axes = x or Axis("value"), y or Axis("count")
    return Plot(anchor, title or f"Plot {anchor}", f"What {anchor} shows.", "What to look at.", *axes, marks, height)


def noise():
    """Return lines of four channels over the batch size, with limits that are close to each other."""
    lines = [
        Line(
            f"channel {channel}",
            tuple((size, (0.5 - 0.1 * channel) / sqrt(size)) for size in SIZES),
            role,
            dots=True,
            titles=tuple(f"channel {channel} at batch size {size:g}" for size in SIZES),
        )
        for channel, role in enumerate(SERIES)
    ]
    limits = Rule("y", 0.1, "the limit of 0.1 SD", "warning"), Rule("y", 0.11, "a limit that is as near", "error")
    return plot("noise", *lines, *limits, x=Axis("batch size", "log", ticks=SIZES), y=Axis("noise of the mean (SD)"))


def epsilon():
    """Return a plot over many powers of ten, with vertical limits at one place and at both ends."""
    points = tuple((10.0**power, 1 / (1 + 10.0 ** (power + 4))) for power in range(-12, 1))
    limits = {1e-5: "PyTorch, Flax, Haiku", 1e-3: "Keras, TensorFlow", 1.01e-3: "Keras 2", 1e-12: "least", 1.0: "most"}
    rules = [Rule("x", at, label) for at, label in limits.items()]
    return plot("epsilon", Line("channel 0", points), *rules, x=Axis("ε", "log"), y=Axis("output variance", high=1.0))


def histogram():
    """Return an area, twenty thin lines with names and one that stands out."""
    edges = [20.0 * index for index in range(41)]

    def counts(middle):
        return tuple((edge, max(0.0, 2000 - (edge - middle) ** 2 / 20)) for edge in edges)

    lines = [
        Line(None, counts(300 + 4 * index), "muted", title=f"volume {index}", thin=True, steps=True)
        for index in range(20)
    ]
    area = Area("all volumes", tuple((edge, 0.0) for edge in edges), counts(340), steps=True)
    odd = Line(HOSTILE, counts(700), "error", title=HOSTILE, steps=True)
    return plot("histogram", area, *lines, odd, y=Axis("voxels", low=0.0))


def means(count=24):
    """Return a dot plot of volumes of two sites, with one odd volume that has a label and a link."""
    names = (*(f"site-{place % 2}/sub-{place:02}_T1w.nii.gz" for place in range(count - 2)), HOSTILE, LONG)
    sites = [
        Dots(
            f"site {site}",
            tuple((100.0 + 3 * site + place % 5, float(place)) for place in range(site, count - 1, 2)),
            role,
            ranges=tuple((60.0, 140.0) for _ in range(site, count - 1, 2)),
            titles=tuple(names[place] for place in range(site, count - 1, 2)),
        )
        for site, role in enumerate(SERIES[:2])
    ]
    odd = Dots(
        "odd",
        ((300.0, count - 1.0),),
        "error",
        ranges=((250.0, 350.0),),
        titles=(LONG,),
        labels=("9.1 SD above the others",),
        anchors=("row-3",),
    )
    limits = Rule("x", 100.0, "mean of all volumes"), Rule("x", 108.0, "2 SD above it")
    height = 17 * count + 90
    return plot("means", *sites, odd, *limits, y=Axis("", "category", names), height=height)


# Axes and points that leave little to draw, or too much.
DEGENERATE = {
    "one-point": (Axis("x"), Axis("y"), ((1.0, 1.0),)),
    "nothing": (Axis("x"), Axis("y"), ()),
    "all-equal": (Axis("x"), Axis("y"), ((1.0, 5.0), (2.0, 5.0), (3.0, 5.0))),
    "zeros": (Axis("x"), Axis("y"), ((0.0, 0.0), (0.0, 0.0))),
    "undefined": (Axis("x"), Axis("y"), ((nan, 1.0), (2.0, inf), (3.0, 4.0), (4.0, nan), (5.0, 6.0), (6.0, -inf))),
    "only-undefined": (Axis("x"), Axis("y", "log"), ((nan, nan), (inf, -inf))),
    "wide-log": (Axis("x", "log"), Axis("y", "log"), ((1e-30, 1e30), (1.0, 1.0), (1e30, 1e-30))),
    "not-positive-on-log": (Axis("x", "log"), Axis("y", "log"), ((-1.0, -5.0), (0.0, 0.0), (1.0, 2.0), (10.0, 3.0))),
    "never-positive-on-log": (Axis("x", "log"), Axis("y", "log"), ((-1.0, -5.0), (0.0, 0.0))),
    "extremes-on-log": (Axis("x", "log"), Axis("y", "log"), ((5e-324, 1.7e308), (1.7e308, 5e-324))),
    "wide-linear": (Axis("x"), Axis("y"), ((-1e30, 1e-30), (0.0, 5.0), (1e30, 1e30))),
    "far-from-zero": (Axis("x"), Axis("y"), ((1.0, 1e6), (2.0, 1e6 + 1e-3), (3.0, 1e6 - 1e-3))),
    "last-digits": (Axis("x"), Axis("y"), ((1.0, 1.0), (2.0, 1.0000000000000002))),
    "least-numbers": (Axis("x"), Axis("y"), ((5e-324, 1e-310), (1e-323, 2e-310))),
    "greatest-numbers": (Axis("x"), Axis("y"), ((-1.7e308, -1.7e308), (0.0, 0.0), (1.7e308, 1.7e308))),
    "less-than-a-decade": (Axis("x", "log"), Axis("y", "log"), ((2.1, 3.0), (4.0, 4.0), (8.0, 7.0))),
    "beyond-its-ends": (
        Axis("x", low=0.0, high=1.0),
        Axis("y", low=0.0, high=1.0),
        ((-9.0, -9.0), (0.5, 0.5), (9.0, 1e9)),
    ),
    "turned-ends": (Axis("x", low=3.0, high=1.0), Axis("y"), ((1.0, 1.0), (2.0, 2.0))),
    "equal-ends": (Axis("x", low=1.0, high=1.0), Axis("y"), ((1.0, 1.0), (2.0, 2.0))),
    "no-names": (Axis("x", "category"), Axis("y"), ((0.0, 1.0), (1.0, 2.0))),
    "many-names": (
        Axis("x", "category", tuple(f"encoder.layer{i}.norm" for i in range(60))),
        Axis("y"),
        ((0.0, 1.0), (59.0, 2.0)),
    ),
    "many-rows": (
        Axis("x"),
        Axis("y", "category", tuple(f"sub-{i:03}" for i in range(500))),
        ((0.0, 1.0), (9.0, 499.0)),
    ),
    "long-labels": (Axis(LONG), Axis(HOSTILE), ((0.0, 1.0), (9.0, 499.0))),
}


def degenerate(name):
    """Return a plot with a line, dots, an area and limits on such axes."""
    x, y, points = DEGENERATE[name]
    return plot(
        name,
        Area("area", points, points, "series-2"),
        Line("line", points, "series-1", dots=True, titles=tuple("point" for _ in points)),
        Dots(
            "dots",
            points,
            "series-3",
            ranges=tuple((low, low) for low, _ in points),
            labels=tuple("dot" for _ in points),
        ),
        Rule("x", 1.0, "a limit"),
        Rule("y", nan, "no limit"),
        x=x,
        y=y,
    )


def volumes(count=120):
    """Return a table of so many volumes, of which every 17th has a finding and every 11th an undefined number."""
    columns = (
        *(Column("name"), Column("shape"), Column("mean", numeric=True, hint="the mean of all values")),
        *(Column("SD", numeric=True, hint="how far values are from the mean"), Column("findings")),
    )
    return Table(
        "volumes", f"The statistics of {count} volumes", columns, tuple(map(_row, range(count))), interactive=True
    )


def _row(place):
    name = {0: HOSTILE, 1: LONG}.get(place, f"site/sub-{place:03}_T1w.nii.gz")
    mean = None if place % 11 == 5 else float(place * 7919 % 1009)
    found = place % 17 == 3
    return Row(
        (
            Cell(name),
            Cell("240 × 240 × 155"),
            Cell("–" if mean is None else f"{mean:,.1f}", mean),
            Cell(f"{place / 3:.2f}", place / 3),
            Cell(
                "odd volume" if found else "",
                anchor="warning-card" if found else None,
                tone="warning" if found else "plain",
            ),
        ),
        f"row-{place}",
    )


def card(severity):
    """Return a card of a severity."""
    places = Link("sub-003", "row-3"), Link("the plot", "means"), Link("nowhere", "no-such-place")
    return FindingCard(
        f"{severity}-card",
        severity,
        "BN207",
        "Odd volume",
        f"{HOSTILE} has a mean of 300.",
        "Its batches differ.",
        places,
        "7 more",
    )


def gallery():
    """Return sections with every kind of block."""
    verdict = (
        Paragraph("A batch size of 8 is enough.", tone="warning", lead=True, links=(Link("why", "noise"),)),
        Paragraph("All channels carry signal.", tone="good"),
        Heading("What to do"),
        Items(("Train with a batch size of 8.", "Add `--intensity zscore` to the command."), ordered=True),
        Code(f"bnstat report '{HOSTILE}' -o report.html"),
    )
    slices = Pictures("slices", "The middle slices", (Picture(PNG, 120, 90, f"axial slice of {HOSTILE}"),))
    folded = Details("More plots", tuple(degenerate(name) for name in DEGENERATE))
    return (
        Section("verdict", "Verdict", verdict),
        Section("findings", "Findings", (card("error"), card("warning"), card("note"))),
        Section(
            "all-volumes", "Volumes", (volumes(), Details("Slices", (slices, Paragraph("Folded text.", tone="note"))))
        ),
        Section("plots", "Plots", (noise(), epsilon(), histogram(), means(), folded)),
    )
