"""The public surface as text: names of the library, commands, options, defaults, exit codes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import golden_digests
from augtool_cli.main import augtool as group

import augtool

FILE = Path(__file__).with_name("interface.txt")
_EXITS = (  # in this order, in the folder of the inputs
    "--version",
    "cutmix --in plain.h5 --out out.h5 --quiet",
    "verify out.h5 --quiet",
    "inspect out.h5 > out.txt",
    "plan cutmix --in plain.h5 --out out.csv",
    "cutmix --in plain.h5 --out out.h5 --quiet",
    "cutmix --in plain.h5 --out out.h5 --quiet --overwrite",
    "cutmix --in plain.h5 --out other.h5 --no-such-option",
    "cutmix --in plain.h5 --out other.h5 --alpha -1",
    "cutmix --in plain.h5",
    "no-such-command",
    "cutmix --in no-such-input --out other.h5",
    "cutmix --in rows.txt --out other.h5",
    "cutmix --in broken --out other.h5 --quiet",
    "cutmix --in broken --out other.h5 --quiet --on-error skip",
    "cutmix --in broken --out third.h5 --quiet --on-error skip --max-errors 0",
    "check --in broken --quiet",
    "check --in folder --quiet",
    "verify cut-short.h5 --quiet",
    "inspect classes.txt",
    "render plan-of-another.csv --in folder --out third.h5",
)


def text(inputs: Path) -> str:
    """The whole surface, one thing a line; `inputs` are those of `golden_inputs`."""
    sections = {
        "library": _library(),
        "commands": sorted(name for name, _ in _commands(group, "augtool")),
        "options": _options(),
        "exit codes": _exit_codes(inputs),
    }
    parts = (f"[{title}]\n" + "".join(f"{line}\n" for line in s) for title, s in sections.items())
    return "\n".join(parts)


def _library() -> Iterator[str]:
    for name in augtool.__all__:
        value = getattr(augtool, name)
        yield f"{name}{_signature(value)}"
        if inspect.isclass(value):
            fields = getattr(value, "__dataclass_fields__", {})
            members = (key for key in vars(value) if not key.startswith("_") and key not in fields)
            yield from (f"{name}.{key}" for key in sorted(members))


def _signature(value: Any) -> str:
    if inspect.isclass(value) and issubclass(value, Exception):
        return f" exit code {value.exit_code}"  # type: ignore[attr-defined]
    signature = inspect.signature(value)
    bare = [one.replace(annotation=one.empty) for one in signature.parameters.values()]
    plain = signature.replace(parameters=bare, return_annotation=signature.empty)
    return str(plain).replace("<factory>", "…")


def _commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            one = command.get_command(context, inner)
            assert one is not None
            yield from _commands(one, f"{name} {inner}")


def _options() -> list[str]:
    """Each option once, as it is written, with the commands that have it."""
    having: dict[str, list[str]] = {}
    for name, command in _commands(group, "augtool"):
        for param in command.params:
            having.setdefault(_option(param), []).append(name)
    lines = []
    for option, names in having.items():
        lines += [f"{option}: {', '.join(_shortened(names))}"]
    return sorted(lines)


def _option(param: click.Parameter) -> str:
    """An option as it is written: its names, what it takes, its default, and what help says of both
    in brackets. Nothing that another version of click says in another way."""
    kind = param.type
    takes = "|".join(map(str, kind.choices)) if isinstance(kind, click.Choice) else kind.name
    remark = re.search(r"\[([^\[\]]*)\]$", getattr(param, "help", None) or "")
    default = param.default
    is_plain = isinstance(default, str | int | float) and default is not False
    facts = {
        "takes": "" if getattr(param, "is_flag", False) else param.metavar or takes,
        "default": str(default) if is_plain else "",
        "says": remark[1] if remark else "",
    }
    flags = [name for name in ("required", "multiple") if getattr(param, name, False)]
    said = [f"{name} {fact}" for name, fact in facts.items() if fact]
    names = param.opts if isinstance(param, click.Option) else ["(argument)"]
    return " | ".join([", ".join(names), *said, *flags])


def _shortened(names: list[str]) -> list[str]:
    """The names of commands, where that of all methods stands for each."""
    context = click.Context(group)
    plan = group.get_command(context, "plan")
    assert isinstance(plan, click.Group)
    methods = [name for name in plan.list_commands(context) if name != "mix"]
    for before, word in (("augtool plan ", "plan METHOD"), ("augtool ", "METHOD")):
        every = [f"{before}{method}" for method in methods]
        if set(every) <= set(names):
            names = [word, *(name for name in names if name not in every)]
    return [name.removeprefix("augtool ") for name in names]


def _exit_codes(inputs: Path) -> list[str]:
    with golden_digests.only_for_now(inputs):
        _damage(inputs)
        return [f"{golden_digests.exit_code(line, inputs)} augtool {line}" for line in _EXITS]


def _damage(inputs: Path) -> None:
    """A folder with a broken image, an output that was cut short, and the plan of another input."""
    for path in (inputs / "folder").rglob("*.png"):
        copy = inputs / "broken" / path.relative_to(inputs / "folder")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    copy.write_bytes(copy.read_bytes()[:60])
    golden_digests.run("cutmix --in plain.h5 --out cut-short.h5 --quiet", inputs)
    whole = (inputs / "cut-short.h5").read_bytes()
    (inputs / "cut-short.h5").write_bytes(whole[: len(whole) // 2])
    golden_digests.run("plan cutmix --in plain.h5 --out plan-of-another.csv", inputs)
