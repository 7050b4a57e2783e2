"""What a user names as a model is told apart by its content, and whatever is none is one line with what to do."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from bnstat.errors import InputError, UsageError
from bnstat.networks.opening import open_network, training_of

PICKLE = b"\x80\x02}q\x00."


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Work in an empty folder, and forget what is imported from it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def refused(model, **keywords):
    with pytest.raises((InputError, UsageError)) as caught:
        open_network(str(model), **keywords)
    line = str(caught.value)
    assert "\n" not in line
    return line


def archive(path, *names):
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, b"")
    return path


def safetensors(path):
    header = json.dumps({}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    return path


def test_weights_alone_are_no_network(here):
    (here / "old.pth").write_bytes(PICKLE)
    (here / "k.weights.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    files = (
        archive(here / "net.pt", "net/data.pkl", "net/version"),
        here / "old.pth",
        safetensors(here / "net.safetensors"),
        here / "k.weights.h5",
    )
    for file in files:
        line = refused(file.name)
        assert line.startswith(f"{file.name} holds weights and no network; give the network as MODEL")
        assert f"`weights={file.name}`" in line
        assert line.endswith(f"bnstat checkpoint {file.name}")


def test_a_python_file_or_module_without_a_factory_is_told_what_it_has(here):
    (here / "nets.py").write_text("raise SystemExit\nclass Net: pass\ndef make(): pass\n")
    for model in ("nets.py", "nets.py:"):
        assert (
            "name the function or class in it that makes the network, as in nets.py:Net; it has the names Net, make"
            in (refused(model))
        )
    assert "nets is a Python module; name" in refused("nets")
    assert "nets is a Python module; name" in refused("nets:")
    assert "nets:make(1) is a call; name the function alone, as in nets:make, and give its" in refused("nets:make(1)")
    assert refused("./nets:make") == "./nets is no name of a module; did you mean ./nets.py:make?"
    assert refused("json.decoder.JSONDecoder").endswith("write module:factory, as in json.decoder:JSONDecoder")


def test_volumes_in_the_place_of_the_model(here):
    (here / "images").mkdir()
    for name in ("a.nii.gz", "images/b.nii.gz", "c.npy"):
        (here / name).write_bytes(b"\x1f\x8b")
    assert "a.nii.gz is a volume, and the first argument is the model: module:factory" in refused("a.nii.gz")
    assert "c.npy is a volume" in refused("c.npy")
    assert "images is a folder of volumes, and the first argument is the model" in refused("images")


def test_what_is_no_model_at_all(here):
    (here / "empty").mkdir()
    (here / "saved").mkdir()
    (here / "saved" / "saved_model.pb").touch()
    (here / "notes.txt").write_text("hello")
    (here / "half.pt").write_bytes(b"PK\x03\x04 and no more")
    assert "empty is no model: a results folder of nnU-Net has plans.json and fold_0" in refused("empty")
    assert "SavedModel of TensorFlow, which is not read; save the network as a .keras file" in refused("saved")
    assert "notes.txt is no model; MODEL is module:factory" in refused("notes.txt")
    assert "it is a damaged or incomplete archive; copy the file again" in refused("half.pt")
    assert "the name of the model is empty" in refused("")
    assert "no such file or folder; MODEL comes first and is module:factory" in refused("nowhere.pt")
    assert refused("note.txt").endswith("no such file or folder; did you mean notes.txt?")
    assert "no such file or folder" in refused("C:\\nets\\net.pt")
    assert "no such file or folder" in refused("x" * 3000)


def test_what_a_factory_returns_must_be_a_network(here):
    (here / "made.py").write_text(
        "class A: pass\ndef a_class(): return A\ndef nothing(): pass\ndef number(): return 3\n"
    )
    assert "made:a_class returns the class A and no network; call the class" in refused("made:a_class")
    assert "made:nothing returns nothing; end the function with: return model" in refused("made:nothing")
    assert "made:number returns a value of type int and no network" in refused("made:number")


def test_arguments_are_for_factories(here):
    archive(here / "net.pt", "net/data.pkl", "net/constants.pkl")
    assert "net.pt is no factory, so `model_args` has no use" in refused("net.pt", arguments={})
    assert "net.pt has its weights inside, so `weights` has no use" in refused("net.pt", weights="w.pt")
    assert "`amp` has no use" in refused("net.pt", amp="float16")


def test_models_are_told_apart_by_content_and_not_by_name(here):
    pytest.importorskip("torch")
    archive(here / "a.bin", "x/data.pkl", "x/constants.pkl")
    archive(here / "b.bin", "x/archive_format", "x/models/model.json")
    assert "PyTorch cannot read this TorchScript file" in refused("a.bin")
    assert "cannot read this program" in refused("b.bin")


def test_a_network_of_the_users_own_with_weights_of_a_training(here):
    torch = pytest.importorskip("torch")
    (here / "mine.py").write_text(
        "import torch\n"
        "class Mine(torch.nn.Module):\n"
        "    def __init__(self, width):\n"
        "        super().__init__()\n"
        "        self.norm = torch.nn.BatchNorm3d(1)\n"
        "        self.head = torch.nn.Conv3d(1, width, 1)\n"
        "    def forward(self, x):\n"
        "        return self.head(self.norm(x))\n"
    )
    import importlib

    sys.path.insert(0, str(here))
    module = importlib.import_module("mine").Mine(3)
    module.norm.running_var.fill_(7)
    torch.save({"state_dict": {f"model.{name}": value for name, value in module.state_dict().items()}}, "last.ckpt")
    opened = open_network("mine:Mine", arguments={"width": 3}, weights="last.ckpt::state_dict")
    assert (opened.source, opened.weights, opened.framework) == ("mine:Mine", "last.ckpt::state_dict", "pytorch")
    passed = opened.evaluate(np.ones((1, 1, 2, 2, 2), np.float32))
    assert passed.seen[0].normalization.running_variance.tolist() == [7]
    assert "of another shape (head.weight: 3 × 1 × 1 × 1 × 1 in the file, 4 × 1" in refused(
        "mine:Mine", arguments=[4], weights="last.ckpt"
    )


def test_what_a_network_prints_goes_to_stderr(here, capsys):
    pytest.importorskip("torch")
    (here / "loud.py").write_text(
        "from torch import nn\nclass Loud(nn.BatchNorm3d):\n    def forward(self, x):\n"
        "        print('shape', x.shape)\n        return super().forward(x)\ndef make():\n    return Loud(1)\n"
    )
    open_network("loud:make").evaluate(np.ones((1, 1, 2, 2, 2), np.float32))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "shape torch.Size([1, 1, 2, 2, 2])" in printed.err


def test_an_onnx_file_is_opened():
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    module = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.BatchNorm3d(1)).eval()
    torch.onnx.export(module, (torch.ones(1, 1, 2, 2, 2),), "net.onnx", verbose=False)
    opened = open_network("net.onnx")
    assert (opened.framework, opened.source) == ("onnx", "net.onnx")
    assert len(opened.evaluate(np.ones((1, 1, 2, 2, 2), np.float32)).seen) == 1
    assert "net.onnx has its weights inside" in refused("net.onnx", weights="w.pt")
    assert "net.onnx runs on the CPU here; leave `device` out" in refused("net.onnx", device="cuda")


def test_a_network_with_lazy_layers_is_opened(here):
    pytest.importorskip("torch")
    (here / "lazily.py").write_text(
        "from torch import nn\ndef make():\n    return nn.Sequential(nn.LazyConv3d(2, 1), nn.LazyBatchNorm3d())\n"
    )
    assert len(open_network("lazily:make").evaluate(np.ones((1, 3, 2, 2, 2), np.float32)).seen) == 1


def test_a_model_of_keras_is_opened_from_a_factory_too(here):
    keras = pytest.importorskip("keras")
    (here / "of_keras.py").write_text(
        "import keras\ndef make(width=2):\n    conv = keras.layers.Conv3D(width, 1)\n"
        "    return keras.Sequential([keras.Input((4, 4, 4, 1)), conv, keras.layers.BatchNormalization()])\n"
    )
    opened = open_network("of_keras:make")
    assert (opened.framework, opened.channels_last) == ("keras", True)
    batch = np.ones((1, 4, 4, 4, 1), np.float32)
    assert len(opened.evaluate(batch).seen) == 1
    model = keras.Sequential([keras.Input((4, 4, 4, 1)), keras.layers.Conv3D(2, 1), keras.layers.BatchNormalization()])
    model.save_weights("w.weights.h5")
    model.save("whole.keras")
    loaded = open_network("of_keras:make", weights="w.weights.h5")
    assert loaded.weights == "w.weights.h5"
    np.testing.assert_array_equal(loaded.evaluate(batch).outputs, open_network("whole.keras").evaluate(batch).outputs)
    assert "Keras cannot load it into of_keras:make" in refused("of_keras:make", weights="w.weights.h5", arguments=[3])
    assert "whose weights are a .weights.h5 file" in refused("of_keras:make", weights="w.pt")
    assert "so `device` has no use" in refused("of_keras:make", device="cuda")
    assert "so `amp` has no use" in refused("whole.keras", amp="float16")


def test_only_results_of_nnunet_have_plans(here):
    (here / "data").mkdir()
    assert training_of("data") is None
    assert training_of("nets:make") is None
    folder = here / "nnUNetTrainer__nnUNetPlans__2d"
    folder.mkdir()
    (folder / "plans.json").write_text("{}")
    assert training_of(folder.name) == f"{folder.name}/plans.json:2d"


def test_opening_imports_no_framework_and_says_which_one_is_missing(here):
    code = (
        "import sys\n"
        "from bnstat.networks.opening import open_network\n"
        "assert not {'torch', 'keras', 'onnx', 'onnxruntime', 'monai', 'h5py'} & set(sys.modules)\n"
        "sys.modules['torch'] = None\n"
        "try:\n    open_network('net.pt')\nexcept Exception as error:\n    print(error)\n"
    )
    archive(here / "net.pt", "net/data.pkl", "net/constants.pkl")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "this model runs in PyTorch, which is not installed; pip install 'bnstat[torch]'"
