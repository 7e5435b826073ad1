"""Apply several methods one after the other, or one of several, as a recipe says."""

from __future__ import annotations

from ._chain import chain_command
from ._run import AFTER, BEFORE, run

command = chain_command(run, BEFORE, AFTER, called="mix", out="mixed.h5")
