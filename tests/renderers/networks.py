"""Networks that were measured, made by hand so that their text never depends on a computer."""

from __future__ import annotations

from dataclasses import replace

from bnstat.networks.results import BatchSizeResult, LayerResult, Measured, ModelResult
from bnstat.networks.settings import Measuring
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.reports.evidence import NetworkEvidence
from bnstat.reports.layers import Layers
from bnstat.rules import judged
from bnstat.rules.network_rules import NETWORK_RULES
from bnstat.sources.sample import Patch, Sample

# How much the channels of a layer differ in a figure, as factors of the middle one.
SPREAD = (1.0, 0.8, 1.3, 0.9, 1.1)


def spread(middle, channels):
    """A figure of each channel around a middle one."""
    return tuple(None if middle is None else middle * SPREAD[channel % len(SPREAD)] for channel in range(channels))


def batch(size, values, noise=None, channels=3, *, drawn=32):
    """Training batches of one size; a noise of None is a layer that refuses them."""
    if noise is None:
        message = "Expected more than 1 value per channel when training, got input size torch.Size([1, 8, 1, 1, 1])"
        return BatchSizeResult(size, 0, values * size, raises=True, message=message)
    shortfall = tuple(one**2 for one in spread(noise, channels))
    return BatchSizeResult(size, drawn, values * size, spread(noise, channels), shortfall)


def layer(name, side, kind="batch", *, channels=5, rho=0.3, gap=None, ratio=None, moved=None, batches=(), **changes):
    """A normalization of `channels` cubes."""
    values = side**3
    plain = {
        "functional": False,
        "groups": None,
        "shape": (channels, side, side, side),
        "axis": 0,
        "dtype": "float32",
        "values": values,
        "epsilon": 1e-5,
        "momentum": 0.1 if ratio is not None else None,
        "samples": 48,
        "rho": tuple(min(one, 1.0) for one in spread(rho, channels)),
        "epsilon_share": spread(2e-5, channels),
        "mean_gap": () if gap is None else spread(gap, channels),
        "variance_ratio": () if ratio is None else spread(ratio, channels),
        "eval_output_variance": () if ratio is None else tuple(1 / one for one in spread(ratio, channels)),
        "output_moved": moved,
        "batches": tuple(batch(size, values, noise, channels) for size, noise in batches),
        "largest": spread(12.0, channels),
    }
    return LayerResult(name, kind, channels=channels, **{**plain, **changes})


def samples(volumes=16, patches=3):
    """Patches of volumes."""
    return tuple(
        Sample(
            f"cohort/case_{volume:02}.nii.gz",
            None,
            (96, 96, 96),
            "int16",
            patch=Patch((8 * patch, 0, 4), (32, 32, 32)),
        )
        for volume in range(volumes)
        for patch in range(patches)
    )


def report(measured, *, found=None, switch=False, batch_sizes=(1, 4), **changes):
    """The report of a network."""
    inputs = samples() if found is None else found
    patching = Patching(size=(32, 32, 32), number=3) if inputs[0].patch else None
    preparation = Preparation(patches=patching)
    layers = tuple(replace(one, samples=len(inputs)) for one in measured.layers)
    measured = replace(measured, layers=layers, samples=len(inputs))
    findings = judged(NetworkEvidence(measured), NETWORK_RULES)
    asked = Measuring(batch_sizes=batch_sizes, switch=switch)
    return Layers(measured, asked, inputs, preparation, findings=findings, **changes)


def model(source="mynet:small", **changes):
    """A network without its layers."""
    plain = {"weights": "runs/best.pt", "framework": "pytorch", "parameters": 360_435, "normalizers": {"batch": 18}}
    return ModelResult(source, **{**plain, **changes})


# A U-Net that was trained at batch size 1: side, ρ, noise at 1 and at 4, gap, ratio, and what switching it moves.
_UNET = {
    "conv_0.conv_0.adn.N": (32, 0.324, 0.544, 0.276, 0.026, 0.459, 0.356),
    "conv_0.conv_1.adn.N": (32, 0.307, 0.063, 0.043, 0.133, 0.505, 0.286),
    "down_1.convs.conv_0.adn.N": (16, 0.377, 0.074, 0.041, 0.197, 0.452, 0.0176),
    "down_1.convs.conv_1.adn.N": (16, 0.367, 0.053, 0.046, 0.162, 0.370, 0.0192),
    "down_2.convs.conv_0.adn.N": (8, 0.411, 0.120, 0.058, 0.165, 0.300, 0.0028),
    "down_2.convs.conv_1.adn.N": (8, 0.462, 0.066, 0.034, 0.149, 0.263, 0.0024),
    "down_3.convs.conv_0.adn.N": (4, 0.266, 0.198, 0.080, 0.091, 0.402, 0.0001),
    "down_3.convs.conv_1.adn.N": (4, 0.215, 0.119, 0.052, 0.120, 0.436, 0.00005),
    "down_4.convs.conv_0.adn.N": (2, 0.030, 0.191, 0.074, 0.060, 0.554, 0.0),
    "down_4.convs.conv_1.adn.N": (2, 0.0062, 0.017, 0.012, 0.033, 0.635, 0.0),
    "upcat_4.convs.conv_0.adn.N": (4, 0.125, 0.083, 0.038, 0.173, 0.429, 0.0001),
    "upcat_4.convs.conv_1.adn.N": (4, 0.055, 0.061, 0.025, 0.110, 0.388, 0.0001),
    "upcat_3.convs.conv_0.adn.N": (8, 0.399, 0.079, 0.037, 0.091, 0.359, 0.0019),
    "upcat_3.convs.conv_1.adn.N": (8, 0.365, 0.055, 0.025, 0.158, 0.483, 0.0022),
    "upcat_2.convs.conv_0.adn.N": (16, 0.376, 0.065, 0.048, 0.149, 0.340, 0.0184),
    "upcat_2.convs.conv_1.adn.N": (16, 0.384, 0.027, 0.024, 0.180, 0.244, 0.0198),
    "upcat_1.convs.conv_0.adn.N": (32, 0.322, 0.080, 0.048, 0.173, 0.450, 0.213),
    "upcat_1.convs.conv_1.adn.N": (32, 0.332, 0.070, 0.024, 0.206, 0.406, 0.138),
}


def unet(*, switch=True):
    """A U-Net that was trained at batch size 1, one channel of which a filter of zeros has made dead."""
    layers = [
        layer(
            name,
            side,
            rho=rho,
            gap=gap,
            ratio=ratio,
            moved=moved if switch else None,
            batches=((1, alone), (4, together)),
        )
        for name, (side, rho, alone, together, gap, ratio, moved) in _UNET.items()
    ]
    place = 5
    undefined = {
        figure: (*getattr(layers[place], figure)[:2], None, *getattr(layers[place], figure)[3:])
        for figure in ("rho", "mean_gap", "variance_ratio")
    }
    layers[place] = replace(layers[place], dead=(2,), constant_in_a_sample=(2,), **undefined)
    measured = Measured(
        model(), tuple(layers), output="classes" if switch else None, output_moved=0.62 if switch else None
    )
    return report(measured, switch=switch)


def instance():
    """A network of instance norms alone, one channel of which is constant in some samples."""
    layers = [
        layer(
            f"encoder.{stage}.norm_{place}",
            32 >> stage,
            "instance",
            rho=0.2 / (stage + 1),
        )
        for stage in range(3)
        for place in (1, 2)
    ]
    layers[2] = replace(layers[2], constant_in_a_sample=(1,))
    layers[4] = replace(layers[4], epsilon_share=spread(0.04, 5))
    found = model("nets.py:encoder", weights=None, normalizers={"instance": 6})
    return report(Measured(found, tuple(layers)), batch_sizes=(1,))


def exported():
    """A program that cannot be trained: two batch norms are left, the others are folded away."""
    layers = (
        layer("BatchNormalization_0", 32, rho=0.4, gap=0.02, ratio=1.05),
        layer("BatchNormalization_1", 16, rho=0.35, gap=0.6, ratio=3.1, largest=(12.0, 90_000.0, 3.0, None, 2.0)),
    )
    found = model("segmenter.onnx", weights=None, framework="onnx", normalizers={"batch": 2}, trains=False)
    missed = (
        "Most exporters fold a batch norm into the convolution before it; a folded one cannot be seen. Export with "
        "training=torch.onnx.TrainingMode.PRESERVE to keep all.",
    )
    return report(Measured(found, layers, missed=missed), switch=True)


def untrained():
    """A network without weights, in mixed precision, in which float16 overflows."""
    layers = [
        layer("enc.norm", 16, rho=0.5, gap=0.4, ratio=0.02, never_updated=True, batches=((1, 0.5),)),
        layer(
            "dec.norm", 16, "group", groups=5, rho=0.1, dtype="float16", largest=(65_504.0,) * 5, not_finite=(0, 1, 4)
        ),
        layer("head.norm", 16, rho=0.2, gap=0.3, ratio=0.5, never_updated=True, batches=((1, 0.2),), not_finite=(1,)),
    ]
    found = model("nets.py:half", weights=None, normalizers={"batch": 2, "group": 1})
    return report(Measured(found, tuple(layers)), batch_sizes=(1,), device="cuda:0", amp="float16")


def deep():
    """A network of many layers, of which those that pay are behind the ones that a table has room for."""
    layers = [
        layer(
            f"encoder.stages.{place // 4}.blocks.{place % 4}.conv1.batch_normalization_of_the_residual",
            8,
            rho=0.2,
            gap=0.1,
            ratio=0.9,
            moved=0.4 if place in (29, 41) else 0.0,
            batches=((1, 0.1),),
        )
        for place in range(60)
    ]
    found = model("deep:net", normalizers={"batch": 60})
    return report(Measured(found, tuple(layers), output="values", output_moved=0.5), switch=True, batch_sizes=(1,))


def refusing():
    """An encoder for classification whose last norms have a single value in a batch of 1, on whole volumes."""
    layers = (
        layer("stem.bn", 16, rho=0.3, gap=0.1, ratio=0.9, batches=((1, 0.5), (2, 0.4))),
        layer("layer1.0.bn1", 8, rho=0.2, gap=0.1, ratio=0.9, batches=((1, 0.1), (2, 0.07))),
        layer("layer4.0.bn1", 1, rho=0.9, gap=0.2, ratio=1.2, batches=((1, None), (2, 0.6))),
        layer("layer4.0.bn2", 1, rho=1.0, gap=0.3, ratio=1.4, batches=((1, None), (2, 0.7))),
    )
    # the pass stops at the first of them, and the next one is judged by its shape
    judged = replace(layers[3], batches=(replace(layers[3].batches[0], message=None), layers[3].batches[1]))
    found = model("torchvision.models.video:r3d_18", weights=None, parameters=33_371_472, normalizers={"batch": 4})
    whole = tuple(Sample(f"scans/{place}.nii.gz", None, (32, 32, 32), "float32") for place in range(9))
    return report(Measured(found, (*layers[:3], judged)), found=whole, batch_sizes=(1, 2))
