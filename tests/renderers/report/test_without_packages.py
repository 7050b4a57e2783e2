"""A report without the packages of the extra: answers, JSON and Markdown; a page of HTML says what it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

VOLUME = str(Path(__file__).parents[3] / "sample_data/mri_unit_range.nii.gz")

# A program in which two packages cannot be found.
WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("jinja2", "PIL"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in ("jinja2", "PIL") else found(name, package)
sys.meta_path.insert(0, Missing())
"""


def without_packages(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", WITHOUT + program], capture_output=True, text=True, check=False)


def test_a_report_in_python_has_json_and_markdown_and_says_what_html_needs():
    ran = without_packages(f"""
import bnstat
page = bnstat.report({VOLUME!r})
print(page.to_dict()["schema"], page.to_markdown()[:12].strip())
for write in (page.to_html, page._repr_html_, lambda: page.save("nowhere.html")):
    try:
        write()
    except ImportError as error:
        print(error)
""")
    assert ran.stderr == ""
    needed = "a page of HTML needs jinja2; pip install 'bnstat[report]'"
    assert ran.stdout.splitlines() == ["bnstat.report/1 # Normalizat", needed, needed, needed]


def test_the_command_says_what_to_install_before_it_reads_a_voxel():
    ran = without_packages(f"""
from bnstat.cli import run
sys.exit(run(["report", {VOLUME!r}, "-o", "nowhere.html"]))
""")
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert "needs jinja2" in line
    assert "pip install 'bnstat[report]'" in line
