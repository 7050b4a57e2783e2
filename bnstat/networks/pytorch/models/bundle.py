"""The network of a MONAI bundle, which MONAI itself builds from `network_def` of a configuration.

MONAI evaluates texts that begin with `$` as Python, and imports the classes that a configuration names. So code of the
bundle runs: whoever gives a bundle runs it, as with `python -m monai.bundle`.
"""

from __future__ import annotations

import os
from typing import Any

import torch

from bnstat.errors import InputError, UsageError
from bnstat.networks.models.bundle_folder import BundleFolder
from bnstat.networks.models.user_code import running
from bnstat.sources.documents import read_json

# The ids that a network has in configurations, the bare network first.
_IDS = ("network_def", "network", "net", "model")


def module_of_bundle(bundle: BundleFolder, model: str) -> torch.nn.Module:
    """Build the network of a bundle. Its weights are not loaded.

    Args:
        bundle: The bundle.
        model: It, as the user named it.

    Raises:
        UsageError: if MONAI is not installed, or code of the bundle raises.
        InputError: if it describes no network.
    """
    try:
        from monai.bundle.config_parser import ConfigParser
    except ImportError as error:
        raise UsageError(f"{model} is a MONAI bundle, and MONAI is not installed; pip install monai") from error
    root = os.path.abspath(bundle.folder)
    for file in bundle.configurations:
        _require_json(file)
        with running(file, (root, os.getcwd())):  # as with `python -m monai.bundle`
            parser: Any = ConfigParser()
            parser.read_config(file)
            metadata = os.path.join(root, "configs", "metadata.json")
            if os.path.isfile(metadata):
                parser.read_meta(metadata)
            parser["bundle_root"] = root
            found = next((name for name in _IDS if parser.get(name) is not None), None)
            built = None if found is None else parser.get_parsed_content(found)
        if isinstance(built, torch.nn.Module):
            return built
    looked = ", ".join(map(os.path.basename, bundle.configurations))
    raise InputError(
        model, f"it describes no network_def in {looked}; give the network as module:factory with `weights`"
    )


def _require_json(file: str) -> None:
    """Refuse a configuration that ends in .json and is none, in words on the file and not on the parser."""
    if file.lower().endswith(".json"):
        read_json(file, "correct it, or copy the bundle again")
