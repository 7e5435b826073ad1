"""Imported once by the fork server, so that workers start with every kernel compiled."""

import importlib
import pkgutil

from augtool import kernels, worker  # noqa: F401

for _module in pkgutil.iter_modules(kernels.__path__):
    importlib.import_module(f"augtool.kernels.{_module.name}")
