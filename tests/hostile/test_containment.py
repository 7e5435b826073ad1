"""Hostile inputs run no program, load no pickle, reach no network and write nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

PROGRAM = """
import json, os, sys, tempfile
allowed = (os.getcwd(), os.path.realpath(tempfile.gettempdir()), "/dev/", sys.argv[2])
found, watching = [], False

def hook(event, args):
    if not watching:
        return
    if event in ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn",
                 "socket.connect", "socket.getaddrinfo", "urllib.Request", "webbrowser.open"):
        if not (event == "socket.connect" and isinstance(args[1], (str, bytes))):
            found.append([event, repr(args)])
    if event == "pickle.find_class" and args[0].partition(".")[0] in ("os", "posix", "subprocess"):
        found.append([event, repr(args)])
    if event == "exec" and "OWNED" in repr(args):
        found.append([event, repr(args)])
    if event == "open" and isinstance(args[0], (str, bytes)) and args[2] is not None:
        path = os.path.realpath(os.fsdecode(args[0]))
        writes = args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes and not path.startswith(allowed):
            found.append([event, path])

sys.addaudithook(hook)
from augtool_cli.main import main
from augtool import kernels
import h5py, numpy, PIL.Image
codes = []
for command in json.loads(sys.argv[1]):
    watching = True
    try:
        main(command)
    except SystemExit as exit:
        codes.append(exit.code)
    watching = False
print(json.dumps([codes, found]))
"""


def test_nothing_is_run_loaded_connected_to_or_written_elsewhere(
    corpus: ModuleType, tmp_path: Path
) -> None:
    for number in range(24):
        (tmp_path / "data" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / "ab"[number % 2] / f"{number}.png").write_bytes(
            corpus.good(seed=number)
        )
    for name, data in corpus.FOREIGN.items():
        (tmp_path / "data" / "a" / f"{name}.jpg").write_bytes(data)
    (tmp_path / "data" / "a" / "pipe:touch OWNED.png").write_bytes(corpus.good())
    pickled = corpus.FOREIGN["pickle"]
    rows = b"".join(
        corpus.row(b"%d" % at, at) + corpus.tar_member(b"%d.pyd" % at, pickled) for at in range(6)
    )
    (tmp_path / "a.tar").write_bytes(rows + bytes(1024))
    (tmp_path / "p.tar").write_bytes(
        corpus.tar_member(b"0.png", corpus.good())
        + corpus.tar_member(b"0.pyd", pickled)
        + bytes(1024)
    )
    np.savez(tmp_path / "o.npz", x=np.array([{}, {}], object), y=np.arange(2))
    (tmp_path / "o.npy").write_bytes(corpus.npy_lies()["objects"])
    (tmp_path / "call.npy").write_bytes(corpus.npy_lies()["a-call"])
    (tmp_path / "r.toml").write_text(
        "[[steps]]\nmethod = \"__import__('os').system('touch OWNED')\""
    )
    (tmp_path / "c.toml").write_text('seed = "`touch OWNED`"\n')
    up = b"../" * 8 + b"OWNED/"
    members = [(up + b"%d/%d.png" % (at % 2, at), corpus.good(seed=at)) for at in range(4)]
    (tmp_path / "up.zip").write_bytes(corpus.zip_of(members))
    cutmix = ["cutmix", "--out"]
    commands = [
        [*cutmix, "1.h5", "--in", "data", "--on-error", "skip"],
        [*cutmix, "2.h5", "--in", "a.tar"],
        [*cutmix, "3.h5", "--in", "p.tar", "--label-key", "pyd"],
        [*cutmix, "4.h5", "--in", "o.npz"],
        [*cutmix, "5.h5", "--in", "o.npy", "--labels", "o.npy"],
        [*cutmix, "6.h5", "--in", "call.npy", "--labels", "o.npy"],
        [*cutmix, "7.h5", "--in", "up.zip"],
        [*cutmix, "8.h5", "--in", "pipe:touch OWNED"],
        [*cutmix, "9.h5", "--in", "http://127.0.0.1:9/x.tar"],
        [*cutmix, "10.h5", "--in", "sample:", "--config", "c.toml"],
        ["mix", "--recipe", "r.toml", "--in", "sample:", "--out", "11.h5"],
        ["mix", "os.system", "--in", "sample:", "--out", "12.h5"],
        [*cutmix, "13.h5", "--in", "data", "--label-from-name", "(__import__)"],
    ]
    before = {one.name for one in tmp_path.iterdir()}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(commands), str(Path.home() / ".cache")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    codes, found = json.loads(ended.stdout)
    assert codes == [3, 0, 1, 1, 1, 1, 0, 2, 2, 2, 2, 2, 2]
    assert found == []
    assert {one.name for one in tmp_path.iterdir()} == {*before, "1.h5", "2.h5", "7.h5"}
    assert not list(tmp_path.parent.glob("OWNED"))
