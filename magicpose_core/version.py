"""The one place of the version: the package's metadata and the registry's are read from here."""

__version__ = "0.1.0"
