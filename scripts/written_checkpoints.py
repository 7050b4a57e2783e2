"""Write the checkpoints in tests/networks/checkpoints/written, each with the framework that has its format.

Beside them goes expected.json: what the framework itself says of every normalization layer. It needs the extra
test-networks. Run it when a framework changes a format: KERAS_BACKEND=torch python scripts/written_checkpoints.py
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
import safetensors.torch
import torch
from torch import nn

# The kind, ε and momentum of each layer.
Said = Mapping[str, tuple[str, float | None, float | None]]
FOLDER = Path(__file__).parent.parent / "tests" / "networks" / "checkpoints" / "written"


class Network(nn.Module):
    """A network with one normalization of each kind that stores numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv3d(1, 4, 3), nn.BatchNorm3d(4)
        self.instance, self.plain = nn.InstanceNorm3d(4, affine=True), nn.InstanceNorm3d(4)
        self.group, self.act, self.head = nn.GroupNorm(2, 4), nn.PReLU(4), nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return four numbers for each sample."""
        x = self.group(self.act(self.plain(self.instance(self.bn(self.conv(x))))))
        return self.head(x.mean((2, 3, 4)))  # type: ignore[no-any-return]  # modules have no types


def trained() -> tuple[Network, torch.optim.Optimizer]:
    """Return a network after two steps, with its optimizer."""
    torch.manual_seed(14)
    network = Network()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(2):
        network(torch.randn(2, 1, 6, 6, 6)).square().sum().backward()
        optimizer.step()
    return network, optimizer


def layers(
    state: Mapping[str, torch.Tensor], prefix: str = "", said: Said = MappingProxyType({})
) -> list[dict[str, Any]]:
    """Return what a state dict says of its normalization layers.

    Args:
        state: The state dict.
        prefix: What the file has before the names.
        said: For each layer, the kind, ε and momentum that the file says.
    """
    found = []
    for name in ("bn", "instance", "group"):
        values = {part: state[f"{name}.{part}"] for part in ("weight", "bias")}
        mean, variance = state.get(f"{name}.running_mean"), state.get(f"{name}.running_var")
        count = state.get(f"{name}.num_batches_tracked")
        kind, epsilon, momentum = said.get(name, ("batch" if mean is not None else "affine", None, None))
        found.append(
            {
                "layer": prefix + name,
                "kind": kind,
                "dtype": str(values["weight"].dtype).removeprefix("torch."),
                "running_mean": listed(mean),
                "running_variance": listed(variance),
                "batches_tracked": None if count is None else int(count),
                "scale": listed(values["weight"]),
                "shift": listed(values["bias"]),
                "epsilon": epsilon,
                "momentum": momentum,
            }
        )
    return found


def listed(values: Any) -> list[float] | None:
    """Return values as float64 numbers."""
    if values is None:
        return None
    doubles = values.detach().double().numpy() if isinstance(values, torch.Tensor) else np.asarray(values, np.float64)
    return [float(value) for value in doubles]


def torch_files() -> dict[str, list[dict[str, Any]]]:
    """Write what PyTorch and safetensors write; return the layers of each file."""
    network, optimizer = trained()
    network.eval()
    state = network.state_dict()
    modules: dict[str, tuple[str, float | None, float | None]]
    modules = {"bn": ("batch", 1e-5, 0.1), "instance": ("instance", 1e-5, None), "group": ("group", 1e-5, None)}
    kinds = {name: (kind, None, None) for name, (kind, *_) in modules.items()}
    x = torch.randn(1, 1, 6, 6, 6)
    torch.save(state, FOLDER / "state.pt")
    torch.save(state, FOLDER / "legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(network, FOLDER / "module.pt")
    lightning = {"epoch": 2, "state_dict": {f"net.{name}": value for name, value in state.items()}}
    torch.save(lightning | {"optimizer_states": [optimizer.state_dict()]}, FOLDER / "lightning.ckpt")
    torch.jit.save(torch.jit.trace(network, x), FOLDER / "script.pt")
    torch.export.save(torch.export.export(network, (x,)), FOLDER / "program.pt2")
    without_places(FOLDER / "script.pt")
    without_places(FOLDER / "program.pt2")
    torch.jit.load(FOLDER / "script.pt")
    torch.export.load(FOLDER / "program.pt2")
    found = {
        "state.pt": layers(state),
        "legacy.pt": layers(state),
        "module.pt": layers(state, said=modules),
        "lightning.ckpt": layers(state, "state_dict.net."),
        "script.pt": layers(state, said=kinds),
        "program.pt2": layers(state, said=modules),
    }
    for dtype in (torch.float16, torch.bfloat16):
        name = str(dtype).removeprefix("torch.")
        cast = {key: value.to(dtype) if value.is_floating_point() else value for key, value in state.items()}
        torch.save(cast, FOLDER / f"{name}.pt")
        safetensors.torch.save_file(cast, FOLDER / f"{name}.safetensors")
        found |= {f"{name}.pt": layers(cast), f"{name}.safetensors": layers(cast)}
    np.savez(FOLDER / "arrays.npz", **{name: value.numpy() for name, value in state.items()})
    np.savez_compressed(FOLDER / "compressed.npz", **{name: value.numpy() for name, value in state.items()})
    found |= {"arrays.npz": layers(state), "compressed.npz": layers(state)}
    torch.onnx.export(network, (x,), FOLDER / "kept.onnx", dynamo=True, optimize=False, external_data=False)
    torch.onnx.export(network, (x,), FOLDER / "folded.onnx", dynamo=True, external_data=False)
    without_notes(FOLDER / "kept.onnx")
    without_notes(FOLDER / "folded.onnx")
    kept = layers(state, said=modules | {"group": ("affine", None, None)})
    kept[0]["batches_tracked"] = None
    return found | {"kept.onnx": kept}


def without_places(path: Path) -> None:
    """Take the places of source files out of an archive, where a framework keeps them for its errors."""
    with zipfile.ZipFile(path) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for info, held in members:
            if info.filename.endswith(".json"):
                archive.writestr(info, json.dumps(without_traces(json.loads(held))))
            elif not info.filename.endswith(".debug_pkl"):
                archive.writestr(info, held)


def without_traces(value: Any) -> Any:
    """Return a document without the traces of calls in it."""
    if isinstance(value, dict):
        return {key: without_traces(inner) for key, inner in value.items() if key != "stack_trace"}
    return [without_traces(inner) for inner in value] if isinstance(value, list) else value


def without_notes(path: Path) -> None:
    """Take what an exporter noted beside the nodes out of an ONNX file."""
    model = onnx.load(path)
    for graph in (model.graph, *model.functions):
        for one in (graph, *graph.node, *getattr(graph, "input", ()), *graph.value_info):
            del one.metadata_props[:]
    onnx.save(model, path)


def keras_files() -> dict[str, list[dict[str, Any]]]:
    """Write what Keras writes; return the layers of each file."""
    import keras  # noqa: PLC0415  (it takes its backend from the environment)

    keras.utils.set_random_seed(14)
    inner = keras.Sequential([keras.layers.BatchNormalization(name="inside", momentum=0.9)], name="inner")
    network = keras.Sequential(
        [
            keras.Input((6, 6, 6, 1)),
            keras.layers.Conv3D(4, 3),
            keras.layers.BatchNormalization(name="bn"),
            inner,
            keras.layers.GroupNormalization(2, name="group"),
            keras.layers.Dense(4),
        ]
    )
    network.compile("adam", "mse")
    draw = np.random.default_rng(14)
    network.fit(draw.normal(size=(4, 6, 6, 6, 1)), draw.normal(size=(4, 4, 4, 4, 4)), batch_size=2, verbose=0)
    network.save(FOLDER / "model.keras")
    network.save_weights(FOLDER / "model.weights.h5")
    network.save(FOLDER / "model.h5")
    said = {"bn": ("batch", 0.001, 0.01), "inner/inside": ("batch", 0.001, 0.1), "group": ("group", 0.001, None)}
    by_name = {"bn": network.layers[1], "inner/inside": inner.layers[0], "group": network.layers[3]}
    found = []
    for name, layer in by_name.items():
        kind, epsilon, momentum = said[name]
        batch = kind == "batch"
        found.append(
            {
                "layer": name,
                "kind": kind,
                "dtype": "float32",
                "running_mean": listed(np.asarray(layer.moving_mean)) if batch else None,
                "running_variance": listed(np.asarray(layer.moving_variance)) if batch else None,
                "batches_tracked": None,
                "scale": listed(np.asarray(layer.gamma)),
                "shift": listed(np.asarray(layer.beta)),
                "epsilon": epsilon,
                "momentum": momentum,
            }
        )
    weights = [entry | {"epsilon": None, "momentum": None} for entry in found]
    return {"model.keras": found, "model.h5": found, "model.weights.h5": weights}


def main() -> None:
    """Write all files."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    expected = torch_files() | keras_files()
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
