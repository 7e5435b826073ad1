"""Imported once by the fork server, so that workers start with every kernel compiled."""

from augtool import kernels, worker  # noqa: F401

kernels.load_all()
