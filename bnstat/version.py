"""The version of the package: read by the build, by workers and by every output."""

__version__ = "0.1.0"
