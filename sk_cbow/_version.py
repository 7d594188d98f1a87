"""The version of this library."""

__version__ = "0.1.0"


def minor_version(version):
    """Patch releases of a minor version read each other's files, and train alike."""
    return ".".join(version.split(".")[:2])


MINOR_VERSION = minor_version(__version__)
