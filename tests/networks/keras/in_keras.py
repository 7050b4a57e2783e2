"""What Keras itself makes of a model, beside what bnstat says of it: run as a script, with the backend that is set.

It prints JSON, from which `test_keras_network.py` judges. A process of its own has a backend of its own.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import keras
import numpy as np
from keras import layers

from bnstat.errors import BnstatError
from bnstat.networks.keras.keras_network import KerasNetwork, open_keras
from bnstat.networks.keras.opened import open_model
from bnstat.networks.models.request import Request

# Where models are saved.
FOLDER = Path(tempfile.mkdtemp())


def batch(samples=3, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(samples, 6, 6, 6, 1)) + rng.normal(size=(samples, 1, 1, 1, 1)) + 2).astype("f4")


def functional(*, spectral=False):
    """A model with every normalization: one is used twice, one is in a nested model, one has channels on axis 2."""
    inner = keras.Sequential(
        [layers.Conv3D(4, 3, padding="same"), layers.BatchNormalization(name="deep")], name="inner"
    )
    twice = layers.BatchNormalization(name="twice", momentum=0.9)
    inputs = layers.Input((6, 6, 6, 1))
    values = twice(layers.Conv3D(4, 3, padding="same")(inputs))
    values = twice(layers.Conv3D(4, 3, padding="same")(layers.ReLU()(values)))
    values = layers.Dropout(0.5)(inner(values))
    values = layers.GroupNormalization(2, name="group")(values)
    values = layers.LayerNormalization(name="tokens")(values)
    values = layers.LayerNormalization(axis=[1, 2, 3, 4], name="whole")(values)
    values = layers.RMSNormalization(name="rms")(values)
    values = layers.BatchNormalization(axis=2, name="second")(values)
    last = layers.Conv3D(2, 1)
    values = (layers.SpectralNormalization(last, name="spectral") if spectral else last)(values)
    return keras.Model(inputs, values)


@keras.saving.register_keras_serializable()
class Sub(keras.Model):
    """A subclassed model, whose layers have no `input`, with a norm of its own arithmetic."""

    def __init__(self, **about):
        super().__init__(**about)
        self.blocks = [layers.Conv3D(3, 3), layers.BatchNormalization(momentum=0.0)]
        self.odd = OddNorm()

    def call(self, x, training=None):
        for block in self.blocks:
            x = block(x, training=training) if isinstance(block, layers.BatchNormalization) else block(x)
        return {"out": self.odd(x)}


@keras.saving.register_keras_serializable()
class OddNorm(layers.Layer):
    def call(self, x):
        return x / keras.ops.max(keras.ops.abs(x))


def opened(model, name="model.keras"):
    path = str(FOLDER / name)
    model.save(path)
    return open_keras(path)


def array(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def same(values, variables):
    return all(np.array_equal(one, array(other)) for one, other in zip(values, variables, strict=True))


def inputs_by_graph(model, values):
    """What enters layers of a functional model that run once, by Keras' own graph."""
    once = [layer for layer in model.layers if layer.name in ("group", "tokens", "whole", "rms", "second")]
    outputs = keras.Model(model.inputs, [layer.input for layer in once])(values, training=False)
    return {layer.name: array(one).astype("f8") for layer, one in zip(once, outputs, strict=True)}


def far(found, expected):
    """How far moments are from those of an array of samples and channels in the last axis, in SD and as a share."""
    rows = np.moveaxis(expected, -1, 1).reshape(len(expected), expected.shape[-1], -1)
    scale = rows.std(2)
    return [
        float(np.max(np.abs(found.mean - rows.mean(2)) / scale)),
        float(np.max(np.abs(found.variance / rows.var(2) - 1))),
    ]


def check_evaluation():
    network, values = opened(functional(spectral=True)), batch()
    before = [array(one).copy() for one in network._model.weights]
    ran = network.evaluate(values)
    truth = inputs_by_graph(network._model, values)
    seen = {one.normalization.layer: one for one in ran.seen}
    moved = {name: np.moveaxis(one, seen[name].axis, -1) for name, one in truth.items()}
    tokens = truth["tokens"].reshape(len(values), -1, 4)
    return {
        "layers": [[one.normalization.layer, one.normalization.kind, list(one.shape), one.axis] for one in ran.seen],
        "far": {name: far(seen[name].moments, moved[name]) for name in truth},
        "same outputs": bool(np.array_equal(array(network._model(values, training=False)), ran.outputs)),
        "together": {name: seen[name].together for name in ("tokens", "whole", "rms", "group")},
        "places": float(np.max(np.abs(seen["tokens"].place_variances / np.median(tokens.var(2), axis=1) - 1))),
        "groups": seen["group"].normalization.groups,
        "momentum": seen["twice"].normalization.momentum,
        "unchanged": all(
            np.array_equal(one, array(other)) for one, other in zip(before, network._model.weights, strict=True)
        ),
        "own call": [one.name for one in network._model._flatten_layers() if "call" in vars(one)],
        "channels_last": network.channels_last,
        "missed": list(network.missed),
        "parameters": network.parameters - sum(int(np.prod(one.shape)) for one in network._model.trainable_variables),
    }


def check_training():
    """With momentum 0 Keras keeps the statistics of a batch: those that entered in training mode."""
    network, values = opened(functional()), batch()
    ran = network.train(values)
    again = network.train(values)
    for layer in network._layers:
        if hasattr(layer, "moving_mean"):
            layer.momentum = 0.0
    dropouts = [one for one in network._model._flatten_layers() if isinstance(one, layers.Dropout)]
    for one in dropouts:
        one.rate = 0.0
    outputs = array(network._model(values, training=True))
    far_off = []
    seen = {one.normalization.layer: one for one in ran.seen}
    for name, kept in (("twice#2", "twice"), ("inner/deep", "inner/deep"), ("second", "second")):
        layer = network._named[kept]
        batch_of = seen[name].moments.merged(axis=0)
        far_off.append(float(np.max(np.abs(array(layer.moving_mean) - batch_of.mean) / np.sqrt(batch_of.variance))))
        far_off.append(float(np.max(np.abs(array(layer.moving_variance) / batch_of.variance - 1))))
    return {
        "far": far_off,
        "outputs": float(np.max(np.abs(outputs - ran.outputs))),
        "repeatable": bool(np.array_equal(ran.outputs, again.outputs)),
        "stored": [float(seen[name].normalization.running_mean[0]) for name in ("twice", "twice#2", "inner/deep")],
        "one value": int(opened_on_one_value().seen[0].moments.finite[0, 0]),
    }


def opened_on_one_value():
    model = keras.Sequential([layers.Input((1, 1, 1, 2)), layers.BatchNormalization()])
    return KerasNetwork(model, "model").train(np.ones((1, 1, 1, 1, 2), "f4"))


def check_switching():
    network, values = opened(functional()), batch(1)
    plain = network.evaluate(values)
    inner = next(one for one in plain.seen if one.normalization.layer == "inner/deep")
    switched = network.switched(["inner/deep"], values)
    network.load("inner/deep", inner.moments.mean[0], inner.moments.variance[0])
    by_hand = network.evaluate(values).outputs
    network.restore()
    entered = network.entering("inner/deep", values)
    return {
        "far": float(np.max(np.abs(switched - by_hand)) / np.abs(by_hand).max()),
        "changed": bool(np.max(np.abs(switched - plain.outputs)) > 1e-3),
        "restored": bool(np.array_equal(network.evaluate(values).outputs, plain.outputs)),
        "entering": bool(np.array_equal(entered.moments.mean, inner.moments.mean)),
        "second": network.entering("twice#2", values).normalization.layer,
    }


def check_saving():
    network, values = opened(functional()), batch()
    network.load("twice", np.array([1.0, 2, 3, 4]), np.full(4, 2.0))
    path = str(FOLDER / "saved.keras")
    network.save(path)
    expected = network.evaluate(values).outputs
    again = open_keras(path)
    statistics = again.evaluate(values).seen[0].normalization
    return {
        "mean": statistics.running_mean.tolist(),
        "outputs": bool(np.array_equal(again.evaluate(values).outputs, expected)),
    }


def check_subclassed():
    network, values = opened(built()), batch()
    ran = network.train(values)
    inputs = array(network._model.blocks[0](values)).astype("f8")
    return {
        "layers": [one.normalization.layer for one in ran.seen],
        "far": far(ran.seen[0].moments, inputs),
        "missed": list(network.missed),
        "outputs": list(ran.outputs.shape),
    }


def built():
    model = Sub(name="sub")
    model(batch(), training=False)
    return model


@keras.saving.register_keras_serializable()
class Jitted(layers.Layer):
    """A layer that JAX compiles."""

    def __init__(self, **about):
        super().__init__(**about)
        self.norm = layers.LayerNormalization()

    def build(self, shape):
        self.norm.build(shape)

    def call(self, x):
        import jax

        return jax.jit(self.norm.__call__)(x)


def check_compiled_parts():
    if keras.backend.backend() != "jax":
        return {}
    inputs = layers.Input((6, 6, 6, 1))
    network = opened(keras.Model(inputs, Jitted(name="jitted")(layers.Conv3D(2, 1)(inputs))))
    ran = network.evaluate(batch())
    return {"layers": [one.normalization.layer.split("/")[0] for one in ran.seen], "missed": list(network.missed)}


def check_mixed_precision():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = functional()
    finally:
        keras.mixed_precision.set_global_policy("float32")
    ran = KerasNetwork(model, "model").evaluate(batch())
    return {"dtypes": sorted({one.dtype for one in ran.seen}), "output": str(ran.outputs.dtype)}


def check_refusals():
    said = {}

    def refuse(name, call):
        try:
            call()
        except BnstatError as error:
            said[name] = [type(error).__name__, str(error).replace(f"{FOLDER}{os.sep}", "")]

    inputs = layers.Input((4,))
    keras.Model(inputs, layers.Lambda(lambda x: x + 1)(inputs)).save(FOLDER / "code.keras")
    (FOLDER / "damaged.keras").write_bytes(b"nonsense")
    network = opened(functional())
    refuse("code", lambda: open_keras(str(FOLDER / "code.keras")))
    refuse("damaged", lambda: open_keras(str(FOLDER / "damaged.keras")))
    refuse("missing", lambda: open_keras(str(FOLDER / "mod.keras")))
    refuse("shape", lambda: network.evaluate(np.zeros((1, 6, 6, 6, 3), "f4")))
    refuse("layer", lambda: network.entering("nothing", batch()))
    refuse("load", lambda: network.load("group", np.zeros(4), np.ones(4)))
    refuse("ending", lambda: network.save("statistics.pt"))
    refuse("folder", lambda: network.save(str(FOLDER / "no" / "such.keras")))
    return said


class Interrupted(BaseException):
    pass


def check_interruption():
    """After Ctrl-C inside a layer the model is as it was."""
    network, values = opened(functional()), batch()
    before = [array(one).copy() for one in network._model.weights]

    def stop(*_, **__):
        raise Interrupted

    layer = network._named["second"]
    object.__setattr__(layer, "call", stop)
    with suppress(Interrupted):
        network.train(values)
    kept = vars(layer).get("call") is stop
    vars(layer).pop("call")
    return {
        "unchanged": all(
            np.array_equal(one, array(other)) for one, other in zip(before, network._model.weights, strict=True)
        ),
        "own call": [one.name for one in network._model._flatten_layers() if "call" in vars(one)],
        "kept": kept,
    }


def check_recording():
    """Steps of a fit, beside the same steps taken by hand with what enters layers."""
    import bnstat.keras

    def model_of():
        keras.utils.set_random_seed(0)
        inputs = layers.Input((6, 6, 6, 1))
        twice = layers.BatchNormalization(name="twice", momentum=0.9)
        values = twice(layers.Conv3D(3, 3, padding="same", name="first")(inputs))
        values = layers.GroupNormalization(3, name="group")(twice(layers.ReLU()(values)))
        model = keras.Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling3D()(values)))
        model.compile("sgd", "mse")
        return model

    data = batch(12)
    labels = data.mean((1, 2, 3))
    fit = {"batch_size": 2, "verbose": 0, "shuffle": False}
    plain, model, path = model_of(), model_of(), FOLDER / "run.jsonl"
    first = array(model.get_layer("first")(data[:2])).astype("f8").reshape(-1, 3)
    plain.fit(data, labels, epochs=2, **fit)
    recorder = bnstat.keras.record(path, every=4)
    model.fit(data, labels, epochs=2, validation_data=(data, labels), callbacks=[recorder], **fit)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    steps = [line for line in lines if line["record"] == "step"]
    twice = steps[0]["layers"][0]
    weights = zip(plain.get_weights(), model.get_weights(), strict=True)
    model.fit(data, labels, epochs=1, callbacks=[recorder], **fit)
    again = [json.loads(line) for line in path.read_text().splitlines()]
    return {
        "lines": lines,
        "steps": [step["step"] for step in steps],
        "layers": [[layer["layer"] for layer in step["layers"]] for step in steps],
        "far": [
            float(np.max(np.abs(np.array(twice["mean"]) - first.mean(0)) / first.std(0))),
            float(np.max(np.abs(np.array(twice["variance"]) / first.var(0) - 1))),
        ],
        "running": steps[0]["layers"][1]["running_mean"][0] / twice["mean"][0],
        "same training": all(np.allclose(one, other, rtol=1e-5, atol=1e-6) for one, other in weights),
        "resumed": [line["step"] for line in again if line["record"] == "step"],
        "own call": [one.name for one in model._flatten_layers() if "call" in vars(one)],
    }


def check_weights_of_a_subclassed_model():
    """Return whether weights are loaded into a model that has no variables before its first batch."""
    written = Sub()
    values = batch()
    output = array(keras.tree.flatten(written(values))[0])
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "net.weights.h5")
        written.save_weights(file)
        request = Request("nets:Sub", weights=file, channels=values.shape[-1], sizes=values.shape[1:-1])
        network = open_model(Sub(), request)
    return bool(np.allclose(network.evaluate(values).outputs, output, rtol=1e-5, atol=1e-6))


if __name__ == "__main__":
    if keras.backend.backend() == "torch":
        import torch

        torch.set_num_threads(1)
    keras.utils.set_random_seed(1)
    checks = {name.removeprefix("check_"): check for name, check in globals().items() if name.startswith("check_")}
    json.dump({name: check() for name, check in checks.items()}, sys.stdout)
