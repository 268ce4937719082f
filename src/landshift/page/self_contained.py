"""What makes a page stand alone: all it needs inside it, and a policy that allows nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib import resources

import jinja2


def fill(template: str, style: str, scripts: tuple[str, ...], **words: object) -> str:
    """Fill a template of this package; every word is escaped.

    Parameters
    ----------
    template
        Its file name.
    style
        The page's own style, which follows Leaflet's and the one that all pages share.
    scripts
        The page's own scripts, which follow Leaflet's; the template writes them as ``scripts``.
    words
        What else the template asks for.

    Notes
    -----
    The Content-Security-Policy allows the page's scripts and styles, each by its hash, pictures
    that stand in it, and nothing else: no address is ever asked, and nothing runs that a name in
    a list may hold.
    """
    style = "\n".join([_leaflet_style(), resource("page.css"), style])
    scripts = (_leaflet(), *scripts)
    return _environment().get_template(template).render(
        policy=_policy(style, *scripts), style=style, scripts=scripts,
        leaflet_licence=resource("leaflet/LICENSE"), **words,
    )  # fmt: skip


@cache
def resource(name: str) -> str:
    """A text file of this package."""
    return resources.files("landshift.page").joinpath(name).read_text(encoding="utf-8").strip()


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("landshift.page", ""), autoescape=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip


def _policy(style: str, *scripts: str) -> str:
    """Content-Security-Policy: nothing but what stands in the page, each script by its hash."""
    allowed = " ".join(f"'{_hash(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")


def _leaflet() -> str:
    return re.sub(r"//# sourceMappingURL=.*", "", resource("leaflet/leaflet.js")).strip()


def _leaflet_style() -> str:
    """Leaflet's style without its marker pictures, which would be asked for beside the page."""
    return re.sub(r"url\([^)]*\)", "none", resource("leaflet/leaflet.css"))
