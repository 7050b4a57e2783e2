"""The section "Inside the network" of the page: the layers of a network, as `bnstat layers` measured them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath, PureWindowsPath

from bnstat.renderers import layer_names
from bnstat.renderers.numbers import UNDEFINED, number
from bnstat.renderers.report.blocks import Block, Cell, Column, Details, Items, Paragraph, Row, Section, Table, Tone
from bnstat.renderers.report.plots import Axis, Dots, Line, Mark, Plot, Role
from bnstat.renderers.report.words import share
from bnstat.reports.full.full_report import FullReport
from bnstat.reports.full.network import NetworkLayer, ReportedNetwork
from bnstat.reports.layers_words import full, percent
from bnstat.text import by, plural, printable, sentence

# Characters of a layer's name in the table, and findings that are listed at once.
_NAME, _MOST_FINDINGS = 48, 10


def section(report: FullReport) -> Section | None:
    """Return the section; None without a network."""
    network = report.network
    if network is None:
        return None
    lead, *more = network.verdict or (f"{_source(network)} has no normalization that was measured.",)
    blocks: list[Block] = [
        Paragraph(full(lead), lead=True),
        Paragraph(
            f"Measured by `bnstat layers` on the network {_source(network)}. Deeper layers do not get the voxels but "
            "what the layers before make of them, so each has statistics of its own."
        ),
        *(Paragraph(full(one)) for one in more),
    ]
    if any(layer.rho is not None for layer in network.layers):
        blocks.append(_plot(network))
    if network.layers:
        blocks.append(_table(network))
    blocks += _findings(network)
    return Section("network", "Inside the network", tuple(blocks))


def _source(network: ReportedNetwork) -> str:
    """Return the name of the network; of a path from the root of a machine, its last part."""
    source = network.source
    for path in (PurePosixPath(source), PureWindowsPath(source)):
        if path.is_absolute() and path.name:
            return printable(path.name)
    return printable(source)


# --- The plot -----------------------------------------------------------------------------------------------------

_ROLES: dict[str, Role] = {"rho": "accent", "worst_rho": "muted", "training": "series-2"}


def _plot(network: ReportedNetwork) -> Plot:
    """Return ρ by depth."""
    dead = [layer for layer in network.layers if layer.dead]
    marks: list[Mark] = [
        _line("worst channel", network, "worst_rho", lambda layer: layer.worst_rho),
        _line("training, batch size 1", network, "training", lambda layer: layer.training),
        _line("median channel", network, "rho", lambda layer: layer.rho),
    ]
    if dead:
        marks.append(
            Dots(
                name="with dead channels",
                points=tuple((float(layer.place), layer.rho or 0.0) for layer in dead),
                role="error",
                titles=tuple(f"{_name(layer)}: {_dead(layer)}" for layer in dead),
                paths=tuple(("by_layer", layer.place - 1, "place") for layer in dead),
            )
        )
    known = [layer for layer in network.layers if layer.rho is not None]
    most = max(known, key=lambda layer: layer.rho or 0.0)
    return Plot(
        anchor="network-plot",
        title="Share of the variance between samples, by depth",
        description=f"ρ of {plural(len(network.layers), 'normalization')}, in the order in which they run. It is "
        f"largest in {_name(most)}, where the median channel has {percent(most.rho or 0.0)}."
        + (f" Dead channels: {_listed(dead)}." if dead else ""),
        caption="ρ is the share of a layer's variance that lies between samples, in evaluation mode. Where it is "
        "large, a batch of few samples lacks much of the variance. A dead channel is constant over all samples.",
        x=Axis("normalization, in the order in which they run", low=0.5, high=len(network.layers) + 0.5),
        y=Axis("ρ", low=0.0),
        marks=tuple(mark for mark in marks if not isinstance(mark, Line) or mark.points),
    )


def _line(name: str, network: ReportedNetwork, field: str, figure: Callable[[NetworkLayer], float | None]) -> Line:
    known = [(layer, value) for layer in network.layers if (value := figure(layer)) is not None]
    return Line(
        name=name,
        points=tuple((float(layer.place), value) for layer, value in known),
        role=_ROLES[field],
        thin=field == "worst_rho",
        dashed=field == "training",
        dots=True,
        titles=tuple(f"{_name(layer)}, {name}: {percent(value)}" for layer, value in known),
        paths=tuple(("by_layer", layer.place - 1, field) for layer, _ in known),
    )


def _name(layer: NetworkLayer) -> str:
    return layer_names.cut(printable(layer.layer), _NAME)


def _dead(layer: NetworkLayer) -> str:
    return f"{layer.dead:,} of {plural(layer.channels, 'channel')} dead"


def _listed(dead: Sequence[NetworkLayer]) -> str:
    named = [f"{layer.dead:,} in {_name(layer)}" for layer in dead[:_MOST_FINDINGS]]
    return ", ".join(named) + (", and in further layers" if len(dead) > _MOST_FINDINGS else "")


# --- The table ----------------------------------------------------------------------------------------------------

# A column of figures: its title, its hint, the field, its value, and how it is written.
_Figure = tuple[str, str, str, Callable[[NetworkLayer], float | None], Callable[[float | None], str]]


def _whole(value: float | None) -> str:
    return UNDEFINED if value is None else f"{value:,.0f}"


_FIGURES: tuple[_Figure, ...] = (
    ("ρ", "share of the variance between samples, in the median channel", "rho", lambda one: one.rho, share),
    ("worst ρ", "in the channel in which it is largest", "worst_rho", lambda one: one.worst_rho, share),
    ("ρ in training", "in training at batch size 1", "training", lambda one: one.training, share),
    ("dead", "channels that are constant over all samples in evaluation mode", "dead", lambda one: one.dead, number),
    (
        "output moved",
        "how much of the output changes if this layer alone uses each sample's own statistics",
        "output_moved",
        lambda one: one.output_moved,
        share,
    ),
    (
        "gap",
        "distance of the stored mean from that of all samples, in standard deviations of all values",
        "mean_gap",
        lambda one: one.mean_gap,
        number,
    ),
    ("worst gap", "in the channel in which it is largest", "worst_gap", lambda one: one.worst_gap, number),
    ("values", "values of one sample that are averaged together", "values", lambda one: one.values, _whole),
)


def _table(network: ReportedNetwork) -> Table:
    every = [layer.layer for layer in network.layers]
    names = layer_names.shortened(every, every, _NAME)
    figures = [one for one in _FIGURES if any(one[3](layer) is not None for layer in network.layers)]
    remark = f" {full(names.remark.removeprefix('layer: '))}" if names.remark else ""
    return Table(
        anchor="network-table",
        caption=f"The normalizations of the network, in the order in which they run.{remark}",
        columns=(
            Column("layer"),
            *(Column(title, numeric=True, hint=hint) for title, hint, *_ in figures),
            Column("shape", hint="of one sample as it enters"),
            Column("kind"),
        ),
        rows=tuple(_row(layer, name, figures) for layer, name in zip(network.layers, names.shown, strict=True)),
        interactive=len(network.layers) > 1,
    )


def _row(layer: NetworkLayer, name: str, figures: Sequence[_Figure]) -> Row:
    path = ("by_layer", layer.place - 1)
    cells = (
        Cell(value=value, text=text(value), path=(*path, field), tone=_tone(field, value))
        for _, _, field, figure, text in figures
        for value in (figure(layer),)
    )
    return Row(
        (
            Cell(name),
            *cells,
            Cell(by(layer.shape) or UNDEFINED),
            Cell(printable(layer.kind)),
        )
    )


def _tone(field: str, value: float | None) -> Tone:
    return "error" if field == "dead" and value else "plain"


def _findings(network: ReportedNetwork) -> Iterator[Block]:
    """Yield what the rules found in the network: they are not among the findings on volumes."""
    if not network.findings:
        return
    items = Items(tuple(sentence(one) for one in network.findings))
    yield Details(f"{plural(len(network.findings), 'finding')} on the layers of the network", (items,))
