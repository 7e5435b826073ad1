"""Become another user, as the tests of ``tests/neighbour`` do: ``as_user.py UID COMMAND …``."""

import os
import runpy
import sys
from pathlib import Path

conftest = runpy.run_path(str(Path(__file__).parents[1] / "tests" / "neighbour" / "conftest.py"))
uid, *command = sys.argv[1:]
prefix = conftest["_as_user"](int(uid))
os.execvp(prefix[0], [*prefix, *command])
