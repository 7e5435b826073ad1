"""The numba kernels: a few primitives that all methods share. Nothing is drawn here."""
