"""The version, read from the installed package."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("rgbtvg")
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0.0.0"
