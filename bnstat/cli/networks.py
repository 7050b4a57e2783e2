"""Options on a network that is run: those of `layers`, most of which `check --model` has too."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bnstat.cli.groups import NETWORK, option, together
from bnstat.cli.parameter_types import Written
from bnstat.escapes import json_text
from bnstat.networks.settings import DRAWS

if TYPE_CHECKING:
    from bnstat.workflows.layers import LayersSettings

F = TypeVar("F", bound=Callable[..., Any])


class Arguments(Written["Mapping[str, Any] | list[Any]"]):
    """The arguments of a factory: an object of JSON, or a list."""

    name = "JSON"

    def written(self, value: object) -> object:
        """Return the arguments as JSON."""
        return json_text(json.dumps(value)) if isinstance(value, (Mapping, list)) else value

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Mapping[str, Any] | list[Any]:
        """Return the arguments by name, or in order."""
        if isinstance(value, (Mapping, list)):
            return value
        try:
            found = json.loads(str(value))
        except (ValueError, RecursionError) as error:
            self.fail(f"{value!r} is not JSON ({error}); give an object, as in '{{\"features\": 16}}'", param, ctx)
        if not isinstance(found, (dict, list)):
            self.fail(f"{value!r} names no argument; give an object, as in '{{\"features\": 16}}'", param, ctx)
        return found


_NETWORK = (
    option(
        "--model-args",
        group=NETWORK,
        type=Arguments(),
        help="Call the factory with these arguments, as in '{\"features\": 16}'.",
    ),
    option(
        "--weights",
        group=NETWORK,
        type=click.Path(readable=False),
        metavar="FILE[::KEY]",
        help="Load these weights, and no code: a checkpoint, as last.ckpt, or a part of it, as in "
        "last.ckpt::state_dict.",
    ),
    option(
        "--draws",
        group=NETWORK,
        type=int,
        metavar="N",
        default=DRAWS,
        show_default=True,
        help="Run this many training batches of each size.",
    ),
    option(
        "--switch",
        group=NETWORK,
        is_flag=True,
        help="Let one layer at a time use each sample's own statistics, and see how much the output changes.",
    ),
    option(
        "--layer",
        "layers",
        group=NETWORK,
        multiple=True,
        metavar="GLOB",
        help="Measure only layers of this name, as 'encoder.*'; may be given again.",
    ),
    option(
        "--order",
        group=NETWORK,
        metavar="XYZ",
        help="Give the network the axes of the files in this order, as zyx where SimpleITK read them in the training, "
        "or yx for slices.  [default: that of --plans, else xyz]",
    ),
    option(
        "--device",
        group=NETWORK,
        metavar="NAME",
        default="cpu",
        show_default=True,
        help="Run the network on this device, as cuda.",
    ),
    option(
        "--amp",
        group=NETWORK,
        type=click.Choice(["bfloat16", "float16"]),
        help="Run it in mixed precision (autocast), as the training does.",
    ),
)

# The options on a network and on what is measured of it, and the parameters that they set.
network: Callable[[F], F] = together(*_NETWORK)
PARAMETERS = ("model_args", "weights", "draws", "switch", "layers", "order", "device", "amp")


def asked_of(model: str, given: Mapping[str, Any]) -> LayersSettings:
    """Return what is asked of a network as one value.

    Args:
        model: the model.
        given: the values of `PARAMETERS`, of `axis`, `batch_axis`, `batch_size` and `seed`, and of `save_moments` and
            `save_statistics` if the command has them.

    Raises:
        UsageError: if one of them is wrong.
    """
    from bnstat.networks.settings import Measuring
    from bnstat.reading.feeding import Feeding
    from bnstat.workflows.layers import LayersSettings, Model

    sizes = given["batch_size"]
    sizes = (1,) if sizes is None else sizes if isinstance(sizes, tuple) else (sizes,)
    return LayersSettings(
        model=Model(model, given["model_args"], given["weights"], given["device"], given["amp"]),
        measuring=Measuring(sizes, given["draws"], given["switch"], given["layers"], given["seed"]),
        feeding=Feeding(given["axis"], given["batch_axis"], given["order"]),
        save_moments=given.get("save_moments"),
        save_statistics=given.get("save_statistics"),
    )


def implied_training(context: click.Context) -> tuple[str, str] | None:
    """Return the training that a model comes from, as `--plans` or `--monai` take it; None if that is not known.

    Raises:
        UsageError: if the model has several trainings.
    """
    model = context.params.get("model")
    if model is None:
        return None
    from bnstat.networks.opening import training_of

    plans = training_of(model)
    return None if plans is None else ("plans", plans)
