"""What `--intensity` may say, and what is said where it says something else."""

from __future__ import annotations

import json
from math import inf

import pytest

from bnstat.errors import UsageError
from bnstat.preprocessing.percentile_steps import Percentile, PercentileClip, PercentileScale
from bnstat.preprocessing.settings import Preparation
from bnstat.preprocessing.steps import Clip, Ct, Minmax, Scale, Zscore, parsed, passes


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        (None, ()),
        ("none", ()),
        ("none|none", ()),
        ("minmax", (Minmax(),)),
        ("minmax:-1,1", (Minmax(-1.0, 1.0),)),
        ("zscore", (Zscore(),)),
        ("zscore-nonzero", (Zscore("zscore-nonzero", "nonzero", everywhere=False),)),
        ("zscore-nonzero-all", (Zscore("zscore-nonzero-all", "nonzero"),)),
        ("noNorm", ()),
        ("rescale_to_0_1", (Minmax(least_span=1e-8),)),
        ("zscore:mask", (Zscore("zscore:mask", "mask"),)),
        ("scale:0.001,-1", (Scale(0.001, -1.0),)),
        ("clip:-1000,1e3", (Clip(-1000.0, 1000.0),)),
        ("clip:0,", (Clip(0.0, inf),)),
        ("clip:,255", (Clip(-inf, 255.0),)),
        ("ct:-958,1817,-250.1,571", (Ct(((-958.0, 1817.0, -250.1, 571.0),)),)),
        (" clip:0, | zscore ", (Clip(0.0, inf), Zscore())),
        ("clip:p0.5,p99.5", (PercentileClip(Percentile(0.5), Percentile(99.5)),)),
        ("clip:0, p99 ,nonzero", (PercentileClip(0.0, Percentile(99.0), "nonzero"),)),
        ("clip:p1,", (PercentileClip(Percentile(1.0), inf),)),
        ("clip:,p99,all-channels", (PercentileClip(-inf, Percentile(99.0), together=True),)),
        ("scale-percentile:1,99,0,1", (PercentileScale(Percentile(1.0), Percentile(99.0), 0.0, 1.0),)),
        (
            "scale-percentile:p1,p99,-1,1,nonzero,clip",
            (PercentileScale(Percentile(1.0), Percentile(99.0), -1.0, 1.0, clips=True, region="nonzero"),),
        ),
    ],
)
def test_steps_are_read_from_left_to_right(text, steps):
    assert parsed(text) == steps


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "step '' is not known"),
        ("zscor", "step 'zscor' is not known; did you mean 'zscore'?"),
        ("MinMax", "did you mean 'minmax'?"),
        ("clip:0,1|", "step '' is not known"),
        ("clip:0,1,zscore", "'clip:0,1,zscore' is wrong: it takes LO,HI"),
        ("clip", "it takes LO,HI"),
        ("clip:,", "it takes LO,HI"),
        ("clip:", "nothing follows the colon"),
        ("clip:a,1", "'a' is not a number"),
        ("clip:nan,1", "'nan' is not a finite number"),
        ("clip:2,1", "its lower end 2 is above its upper end 1"),
        ("clip:p1,p1", "its lower percentile 1 is not below its upper one 1"),
        ("clip:p1,p101", "a percentile is a number from 0 to 100, and not 101"),
        ("clip:p1", "it takes two ends, as in 'clip:p0.5,p99.5'"),
        ("clip:p,p99", "'' is not a number"),
        ("clip:0.5%,99.5%", "'0.5%' is not a number; percentile 0.5 is written p0.5"),
        ("clip:p1,p99,brain", "'brain' is not known after the numbers; add nonzero, mask or all-channels"),
        ("clip:p1,p99,nonzero,mask", "either nonzero or mask"),
        ("clip:0,1,nonzero", "'nonzero' says which percentiles are taken, and no end is one"),
        ("scale-percentile", "it takes LO,HI,A,B"),
        ("scale-percentile:1,99", "it takes LO,HI,A,B"),
        ("scale-percentile:99,1,0,1", "its lower percentile 99 is not below its upper one 1"),
        ("scale-percentile:1,99,2,2", "every voxel would be 2"),
        ("scale-percentile:1,99,1,0,clip", "nothing can be clipped from 1 to 0"),
        ("scale-percentile:1,99,0,1,clamp", "'clamp' is not known after the numbers; add clip, nonzero, mask or"),
        ("scale-percentiles:1,99,0,1", "did you mean 'scale-percentile'?"),
        ("minmax:1", "it takes A,B"),
        ("minmax:1,1", "every voxel would be 1"),
        ("scale", "it takes A,B"),
        ("scale:0,5", "every voxel would be 5"),
        ("scale:1e400,0", "'1e400' is not a finite number"),
        ("zscore:1", "it takes nothing, or 'mask'"),
        ("zscore-nonzero:mask", "it takes no numbers"),
        ("nonorm", "did you mean 'noNorm'?"),
        ("rescale_to_0_1:0,1", "it takes no numbers"),
        ("none:1", "it takes no numbers"),
        ("ct:1,2,3", "there is no such file"),
        ("ct:1,2,3,-4", "a standard deviation of -4 is below 0"),
        ("ct:" + "x" * 5000, "there is no such file"),
        ("ct:\0", "there is no such file"),
    ],
)
def test_a_wrong_step_is_named_beside_its_forms_and_an_unknown_one_beside_those_there_are(text, said):
    with pytest.raises(UsageError) as caught:
        Preparation(intensity=text)
    message = str(caught.value)
    assert said in message
    if " is wrong: " not in message:
        assert "clip:LO,HI" in message
        assert "as in 'clip:-1000,1000|zscore'" in message
    else:
        (told,) = (step for step in text.split("|") if f"step {step!r} is wrong" in message)
        assert f"; the step is {told.partition(':')[0]}" in message
    assert "\n" not in message


def fingerprint(folder, properties):
    path = folder / "dataset_fingerprint.json"
    path.write_text(json.dumps({"foreground_intensity_properties_per_channel": properties}))
    return path


PROPERTIES = {"percentile_00_5": -958.0, "percentile_99_5": 1817.0, "mean": -250.1, "std": 571.0, "median": 0.0}


def test_a_fingerprint_of_nnunet_gives_each_channel_its_numbers(tmp_path):
    path = fingerprint(tmp_path, {"0": PROPERTIES, "1": {**PROPERTIES, "std": 0.0}})
    (step,) = parsed(f"ct:{path}")
    assert step.channels == ((-958.0, 1817.0, -250.1, 571.0), (-958.0, 1817.0, -250.1, 1e-8))
    assert (step.everywhere, step.source) == (False, str(path))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"foreground_intensity_properties_per_channel": 3}', "\xff", '{"plans": 1}']
)
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "plans.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=r"dataset_fingerprint\.json or nnUNetPlans\.json"):
        Preparation(intensity=f"ct:{path}")


@pytest.mark.parametrize("wrong", [{}, {"0": {"mean": 1}}, {"1": PROPERTIES}, {"0": {**PROPERTIES, "std": None}}])
def test_properties_that_are_not_whole_are_refused(tmp_path, wrong):
    with pytest.raises(UsageError, match="foreground_intensity_properties_per_channel"):
        Preparation(intensity=f"ct:{fingerprint(tmp_path, wrong)}")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (None, 1),
        ("zscore", 1),
        ("minmax|scale:2,1|zscore", 1),
        ("clip:0,1|zscore", 1),
        ("ct:0,1,0,1|minmax", 1),
        ("zscore-nonzero", 1),
        ("zscore-nonzero|zscore", 1),
        ("zscore|clip:-3,3", 2),
        ("zscore|clip:-3,3|minmax", 2),
        ("zscore|zscore-nonzero", 2),
        ("zscore-nonzero-all|zscore", 1),
        ("zscore-nonzero-filled|zscore", 2),
        ("zscore|zscore-nonzero-filled|clip:0,", 4),
        ("zscore|clip:-3,3|zscore-nonzero|clip:0,", 3),
        ("clip:p1,p99", 3),
        ("clip:p1,p99|zscore", 3),
        ("scale-percentile:1,99,0,1", 3),
        ("zscore|scale-percentile:1,99,0,1|zscore", 3),
    ],
)
def test_passes_are_as_few_as_the_steps_need(text, number):
    assert passes(parsed(text)) == number


def test_statistics_inside_a_mask_need_one():
    with pytest.raises(UsageError, match=r"zscore:mask takes the statistics inside of a mask, and there is none"):
        Preparation("zscore:mask")
    with pytest.raises(UsageError, match="there is none"):
        Preparation("CT=none;*=zscore:mask")
