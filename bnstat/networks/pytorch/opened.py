"""Networks of PyTorch as they are opened: the module first, then its weights, then where it runs."""

from __future__ import annotations

import torch

from bnstat.errors import UsageError
from bnstat.networks.models.bundle_folder import BundleFolder
from bnstat.networks.models.factory import no_network
from bnstat.networks.models.nnunet_folder import ResultsFolder
from bnstat.networks.models.request import Request
from bnstat.networks.network import Network
from bnstat.networks.pytorch.models.bundle import module_of_bundle
from bnstat.networks.pytorch.models.device import device_named, require_precision
from bnstat.networks.pytorch.models.nnunet import open_nnunet
from bnstat.networks.pytorch.module_network import ModuleNetwork
from bnstat.networks.pytorch.program_network import ProgramNetwork
from bnstat.networks.pytorch.programs.exported import exported_program
from bnstat.networks.pytorch.programs.torchscript import torchscript_program
from bnstat.networks.pytorch.weights.loading import load_weights
from bnstat.text import plural


def open_module(built: object, request: Request) -> Network:
    """Open a module that the user's factory returned.

    Args:
        built: What it returned.
        request: What was asked for.

    Raises:
        UsageError: if it is no module, or there is no such device.
        InputError: if the weights cannot be read, or do not fit.
    """
    if isinstance(built, torch.jit.ScriptModule):
        if request.weights is not None:
            raise UsageError(
                f"{request.model} returns a TorchScript program, whose weights are inside it; leave `weights` out"
            )
        where = device_named(request.device)
        return ProgramNetwork(torchscript_program(built, where), request.model, where)
    if not isinstance(built, torch.nn.Module):
        raise no_network(request.model, built)
    return _with_weights(built, request, request.weights)


def open_bundle(bundle: BundleFolder, request: Request) -> Network:
    """Open the network of a MONAI bundle, with its own weights if no others are asked for. Code of the bundle runs.

    Raises:
        UsageError: if MONAI is not installed, code of the bundle raises, or there is no such device.
        InputError: if it describes no network, or the weights cannot be read, or do not fit.
    """
    return _with_weights(module_of_bundle(bundle, request.model), request, request.weights or bundle.weights)


def open_results(results: ResultsFolder, request: Request) -> Network:
    """Open the network of a results folder of nnU-Net, with the weights of its first fold if no others are asked for.

    Raises:
        UsageError: if its classes are not installed, it takes another number of channels, or there is no such device.
        InputError: if a file of the folder cannot be read, or the weights do not fit.
    """
    where = device_named(request.device)  # before seconds are spent on loading
    opened = open_nnunet(results, request.model, request.weights)
    if request.channels is not None and request.channels != opened.channels:
        raise UsageError(
            f"{request.model} takes {plural(opened.channels, 'channel')} and the samples have {request.channels}; "
            + (
                f"{opened.before} of them are the segmentation of the network before it, which volumes do not have: "
                "give the folder of a network without one before it"
                if opened.before
                else "give all modalities of a case, as the imagesTr folder of the data set has them"
            )
        )
    return _run(opened.module, request, opened.weights, where, opened.origin)


def open_program(request: Request, content: str) -> Network:
    """Open a TorchScript file ("torchscript") or an exported program ("exported").

    Raises:
        InputError: if the file cannot be read.
        UsageError: if there is no such device, or it was written for samples of another shape.
    """
    where = device_named(request.device)
    read = torchscript_program if content == "torchscript" else exported_program
    network = ProgramNetwork(read(request.model, where), request.model, where)
    if request.channels is not None and request.sizes is not None:
        network.require_shape((request.channels, *request.sizes))
    return network


def _with_weights(module: torch.nn.Module, request: Request, weights: str | None) -> Network:
    where = device_named(request.device)
    if weights is not None:
        load_weights(module, weights, request.model)
    return _run(module, request, weights, where)


def _run(
    module: torch.nn.Module, request: Request, weights: str | None, device: torch.device, origin: str | None = None
) -> Network:
    require_precision(request.amp, device)
    return ModuleNetwork(module, request.model, weights, device, request.amp, origin)
