"""Pictures that lie elsewhere, copied to a file before they are read.

Whole files are copied rather than read in pieces by GDAL: a copy has a hash, is opened with the
same care as any file, can be gone on with where a connection broke, and does not suffer from GDAL's
memory of failed addresses, which outlasts the failure within a process.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from landshift import __version__
from landshift.batch.listed_site import ListedSite
from landshift.errors import FetchError, ImageError
from landshift.site import Image, Site

_SCHEMES = ("https://", "http://", "s3://", "/vsis3/", "/vsicurl/")
_TIMEOUT_S = 30.0
"""Silence after which a try counts as failed."""
_TRIES = 4
_PAUSE_S = 1.0
"""Before the second try; doubled before each other."""
_MOST_BYTES = 8 * 2**30
_MOST_SHOWN = 200
"""Characters of an address in an error."""
_PIECE = 2**20
_PASSING = (408, 425, 429, 500, 502, 503, 504)
"""HTTP codes after which trying again makes sense."""
_NO_SUCH_RANGE = 416
"""HTTP code where less lies there than was had already."""
_HEAD_REFUSED = (400, 401, 403, 405, 501)
"""HTTP codes after which a picture whose headers are not to be had may yet be read."""
_BROKEN: tuple[type[Exception], ...] = (
    urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError,
)  # fmt: skip


def is_remote(address: str) -> bool:
    """Whether a list means a picture that is no file here."""
    return address.startswith(_SCHEMES)


def without_query(address: str) -> str:
    """What results name: the query of a signed address is a key to the picture, for its holder."""
    return address.partition("?")[0] if is_remote(address) and not _is_s3(address) else address


def file_name_of(address: str) -> str:
    """The last part of an address, which may tell sensor and date as a file's name does.

    Raises
    ------
    ImageError
        When it has none, or is of a kind that is not fetched.
    """
    path = urllib.parse.urlsplit(_plain(address)).path
    name = PurePosixPath(urllib.parse.unquote(path)).name
    if not name or name in (".", "..") or "\\" in name or "\0" in name:
        raise ImageError(f"{_shown(address)}: the address names no file")
    return name


def version_of(address: str) -> str | None:
    """What the server says of the picture's version; None where it cannot be asked.

    Where it names none, one that never comes again: what may have changed is not the same.
    """
    try:
        if _is_s3(address):
            head = _s3().head_object(**_bucket_and_key(address))
            return f"{head['ETag']} {head['ContentLength']}"
        told = _headers(address)
    except _unreachable():
        return None  # the fetching will say why
    named = [told.get(name, "") for name in ("ETag", "Last-Modified")]
    if not any(named):
        return f"not named {uuid.uuid4().hex}"
    return " ".join((*named, told.get("Content-Range", "") or told.get("Content-Length", "")))


def _headers(address: str) -> Any:
    """What a server says of a picture; signed addresses are good for reading alone."""
    try:
        with _opened(address, method="HEAD") as answer:
            return answer.headers
    except urllib.error.HTTPError as error:
        error.close()
        if error.code not in _HEAD_REFUSED:
            raise
    with _opened(address, {"Range": "bytes=0-0"}) as answer:
        return answer.headers


@contextmanager
def pictures_at_hand(listed: ListedSite) -> Iterator[Site]:
    """The site with files for pictures; what was fetched goes again.

    Raises
    ------
    FetchError
        When a picture cannot be fetched: which, why, how often it was tried.
    """
    assert listed.site is not None
    named = (listed.before, listed.after, listed.before_mask, listed.after_mask)
    if not any(map(is_remote, named)):
        yield listed.site
        return
    with TemporaryDirectory(prefix="landshift-", ignore_cleanup_errors=True) as folder:
        before, after = (
            _at_hand(image, address, mask, Path(folder) / when)
            for when, image, address, mask in (
                ("before", listed.site.before, listed.before, listed.before_mask),
                ("after", listed.site.after, listed.after, listed.after_mask),
            )
        )
        yield replace(listed.site, before=before, after=after)


def _at_hand(image: Image, address: str, mask_address: str, folder: Path) -> Image:
    """The picture and its mask themselves where they are files, else copies in ``folder``."""
    if is_remote(address):
        image = replace(image, path=_fetched(address, folder / "picture"))
    if image.mask is not None and is_remote(mask_address):
        copy = _fetched(mask_address, folder / "mask")
        image = replace(image, mask=replace(image.mask, path=copy))
    return image


def _fetched(address: str, folder: Path) -> Path:
    path = folder / file_name_of(address)
    folder.mkdir(parents=True)
    fetch(address, path)
    return path


@dataclass
class _Part:
    """A picture as far as it has come, within one call of `fetch`."""

    path: Path
    version: str = ""
    """What tells the version that it is of; none where it cannot be gone on with."""


def fetch(address: str, path: Path) -> None:
    """Copy what lies at ``address`` to ``path``; broken off, it goes on where it was.

    It begins anew where what lies there may have changed in between.

    Raises
    ------
    FetchError
        When it cannot be had.
    ImageError
        When it is too large, or its kind of address is not fetched.
    """
    part = _Part(path)
    for number in range(1, _TRIES + 1):
        try:
            return _fetch_s3(address, path) if _is_s3(address) else _fetch_http(address, part)
        except urllib.error.HTTPError as error:
            why, passing = f"HTTP {error.code} {error.reason}", error.code in _PASSING
            error.close()
            if error.code == _NO_SUCH_RANGE and part.version:
                part.version, passing = "", True
        except _passing_errors() as error:
            why, passing = str(getattr(error, "reason", error)) or type(error).__name__, True
        except OSError as error:
            why, passing = str(error), False
        if not passing or number == _TRIES:
            break
        time.sleep(_PAUSE_S * 2 ** (number - 1))
    tries = "once" if number == 1 else f"{number} times"
    raise FetchError(f"{_shown(address)}: could not be fetched, tried {tries}: {why}")


def _fetch_http(address: str, part: _Part) -> None:
    have = part.path.stat().st_size if part.version and part.path.exists() else 0
    asked = {"Range": f"bytes={have}-", "If-Range": part.version} if have else {}
    with _opened(address, asked) as answer:
        if answer.status != 206:
            have = 0
        elif have and not _goes_on(answer.headers, part.version, have):
            part.version = ""
            raise ConnectionError("the server answered with another part than was asked for")
        if not have:
            part.version = _version_in(answer.headers)
        left = int(answer.headers.get("Content-Length") or 0)
        got = _copy(answer, address, part.path, have, left) - have
        if left and got < left:
            raise ConnectionError(f"the connection broke after {have + got} of {have + left} bytes")


def _version_in(headers: Any) -> str:
    """What to name in ``If-Range``, which takes no weak ETag; none where nothing will do."""
    etag = str(headers.get("ETag", ""))
    return etag if etag.startswith('"') else str(headers.get("Last-Modified", ""))


def _goes_on(headers: Any, version: str, have: int) -> bool:
    """Whether a partial answer begins at ``have`` and is of ``version``.

    Servers are about that do not know ``If-Range``, so the answer's own words count.
    """
    begins = str(headers.get("Content-Range", "")).strip().startswith(f"bytes {have}-")
    return begins and _version_in(headers) in ("", version)


def _copy(source: Any, address: str, path: Path, have: int, left: int) -> int:
    """Write ``source`` to ``path`` after the ``have`` bytes that it holds; how many it holds then.

    ``left`` is how many are announced, 0 where that is not known: then the limit holds as well.
    """
    size = have + left
    if size <= _MOST_BYTES:
        size = have
        with path.open("ab" if have else "wb") as file:
            while size <= _MOST_BYTES and (piece := source.read(_PIECE)):
                size += len(piece)
                file.write(piece)
    if size > _MOST_BYTES:
        path.unlink(missing_ok=True)
        raise ImageError(f"{_shown(address)}: {size} bytes or more; allowed are {_MOST_BYTES}")
    return size


def _opened(address: str, headers: dict[str, str] | None = None, method: str = "GET") -> Any:
    url = urllib.parse.quote(_plain(address), safe=":/?&=%#@+,;~!$'()*[]")
    told = {"User-Agent": f"landshift/{__version__}", **(headers or {})}
    return urllib.request.urlopen(
        urllib.request.Request(url, headers=told, method=method), timeout=_TIMEOUT_S
    )


def _shown(address: str) -> str:
    """What an error names: a signature is long, and nobody's to read in a log."""
    place, mark, _ = address.partition("?")
    return place[:_MOST_SHOWN] + ("?…" if mark else "")


def _plain(address: str) -> str:
    plain = address.removeprefix("/vsicurl/")
    if not plain.startswith(("https://", "http://")) and not _is_s3(address):
        raise ImageError(f"{_shown(address)}: not fetched; allowed are https, http, s3 and files")
    return plain


def _is_s3(address: str) -> bool:
    return address.startswith(("s3://", "/vsis3/"))


def _bucket_and_key(address: str) -> dict[str, str]:
    bucket, _, key = address.removeprefix("s3://").removeprefix("/vsis3/").partition("/")
    return {"Bucket": bucket, "Key": key}


def _s3() -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ModuleNotFoundError:
        raise ImageError(
            "pictures on S3 need boto3: pip install 'landshift[s3]'"
        ) from None
    return boto3.client("s3", config=Config(
        connect_timeout=_TIMEOUT_S, read_timeout=_TIMEOUT_S, retries={"max_attempts": 1},
    ))  # fmt: skip


def _passing_errors() -> tuple[type[Exception], ...]:
    """What is worth another try; S3's own errors among them where its library is installed."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ModuleNotFoundError:
        return _BROKEN
    return (*_BROKEN, BotoCoreError, ClientError)


def _unreachable() -> tuple[type[Exception], ...]:
    return (ImageError, OSError, *_passing_errors())


def _fetch_s3(address: str, path: Path) -> None:
    from botocore.exceptions import ClientError

    place = _bucket_and_key(address)
    try:
        answer = _s3().get_object(**place)
    except ClientError as error:
        code = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _PASSING:
            raise
        raise FetchError(f"{_shown(address)}: could not be fetched: {error}") from error
    with answer["Body"] as body:
        _copy(body, address, path, 0, answer["ContentLength"])
