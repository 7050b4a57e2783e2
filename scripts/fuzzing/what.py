"""What each reader that is fuzzed reads, for the documentation, which is written without the packages of readers."""

from __future__ import annotations

READS = {
    "images": "NIfTI-1 and -2 in one and two files, plain, `.gz` and `.bz2`, Analyze, MGH, MINC-1, AFNI",
    "arrays": "`.npy` and `.npz` of numpy",
    "text-headers": "NRRD (`.nrrd`, `.nhdr`) and MetaImage (`.mha`, `.mhd`)",
    "moments": "moments files (`bnstat scan`)",
    "data-sets": "`dataset.json` of nnU-Net and the Decathlon, lists of MONAI, tables of groups, `.bnstatignore`",
    "training-files": "`--plans`, `--monai` in JSON and YAML, `--reference`, `--baseline`, settings in TOML",
    "checkpoints": "safetensors, PyTorch's archives and pickles, exported programs, `.npz`, ONNX",
}
