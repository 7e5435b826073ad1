"""Whether only this user, and root, can change what is at a place.

What is loaded as code or unpickled is taken from such places alone: on a shared disk anybody may
have put it elsewhere. Where files have no owners (Windows), every place passes.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

_MOST_LINKS = 40
_ROOT = 0


def distrusted(path: Path, *, sticky: bool = False) -> str | None:
    """Why others may change what is at ``path``, with the folder or link by which they can; None
    when they cannot, or when nothing is there.

    Each folder on the way, and each link with where it leads, is root's or this user's, and only
    they can write in it; one on the way with the sticky bit, such as /tmp, may be written by all,
    and with ``sticky`` so may ``path`` itself.
    """
    if not hasattr(os, "geteuid"):
        return None
    path = path.absolute()
    left, at = [*reversed(path.parts[1:])], Path(path.anchor)
    links = 0
    try:
        while (fault := fault_of(at.lstat(), sticky=sticky or bool(left))) is None and left:
            name = left.pop()
            at = at.parent if name == ".." else at / name
            if at.is_symlink():
                links += 1
                if links > _MOST_LINKS or not _owned(at.lstat()):
                    return f"{at} is a link of another user"
                target = at.readlink()
                left += reversed(target.parts[target.is_absolute() :])
                at = Path(target.anchor) if target.is_absolute() else at.parent
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{at}: {error.strerror}"
    return f"{at} {fault}" if fault else None


def fault_of(status: os.stat_result, *, sticky: bool = False, reachable: bool = True) -> str | None:
    """What lets others change a file or folder of this status: "belongs to another user".

    With ``sticky``, a folder with that bit passes: what is in it can be taken away by its owner
    only. What is not ``reachable`` lies where others cannot enter: there only its owner counts.
    """
    if not hasattr(os, "geteuid"):
        return None
    if not _owned(status):
        return "belongs to another user"
    open_to = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if not reachable or not open_to or (sticky and status.st_mode & stat.S_ISVTX):
        return None
    if open_to == stat.S_IWGRP and _group_is_one_user(status.st_gid):
        return None
    return "can be written by other users"


def _owned(status: os.stat_result) -> bool:
    return status.st_uid in (_ROOT, os.geteuid())


def _group_is_one_user(group: int) -> bool:
    """Whether a group is this user's own, of the same name and without other members, as many
    systems give each user one."""
    import grp
    import pwd

    with contextlib.suppress(KeyError):
        user, entry = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
        return (
            group == user.pw_gid
            and entry.gr_name == user.pw_name
            and set(entry.gr_mem) <= {user.pw_name}
        )
    return False
