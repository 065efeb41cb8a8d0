"""The version of the distribution, from its one place: the installed metadata."""

from importlib.metadata import version

__version__ = version("routerkit")
