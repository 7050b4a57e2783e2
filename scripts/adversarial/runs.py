"""Run bnstat on files: as Python does, as the command line does, or by way of a moments file."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

import bnstat
from bnstat.cli import run as command_line

# The settings of a scan: a moments file has them already.
SCANNED = ("axis", "batch-axis", "intensity", "mask")
PREPARING = ("intensity", "intensity-per", "mask", "patch", "patches", "per-volume", "foreground", "labels", "pad")


class Refused(Exception):  # noqa: N818  (an answer, and no error of this script)
    """bnstat gave an error instead of an answer."""


@dataclass(frozen=True)
class Run:
    """A command, the files and the options.

    Attributes:
        command: "inspect" or "compare".
        paths: the files.
        options: by their long names without dashes; True for a flag.
        via: "python", "memory" for arrays in place of files, "cli", or "moments" for a scan first.
    """

    command: str
    paths: Sequence[Path]
    options: Mapping[str, Any] = field(default_factory=dict)
    via: str = "python"

    def document(self, folder: Path) -> dict[str, Any]:
        """Return the document of JSON.

        Raises:
            Refused: if there is none.
        """
        if self.via in ("python", "memory"):
            return self._in_python()
        paths, options = [str(path) for path in self.paths], dict(self.options)
        if self.via == "moments":
            moments = folder / "moments.jsonl"
            scanned = {name: options.pop(name) for name in SCANNED if name in options}
            _called(["scan", *paths, "-o", str(moments), "--force", *_arguments(scanned)])
            paths = [str(moments)]
            options |= {name: scanned[name] for name in ("axis", "batch-axis") if name in scanned}
        output = folder / "answer.json"
        _called([self.command, *paths, *_arguments(options), "--format", "json", "-o", str(output)])
        document: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
        return document

    def _in_python(self) -> dict[str, Any]:
        options = {name.replace("-", "_"): value for name, value in self.options.items()}
        given = {name: options.pop(name.replace("-", "_"), None) for name in PREPARING}
        patching = None
        if given["patch"] is not None:
            names = {"patches": "number", "per-volume": "per_volume", "foreground": "foreground", "labels": "labels"}
            taken = {kept: given[name] for name, kept in names.items() if given[name] is not None}
            pad = {} if given["pad"] is None else {"pad": given["pad"]}
            size = tuple(int(one) for one in given["patch"].split("x"))
            patching = bnstat.Patching(size, **taken, **pad, seed=options.get("seed", 0))
        per = given["intensity-per"] or "volume"
        preparation = bnstat.Preparation(given["intensity"], given["mask"], patching, intensity_per=per)
        if isinstance(options.get("batch_sizes"), str):
            options["batch_sizes"] = [int(one) for one in options["batch_sizes"].split(",")]
        calls: dict[str, Any] = {"inspect": bnstat.diagnose, "compare": bnstat.compare}
        if self.command == "inspect":
            options.setdefault("emulate", False)
        inputs: list[Any] = [str(path) for path in self.paths]
        if self.via == "memory":
            inputs = [_loaded(path) for path in self.paths]
        try:
            answer = calls[self.command](inputs, reading=bnstat.Reading(preparation=preparation), **options)
        except bnstat.BnstatError as error:
            raise Refused(str(error)) from error
        document: dict[str, Any] = answer.to_dict()
        return document

    def line(self) -> str:
        """Return the command line, to type."""
        return shlex.join(["bnstat", self.command, *map(str, self.paths), *_arguments(self.options)])


def _loaded(path: Path) -> Any:  # noqa: ANN401  (an array, or an image, which has no types)
    return np.load(path) if path.suffix == ".npy" else nibabel.load(path)


def _arguments(options: Mapping[str, Any]) -> list[str]:
    words: list[str] = []
    for name, value in options.items():
        words += [f"--{name}"] if value is True else [f"--{name}={value}"] if value is not False else []
    return words


def _called(arguments: list[str]) -> None:
    """Run the command line in this process.

    Raises:
        Refused: if it ends with another code than 0.
    """
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        code = command_line([*arguments, "--quiet"])
    if code:
        raise Refused(f"exit code {code}: {told.getvalue().strip()[-400:]}")
