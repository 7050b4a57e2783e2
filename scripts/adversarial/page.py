"""The table of a run, and the page of the documentation that shows it."""

from __future__ import annotations

from typing import Any

WHAT = {
    "batch": "`inspect`, batch norm: types, byte orders, scale factors, NaN and Inf, axes, batches, ranks, 18 presets",
    "normalizers": "instance, layer, group and RMS norm, batch renorm, weight norm's start",
    "moments-file": "the lines that `scan` writes, and that they give the same bits as the files",
    "preparation": "`--intensity` and `--mask`, by threshold and by file",
    "patches": "`--patch`: where patches lie, what they hold, which batch takes which",
    "curve": "`compare --batch-sizes`, finite and infinite, with ranks and steps; all batches made where they are few",
    "groups": "`compare --group-by`",
    "patch-curve": "`compare --patch`: volumes first, patches within them",
    "plan": "`plan`: sizes and counts at each level",
    "emulation": "emulated float32 sums, to the bit: against sums made here and against PyTorch",
    "bands": "PyTorch's batch, group and layer norm lie in the predicted band",
}
HEAD = """# An independent reference

`python scripts/adversary.py --minutes N` draws random files and settings, runs bnstat on them, and compares every
number with a second implementation. That reference, `tests/reference/`, has no line of bnstat and no NumPy. It decodes
the bytes of a file itself, sums voxels as whole numbers and fractions, and takes roots and quotients to 60 digits. It
was written from the formulas in this documentation and in the papers that it cites.

A number is wrong if it is farther from the exact one than it may be. What it may be off by is never set by hand for a
field. It follows from what is claimed of the moments, and from the roundings of the formula in float64:

- counts, NaN, Inf, shapes, `constant`, and the extremes of stored numbers are equal;
- 8- and 16-bit integers are summed exactly in each piece of a file: what is left is the rounding of a merge, 8·2⁻⁵³ of
  the variance, and of 1 + the root mean square;
- other variances are within 1e-13 + 4·2⁻⁵³·|mean|/sd of themselves, and means within 16·2⁻⁵³ of the root mean square;
- each further operation may round three times; a scale factor, and each step of `--intensity`, as often as it rounds;
- a variance that float64 does not hold is undefined, with all that follows from it;
- emulated float32 means and variances are equal in every bit.

Batches are all made and counted where there are at most 1,000, for the columns of `compare` that drawn batches give.

| column | what it is |
|---|---|
| cases | files and settings that were drawn |
| numbers | numbers that were compared |
| rounded | those that equal the exact number rounded to float64 |
| wrong | numbers that are farther off than they may be, and cases that ended in an error |
| largest | how much of what it may be off by any number used, and which field that was |

"""
TAIL = """
This was a run of {minutes} minutes from seed {seed}, with Python {python}, NumPy {numpy}, nibabel {nibabel} and PyTorch
{torch}. The tests run the first cases of each family, and check that the reference finds planted errors: a missing
Bessel correction, ε added to the variance, a quantile too high, and others. To run one case again, with its files kept:
`python scripts/adversary.py --case batch:17`.

Not compared are columns that depend on random draws where not all batches are made, and findings, which
[planted faults](faults.md) covers. The layers of other frameworks are compared in [Conformance](conformance.md).
"""


def table(results: dict[str, Any]) -> str:
    """Return the counts of each family as a table of Markdown."""
    lines = [
        "| family | what is compared | cases | numbers | rounded | wrong | largest |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    families = results["families"]
    for name, one in families.items():
        largest = f"{one['largest']:.2f} {one['where']}" if one["where"] else "–"
        share = f"{100 * one['rounded'] / one['numbers']:.1f} %" if one["rounded"] else "–"
        counts = f"{one['cases']:,} | {one['numbers']:,} | {share} | {one['wrong']:,}"
        lines.append(f"| `{name}` | {WHAT[name]} | {counts} | {largest} |")
    total = {field: sum(one[field] for one in families.values()) for field in ("cases", "numbers", "wrong")}
    lines.append(f"| all | | {total['cases']:,} | {total['numbers']:,} | | {total['wrong']:,} | |")
    return "\n".join(lines)


def text(results: dict[str, Any]) -> str:
    """Return the page."""
    versions = {name: one or "–" for name, one in results["versions"].items()}
    tail = TAIL.format(minutes=f"{results['minutes']:.0f}", seed=results["seed"], **versions)
    return f"{HEAD}{table(results)}\n{tail}"
