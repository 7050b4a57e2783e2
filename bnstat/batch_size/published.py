"""Published errors at small batch sizes: context for a reader, and no evidence about other data."""

# Wu & He 2018, "Group Normalization" (arXiv 1803.08494): validation errors of one network.
GROUP_NORM_PAPER = (
    "ResNet-50 on ImageNet had an error of 23.6, 23.7, 24.8, 27.3 and 34.7 % with batch norm at 32, 16, 8, 4 and 2 "
    "images per GPU, and of 24.0 to 24.2 % with group norm (arXiv 1803.08494)"
)
