"""`bnstat checkpoint`: what files of weights store of their normalization layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from bnstat.cli import configured, exit_codes, options
from bnstat.cli.groups import LAYER, option, together
from bnstat.cli.parameter_types import Momentum

if TYPE_CHECKING:
    from bnstat.networks.checkpoints.settings import AuditSettings

_LAYER = together(
    option(
        "--framework",
        group=LAYER,
        metavar="NAME",
        help="Take ε and momentum from the defaults of this framework where a file says none, and read --momentum in "
        "its convention.  [default: keras for files of Keras, else torch]",
    ),
    option(
        "--epsilon",
        group=LAYER,
        type=float,
        metavar="E",
        help="Judge with this ε (epsilon), whatever the files say.  [default: the file's, else the framework's]",
    ),
    option(
        "--momentum",
        group=LAYER,
        type=Momentum(),
        help="Judge with this momentum of the running statistics, whatever the files say; none is PyTorch's cumulative "
        "average.  [default: the file's, else the framework's]",
    ),
    option(
        "--steps",
        group=LAYER,
        type=int,
        metavar="N",
        help="Compare the batches that a file counts with this many training steps; take them where it counts none.",
    ),
)


@configured.command()
@click.argument("files", nargs=-1, metavar="FILE...", type=click.Path(readable=False))
@_LAYER
@options.output
@click.pass_context
def command(context: click.Context, /, files: tuple[str, ...], to: options.Output, **settings: Any) -> int:
    """Check what a checkpoint stores of its normalization layers.

    Running means and variances, γ and β are read from the file alone: no model code, no data and no framework is
    needed, and nothing in the file is run. It is a file of PyTorch (also Lightning, nnU-Net, MONAI, TorchScript),
    safetensors, numpy, Keras or ONNX. Two files are compared: which layers moved, and how far. To fail in CI:
    bnstat check FILE.

    \b
    Examples:
      bnstat checkpoint model.pt
      bnstat checkpoint model.pt --momentum 0.01 --steps 20000
      bnstat checkpoint epoch_10.pt epoch_20.pt
      bnstat checkpoint fold_*/checkpoint_final.pth --format json
    """
    from bnstat.workflows.checkpoint import settings_of

    if not files:
        raise click.UsageError(f"no file: give a FILE, as in {context.command_path} model.pt", context)
    asked = settings_of(**settings)
    return _one(files[0], asked, to) if len(files) == 1 else _several(files, asked, to)


def _one(file: str, asked: AuditSettings, to: options.Output) -> int:
    from bnstat.cli.messages import with_options
    from bnstat.cli.output import tell, write
    from bnstat.workflows.checkpoint import read, report_of

    found = with_options(report_of(read(file, asked)))
    tell((), found.notes, to.quiet)
    write("checkpoint", found, to, [file])
    return exit_codes.CLEAN


def _several(files: Sequence[str], asked: AuditSettings, to: options.Output) -> int:
    from bnstat.cli.messages import with_options
    from bnstat.cli.output import tell, write
    from bnstat.workflows.checkpoint import side_by_side

    found = with_options(side_by_side(files, asked))
    tell(found.errors, found.notes, to.quiet)
    write("checkpoint_comparison", found, to, files)
    return exit_codes.FAILED_INPUT if found.errors else exit_codes.CLEAN
