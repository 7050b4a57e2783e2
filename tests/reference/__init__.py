"""What bnstat's numbers have to be, worked out anew: exact sums, 60 digits for the rest, and no line of the package.

`values` decodes files from their bytes. `moments` sums voxels exactly. `preparation` changes and selects them.
`layers` has what a normalization layer makes of them, `curve` and `patches` what a batch size does, and `sums` adds
float32 values in the order of a framework. `balls` carries how far float64 may be from each number.
It is slow, and has nothing but the standard library.
"""
