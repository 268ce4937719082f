"""``landshift sites``: announced counties as a site list."""

from __future__ import annotations

from pathlib import Path

import click

from landshift.cli.options import FiniteRange


@click.command()
@click.argument("names", nargs=-1)
@click.option("--year", type=int, multiple=True, help="Only those announced for this year.")
@click.option("--province", metavar="NAME", help="Only those of this province.")
@click.option("--radius-m", type=FiniteRange(100.0, 50_000.0), metavar="METRES",
              help="Reach of the search box; 3000 around a town, 15000 around a county's centre.")
@click.option("--table", "as_table", is_flag=True, help="Print a table to read, not a list.")
@click.option("--out", type=click.Path(path_type=Path), metavar="CSV",
              help="Write the list there.")
@click.option("--overwrite", is_flag=True, help="Replace CSV where it exists.")
def sites(
    names: tuple[str, ...], year: tuple[int, ...], province: str | None, radius_m: float | None,
    as_table: bool, out: Path | None, overwrite: bool,
) -> None:  # fmt: skip
    """Print the counties of the 20x10 announcements, all or NAMES, as a list for batch.

    Any spelling finds a county: Kyongsong, Kyŏngsŏng, Gyeongseong, 경성. Put the names of the
    pictures into the columns before and after. A point is a town or, where the list says so, the
    centre of a county only; none is the place of a factory.

    Data: GeoNames and open-admin-data/north-korea-administrative-divisions, CC BY 4.0.
    """
    if as_table and out is not None:
        raise click.UsageError("--table prints; --out, which writes the list, does not go with it")
    from landshift.cli.gazetteer_list import print_counties, site_list
    from landshift.errors import SiteError
    from landshift.gazetteer import find_counties
    from landshift.gazetteer.spelling import sound_keys
    from landshift.placing import check_file, new_files

    found = find_counties(names, year)
    if province is not None:
        found = tuple(c for c in found if sound_keys(c.province) & sound_keys(province))
    if not found:
        raise SiteError("no announced county is in that province and year")
    if as_table:
        print_counties(found)
        return
    text = site_list(found, radius_m)
    if out is None:
        click.echo(text, nl=False)
        return
    check_file(out, overwrite)
    with new_files(out) as (fresh,):
        fresh.write_text(text, encoding="utf-8")
    click.echo(f"{len(found)} sites written to {out}")
