"""The fork server is started before all else, once, and says when it answers."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork server")

EARLY = """
import sys
from augtool.engines.processes import start_early, warm_up
start_early({method!r})
print(sorted({{"numpy", "numba", "h5py", "llvmlite"}} & set(sys.modules)))
from augtool.system import child as isolate
said = isolate.wait(isolate._server_says, 60)
print(bool(said) and isolate._server_answers())
if {method!r} == "no-such-method":
    sys.exit()
warm_up({kernels!r})
print([name for name in sys.modules if name.startswith("augtool.kernels.") and "._" not in name])
from augtool.engines.processes import ProcessExecutor
with ProcessExecutor(1) as engine:
    print(sorted(engine.submit(eval, "[*__import__('sys').modules]").result()))
"""


def said(method: str, kernels: tuple[str, ...]) -> list[str]:
    program = [sys.executable, "-c", EARLY.format(method=method, kernels=kernels)]
    done = subprocess.run(program, capture_output=True, text=True, check=True, timeout=120)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_the_server_is_begun_without_what_it_imports_and_has_the_methods_kernels() -> None:
    heavy, answers, here, there = said("cutmix", ("paste",))
    assert heavy == "[]"
    assert answers == "True"
    assert here == "[]"
    assert "'augtool.kernels.paste'" in there
    assert "'augtool.pipeline.worker'" in there


def test_kernels_that_the_server_was_not_told_of_are_made_ready_here() -> None:
    *_, here, there = said("smooth", ("paste",))
    assert here == "['augtool.kernels.paste']"
    assert "'augtool.kernels.paste'" not in there


def test_a_method_that_cannot_be_loaded_is_left_to_the_parent_to_report() -> None:
    assert said("no-such-method", ())[1:] == ["True"]
