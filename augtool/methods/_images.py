"""What methods ask of the shape of rows."""

from __future__ import annotations

from augtool.errors import UsageError


def images_only(name: str, shape: tuple[int, ...]) -> None:
    """Raise `UsageError`, in the name of a method, unless rows are (H, W) or (H, W, C)."""
    if len(shape) not in (2, 3):
        raise UsageError(f"{name} needs images, (H, W) or (H, W, C); rows here have shape {shape}")
