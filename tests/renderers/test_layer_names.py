"""Names of layers in tables: short, apart, and complete together with what the line below the table says."""

import pytest
from renderers import networks

from bnstat.renderers.layer_names import cut, in_table, shortened

UNET = [f"state_dict.{part}.{conv}.adn.N" for part in ("conv_0", "down_1.convs", "upcat_1.convs") for conv in "ab"]


def names_of(report):
    return [layer.layer for layer in report.layers]


def whole(names):
    """Return the names with what the table leaves out."""
    return [f"{names.beginning}{name}{names.end}" for name in names.shown]


@pytest.mark.parametrize("most", [8, 12, 16, 26, 40])
@pytest.mark.parametrize("every", [UNET, names_of(networks.deep())])
def test_names_stay_apart_and_no_letter_of_their_ends_is_wrong(every, most):
    names = shortened(every, every, most)
    assert len(set(names.shown)) == len(every)
    for name, shown in zip(every, whole(names), strict=True):
        start, dots, end = shown.partition("…")
        assert name.startswith(start)
        assert name.endswith(end)
        assert bool(dots) == (shown != name)


def test_what_all_names_share_is_left_out_and_said():
    names = in_table(UNET, UNET[:2], 60)
    assert names.shown == ("conv_0.a", "conv_0.b")
    assert names.remark == "layer: all names begin with state_dict. and end with .adn.N, which are left out"
    assert whole(shortened(UNET, UNET, 20)) == UNET


@pytest.mark.parametrize(
    ("names", "beginning", "end"),
    [
        (["net.encoder.first.norm", "net.encoder.second.norm"], "net.encoder.", ".norm"),
        (["/encoder/first/norm_1", "/encoder/second/norm_2"], "/encoder/", ""),
        (["the.encoder.norm", "the.encoder.norm#2"], "the.encoder.", ""),
        (["encoder.first.the_norm", "encoder.the_norm"], "encoder.", ""),
        (["encoder.first.norm", "decoder.other.norm"], "", ".norm"),
        (["encoder.normalization_1", "encodings.normalization_2"], "", ""),
        (["one.name.that.is.long"], "", ""),
        (["one.name.that.is.long", "one.name.that.is.long"], "", ""),
    ],
)
def test_whole_parts_are_left_out_and_something_stays(names, beginning, end):
    found = shortened(names, names, 12)
    assert (found.beginning, found.end) == (beginning, end)
    assert all(found.shown)


def test_short_names_stay_as_they_are():
    assert shortened(["a.norm", "b.norm"], ["a.norm", "b.norm"], 16).shown == ("a.norm", "b.norm")
    assert not shortened(["a.norm", "b.norm"], ["a.norm"], 16).remark
    assert shortened([], [], 16).shown == ()


def test_names_from_a_file_are_made_safe_to_print():
    assert "\x1b" not in "".join(shortened(["\x1b[31m.norm", "b.norm"], ["\x1b[31m.norm"], 4).shown)


def test_a_name_is_cut_in_the_middle():
    assert cut("encoder.stages.0", 9) == "enco…es.0"
    assert cut("encoder.0", 9) == "encoder.0"
