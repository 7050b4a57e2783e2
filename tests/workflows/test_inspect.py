from __future__ import annotations

import numpy as np
import pytest

import bnstat
from bnstat import InputError, UsageError
from bnstat.layers.settings import Settings
from bnstat.workflows.check import check
from bnstat.workflows.inspect import inspect


def layers(paths):
    return bnstat.compare_layers(paths, by="epsilons", values=[1e-3])


def write_array(path, values):
    np.save(path, values)
    return path


@pytest.fixture
def arrays(tmp_path):
    """Five one-sample arrays with values around 0, 10, 20, …"""
    rng = np.random.default_rng(6)
    return [write_array(tmp_path / f"{k}.npy", rng.normal(10 * k, 1, (1, 4, 5, 6, 2))) for k in range(5)]


def test_samples_are_grouped_in_the_order_given(arrays):
    report = bnstat.diagnose(arrays, batch_size=2)
    assert [batch.samples for batch in report.batches] == [(0, 1), (2, 3), (4,)]
    assert [batch.input_shape[0] for batch in report.batches] == [2, 2, 1]


def test_drop_last_leaves_a_short_batch_out(arrays):
    report = bnstat.diagnose(arrays, batch_size=2, drop_last=True)
    assert [batch.samples for batch in report.batches] == [(0, 1), (2, 3)]


def test_shuffle_is_a_permutation_that_its_seed_decides(arrays):
    orders = [
        [index for batch in bnstat.diagnose(arrays, shuffle=True, seed=seed).batches for index in batch.samples]
        for seed in (0, 0, 1)
    ]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[2]) == [0, 1, 2, 3, 4]


def test_a_batch_is_what_numpy_computes_on_the_stack(arrays):
    channel = bnstat.diagnose(arrays, batch_size=5).batches[0].channels[1]
    stack = np.concatenate([np.load(path) for path in arrays])[..., 1]
    assert channel.count == stack.size
    assert channel.mean == pytest.approx(stack.mean(), rel=1e-13)
    assert channel.variance == pytest.approx(stack.var(), rel=1e-13)


def test_a_file_that_fails_leaves_the_order_before_batches_are_made(arrays, tmp_path):
    report = bnstat.diagnose([arrays[0], tmp_path / "none.npy", arrays[1], arrays[2]], batch_size=2)
    assert [batch.samples for batch in report.batches] == [(0, 1), (2,)]
    assert [failure.source for failure in report.errors] == [str(tmp_path / "none.npy")]
    assert "skipped 1 input that cannot be read; batches are made of the others" in report.notes


def test_where_every_file_fails_there_is_a_report_with_no_batch(tmp_path):
    report = inspect(tmp_path / "none.nii", Settings.of())
    assert (report.batches, len(report.errors), report.answer) == ((), 1, None)


@pytest.mark.parametrize("function", [bnstat.diagnose, bnstat.compare, check, layers])
def test_in_python_an_input_that_cannot_be_read_is_an_error_where_no_other_can(function, tmp_path, arrays):
    with pytest.raises(InputError, match=r"none\.nii: no such file") as caught:
        function(tmp_path / "none.nii")
    assert caught.value.source == str(tmp_path / "none.nii")
    with pytest.raises(InputError, match=r"none\.nii: .*\(1 other input cannot be read either\)$"):
        function([tmp_path / "none.nii", tmp_path / "nor.npy"])
    assert len(function([tmp_path / "none.nii", arrays[0]]).errors) == 1


def test_too_few_samples_name_the_files_that_failed_too(arrays, tmp_path):
    with pytest.raises(UsageError, match="a batch of 2 takes more samples than the 1 given") as caught:
        bnstat.diagnose([arrays[0], tmp_path / "none.npy"], batch_size=2)
    assert len(caught.value.failures) == 1


def test_mixed_shapes_are_fine_alone_and_not_in_one_batch(arrays, tmp_path):
    odd = write_array(tmp_path / "odd.npy", np.ones((1, 3, 3, 3, 2)))
    assert len(bnstat.diagnose([arrays[0], odd]).batches) == 2
    with pytest.raises(UsageError, match=r"0\.npy.* while .*odd\.npy"):
        bnstat.diagnose([arrays[0], odd], batch_size=2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch_size": 0}, "`batch_size` must be at least 1, and is 0"),
        ({"axis": 0}, "`axis` must not be 0, the batch axis"),
        ({"axis": 7}, "`axis=7` does not exist"),
        ({"batch_axis": 9}, "`batch_axis=9` does not exist"),
        ({"epsilon": -1e-3}, "epsilon"),
        ({"epsilon": float("nan")}, "epsilon"),
        ({"momentum": 1.5}, "momentum"),
        ({"seed": -1}, "seed"),
        ({"framework": "kears"}, "did you mean 'keras'"),
        ({"framework": "no"}, "choose one of keras, torch"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_a_reason(arrays, wrong, message):
    with pytest.raises(UsageError, match=message):
        bnstat.diagnose(arrays, **wrong)


def test_no_input_is_refused():
    with pytest.raises(UsageError, match="no input"):
        bnstat.diagnose([])


def test_an_array_of_three_axes_says_how_it_was_read(tmp_path):
    path = write_array(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(3, 4, 5)))
    report = bnstat.diagnose(path)
    assert len(report.samples) == 3
    assert any('`batch_axis="none"`' in note for note in report.notes)
    whole = bnstat.diagnose(path, batch_axis="none")
    assert whole.batches[0].input_shape == (1, 3, 4, 5, 1)
    assert not whole.notes


def test_a_channels_first_preset_says_that_it_changes_no_axis(arrays):
    assert any("`axis=1`" in note for note in bnstat.diagnose(arrays[0], framework="torch").notes)
    assert not bnstat.diagnose(arrays[0], framework="torch", axis=1).notes
    assert not bnstat.diagnose(arrays[0]).notes


def test_progress_is_told_of_every_byte(arrays):
    class Told:
        files, total, bytes, finished = 0, 0, 0, 0

        def begin(self, source, files, nbytes):  # noqa: ARG002
            self.files, self.total = files, nbytes

        def advance(self, nbytes):
            self.bytes += nbytes

        def done(self, files):
            self.finished += files

    told = Told()
    bnstat.diagnose(arrays, progress=told)
    assert (told.files, told.finished, told.bytes) == (5, 5, told.total)


def test_nothing_is_printed(arrays, capfd):
    bnstat.diagnose([*arrays, "none.npy"])
    assert capfd.readouterr() == ("", "")
