"""Where an answer goes: what may stand there, and all of it at once or nothing."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rasterio.errors import RasterioError

from landshift.errors import OutputError

_RESULT = re.compile(
    r"report\.(json|html)|changes\.(tif|qml|gpkg|parquet)|probability\.tif|buildings\.geojson|"
    r"figure\.(png|svg|pdf)|site\.kmz|stac-item\.json"
)
"""What `landshift.writing.write_report` writes."""
_OCCUPIED = "{} exists and is not empty; --overwrite replaces it"
_ASIDE = re.compile(
    r".+\.aux\.xml|.+\.ovr|.+-(wal|shm|journal)|\.DS_Store|\._.+|Thumbs\.db|desktop\.ini"
)
"""What programs leave beside a file that they only opened: GDAL, QGIS, SQLite, file managers."""


def check_output(out: Path, overwrite: bool) -> None:
    """`check_folder` for a result: what a comparison writes, ``report.json`` among it.

    Raises
    ------
    OutputError
        What stands in the way.
    """
    check_folder(out, overwrite, "report.json", _RESULT)


def check_folder(out: Path, overwrite: bool, mark: str, ours: re.Pattern[str]) -> None:
    """Refuse an output folder that exists or cannot be made, before the work is done.

    An empty folder may be written into. Only a folder that holds ``mark``, and nothing but names
    that ``ours`` matches, is overwritten: all of it goes, and whatever else stands there is not
    landshift's to throw away.

    Raises
    ------
    OutputError
        What stands in the way.
    """
    if out.is_dir():
        occupied = sorted(path.name for path in out.iterdir())
        if occupied and not overwrite:
            raise OutputError(_OCCUPIED.format(out))
        if occupied and not (out / mark).is_file():
            raise OutputError(f"{out} holds no {mark}; it is not a result and stays as it is")
        foreign = [one for one in occupied if not (ours.fullmatch(one) or _ASIDE.fullmatch(one))]
        if foreign:
            others = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
            raise OutputError(
                f"{out} holds {foreign[0]}{others}, which landshift did not write and --overwrite "
                "would remove; take it away or name another folder"
            )
    elif out.exists() or out.is_symlink():
        raise OutputError(f"{out} exists and is no folder")
    _check_parent(out)


def check_file(path: Path, overwrite: bool, inputs: Collection[Path] = ()) -> None:
    """Refuse an output file that exists or cannot be made, before the work is done.

    Parameters
    ----------
    path
        The file.
    overwrite
        Whether it may be replaced.
    inputs
        Files that are read, none of which it may be in any case.

    Raises
    ------
    OutputError
        What stands in the way.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder; a file name is needed")
    for one in inputs:
        if path.exists() and one.exists() and path.samefile(one):
            raise OutputError(f"{path} is the input {one}, which stays as it is; name another file")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists; --overwrite replaces it")
    _check_parent(path)


def check_files(
    paths: Collection[Path], overwrite: bool, inputs: Collection[Path] = ()
) -> None:
    """`check_file` for several files of one answer, no two of which may be one.

    Raises
    ------
    OutputError
        What stands in the way.
    """
    seen: set[str] = set()
    for path in paths:
        place = os.path.realpath(path)
        if place in seen:
            raise OutputError(f"{path} is named for two outputs; each needs a file of its own")
        seen.add(place)
        check_file(path, overwrite, inputs)


def remove_result(folder: Path) -> None:
    """Take away an earlier result whose question has no answer now; what is not ours stays.

    ``report.json`` goes first: what is left by a killed process is no result.
    """
    if not (folder / "report.json").is_file():
        return
    (folder / "report.json").unlink()
    for path in folder.iterdir():
        if path.is_file() and (_RESULT.fullmatch(path.name) or _ASIDE.fullmatch(path.name)):
            path.unlink()
    with suppress(OSError):  # not empty
        folder.rmdir()


@contextmanager
def new_folder(out: Path, overwrite: bool) -> Iterator[Path]:
    """A folder to fill beside ``out``, which takes its place when all went well.

    A folder that is there and empty stays, and is filled: somebody's shell may stand in it. So does
    one where a disk is mounted, which nothing can take the place of.

    Raises
    ------
    OutputError
        When it cannot be written, or was filled meanwhile and ``overwrite`` is false; nothing is
        left behind.
    """
    out = Path(os.path.realpath(out))  # of a link, where it leads
    with _made_parents(out) as parent:
        mounted = os.path.ismount(out)
        work = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out if mounted else parent))
        try:
            fresh, old = work / "new", work / "old"
            fresh.mkdir()
            yield fresh
            there = [path for path in out.iterdir() if path != work] if out.is_dir() else []
            if there and not overwrite:
                raise OutputError(_OCCUPIED.format(out))
            if mounted or (out.is_dir() and not there):
                old.mkdir()
                with _moved(there, old), _moved(list(fresh.iterdir()), out):
                    pass
            else:
                with _moved([out] if there else [], work, "old"):
                    fresh.rename(out)
        finally:
            shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _moved(paths: Collection[Path], into: Path, name: str = "") -> Iterator[None]:
    """Files and folders moved ``into`` a folder, and back if that or what follows fails."""
    done: list[tuple[Path, Path]] = []
    try:
        # what marks a result comes last
        for path in sorted(paths, key=lambda path: path.name == "report.json"):
            path.rename(into / (name or path.name))
            done.append((path, into / (name or path.name)))
        yield
    except BaseException:
        for path, place in reversed(done):
            place.rename(path)
        raise


@contextmanager
def new_files(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """Files to fill, each in a folder beside its place, which they take when all went well.

    Raises
    ------
    OutputError
        When one of them cannot be written; nothing is left behind.
    """
    if not paths:
        yield ()
        return
    path, *others = paths
    with _made_parents(path) as parent:
        work = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=parent))
        try:
            fresh = work / path.name
            with new_files(*others) as rest:
                yield (fresh, *rest)
            fresh.replace(path)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _check_parent(path: Path) -> None:
    """Refuse a place whose nearest existing folder may not be written."""
    parent = path.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise OutputError(f"{path} cannot be made: {parent} is no folder")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path} cannot be made: {parent} may not be written")


@contextmanager
def _made_parents(path: Path) -> Iterator[Path]:
    """The folder of ``path``, made if need be, and unmade if what follows fails."""
    missing = []
    parent = path.absolute().parent
    while not parent.exists():
        missing.append(parent)
        parent = parent.parent
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        yield path.absolute().parent
    except BaseException as error:  # Ctrl-C too leaves nothing behind
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()
        if isinstance(error, OSError | RasterioError):
            raise OutputError(f"{path} could not be written: {error}") from error
        raise
