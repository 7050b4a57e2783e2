"""`module:factory`: which function is meant, and one line for everything that goes wrong in it."""

from __future__ import annotations

import sys

import pytest

from bnstat.errors import InputError, UsageError
from bnstat.networks.models.factory import built_by, factories_of

NETS = """
import os

class Net:
    def __init__(self, channels=1, *, features=4):
        self.channels, self.features = channels, features

class Zoo:
    @staticmethod
    def small():
        return Net(2), "the first of a tuple is the network"

def make(channels, features=4):
    return Net(channels, features=features)

def shouts():
    print("building")
    return Net()

def fails():
    raise ValueError("too few\\n channels")

def leaves():
    raise SystemExit(3)

def imports():
    import a_package_that_is_nowhere

def from_torch(x, /):
    return Net()

def arguments():
    import sys
    return Net(sys.argv)

LIMIT = 3
"""


@pytest.fixture(autouse=True)
def nets(tmp_path, monkeypatch):
    """Write a module into the current folder, and forget what was imported from it."""
    (tmp_path / "own_nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def refused(model, arguments=None, error=UsageError):
    with pytest.raises(error) as caught:
        built_by(model, arguments)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_a_module_of_the_current_folder_is_found_as_python_m_finds_it():
    assert built_by("own_nets:Net").channels == 1
    assert built_by("own_nets:Zoo.small").channels == 2


def test_arguments_are_named_or_listed():
    assert built_by("own_nets:make", {"channels": 3, "features": 8}).features == 8
    assert built_by("own_nets:make", [3, 5]).features == 5


@pytest.mark.parametrize("name", ["own_nets.py", "./own_nets.py"])
def test_a_file_is_imported_by_its_path(name):
    assert built_by(f"{name}:make", [2]).channels == 2


def test_a_file_elsewhere_imports_its_neighbours(tmp_path, monkeypatch):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "blocks_of_it.py").write_text("WIDTH = 7\n")
    (folder / "net_of_it.py").write_text("from blocks_of_it import WIDTH\nmake = lambda: (WIDTH,)\n")
    monkeypatch.chdir("/")
    assert built_by(f"{folder}/net_of_it.py:make") == 7


def test_a_file_of_a_package_may_import_relatively(tmp_path):
    package = tmp_path / "own_package" / "inner"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package.parent / "blocks.py").write_text("WIDTH = 9\n")
    (package / "nets.py").write_text("from ..blocks import WIDTH\ndef make(): return WIDTH\n")
    assert built_by("own_package/inner/nets.py:make") == 9
    assert built_by("own_package.inner.nets:make") == 9


def test_a_file_that_is_called_as_an_installed_package_is_itself(tmp_path):
    (tmp_path / "json.py").write_text("make = lambda: 'mine'\n")
    assert built_by("json.py:make") == "mine"
    assert built_by("json:make") == "mine"
    import json

    assert json.loads("1") == 1


def test_a_name_of_a_file_may_be_no_identifier(tmp_path):
    (tmp_path / "my net-2.py").write_text("make = lambda: 5\n")
    assert built_by("my net-2.py:make") == 5


def test_what_the_code_prints_goes_to_stderr(capsys):
    built_by("own_nets:shouts")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "building\n")


def test_the_code_does_not_see_the_command_line(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["bnstat", "layers", "own_nets:arguments"])
    assert built_by("own_nets:arguments").channels == ["bnstat"]
    assert sys.argv == ["bnstat", "layers", "own_nets:arguments"]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("own_nets:mke", "own_nets has no 'mke'; did you mean 'make'?"),
        ("own_nets:Zoo.smal", "Zoo of own_nets has no 'smal'; did you mean 'small'?"),
        ("own_nets:qqqq", "own_nets has no 'qqqq'; it has the names Net, Zoo, make, shouts"),
        (
            "own_netz:make",
            "there is no module 'own_netz' in this folder or among the installed packages; did you mean ",
        ),
        ("no_such_package_at_all:make", "install it, change to the folder that has it, or give its file"),
        ("own_nets:LIMIT", "own_nets:LIMIT is a value of type int, and no function or class that makes a network"),
        ("own_nets:fails", "own_nets:fails raises ValueError: too few channels (own_nets.py:21)"),
        ("own_nets:leaves", "own_nets:leaves ended the program by sys.exit(3) (own_nets.py:24)"),
        ("own_nets:imports", "needs the package 'a_package_that_is_nowhere', which is not installed (own_nets.py:27)"),
        (
            "own_nets:make",
            "own_nets:make lacks a required argument: 'channels'; its signature is (channels, features=4)",
        ),
        ("..own_nets:make", "is no name of a module; write module:factory"),
    ],
)
def test_each_failure_is_one_line(model, said):
    assert said in refused(model)


def test_arguments_that_do_not_fit_show_the_signature():
    line = refused("own_nets:make", {"channels": 1, "feature": 8})
    assert "own_nets:make does not take the keyword argument 'feature'; its signature is (channels, features=4)" in line
    assert "`model_args=" in refused("own_nets:make", [1, 2, 3])
    assert "must be a JSON object of named arguments or a list" in refused("own_nets:make", "channels")
    assert "positional" in refused("own_nets:from_torch", {"x": 1})


def test_a_module_that_fails_while_it_is_imported_says_where(tmp_path):
    (tmp_path / "wrong_syntax.py").write_text("import os\ndef make(:\n")
    assert "wrong_syntax raises SyntaxError: invalid syntax (" in refused("wrong_syntax:make")
    assert "wrong_syntax.py:2)" in refused("wrong_syntax.py:make")
    (tmp_path / "needs_more.py").write_text("import os\n\nimport a_package_that_is_nowhere.inner\n")
    assert "pip install a_package_that_is_nowhere" in refused("needs_more:make")
    assert "(needs_more.py:3)" in refused("needs_more.py:make")
    (tmp_path / "parses.py").write_text(
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('x')\np.parse_args()\n"
    )
    assert "__name__ == '__main__'" in refused("parses:make")
    assert "needs_more" not in sys.modules


def test_a_file_that_does_not_exist_is_an_input_error():
    assert "did you mean own_nets.py?" in refused("own_netz.py:make", error=InputError)


def test_ctrl_c_is_not_an_error_of_the_code(tmp_path):
    (tmp_path / "stops.py").write_text("def make(): raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        built_by("stops:make")


def test_a_file_is_searched_for_factories_without_running_it(tmp_path):
    (tmp_path / "runs.py").write_text("open('trace', 'w')\nclass A: pass\ndef b(): pass\ndef _c(): pass\n")
    assert factories_of(str(tmp_path / "runs.py")) == ("A", "b")
    assert not (tmp_path / "trace").exists()


def test_a_framework_that_is_missing_is_an_extra(tmp_path, monkeypatch):
    (tmp_path / "of_torch.py").write_text("import torch\n")
    monkeypatch.setitem(sys.modules, "torch", None)
    line = refused("of_torch:make")
    assert (
        line
        == "of_torch needs the package 'torch', which is not installed (of_torch.py:1); pip install 'bnstat[torch]'"
    )


def test_random_weights_are_those_of_the_seed_and_the_generators_go_on_as_before(tmp_path, monkeypatch):
    import random

    import numpy as np

    (tmp_path / "drawn_nets.py").write_text(
        "import random\nimport numpy as np\n\n"
        "def make():\n    return {'drawn': (random.random(), np.random.random())}\n"
    )
    monkeypatch.chdir(tmp_path)
    random.seed(5)
    np.random.seed(5)
    undisturbed = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    first, again, other = (built_by("drawn_nets:make", None, seed)["drawn"] for seed in (0, 0, 1))
    assert first == again != other
    assert (random.random(), np.random.random()) == undisturbed


def test_random_weights_of_pytorch_are_those_of_the_seed(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    (tmp_path / "torch_nets.py").write_text("import torch\n\ndef make():\n    return torch.nn.Linear(3, 2)\n")
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(5)
    undisturbed = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = (built_by("torch_nets:make", None, seed).weight for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.rand(3), undisturbed)
