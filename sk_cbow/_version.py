"""The version of this library."""

__version__ = "0.1.0"
MINOR_VERSION = ".".join(__version__.split(".")[:2])  # patch releases read each other's files and train alike
