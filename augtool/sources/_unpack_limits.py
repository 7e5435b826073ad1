"""How much may come out of a little: what is compressed can unpack to any size."""

from __future__ import annotations

from augtool.errors import SourceError
from augtool.recipe.recipe import Reading

_PIECE = 256 << 20
_WHOLE = 1 << 30
_TIMES = 100  # photos hardly compress, and the emptiest of masks in earnest seldom do more
OPTION = "if it is meant, raise --max-unpacked"


def of_piece(reading: Reading) -> int:
    """Bytes that one member, chunk or image may take in memory."""
    return _PIECE if reading.max_unpacked is None else reading.max_unpacked


def of_whole(reading: Reading, packed: int) -> int:
    """Bytes that an archive or an array of ``packed`` bytes may take in the scratch folder."""
    return reading.max_unpacked or max(_WHOLE, _TIMES * packed)


def check_whole(reading: Reading, where: str, packed: int, unpacked: int) -> None:
    """Raise `SourceError` for more than `of_whole`."""
    most = of_whole(reading, packed)
    if unpacked > most:
        raise SourceError(
            f"{where}: unpacks from {packed:,} bytes to {unpacked:,}, more than {most:,}; {OPTION}"
        )
