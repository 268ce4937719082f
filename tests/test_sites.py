"""The gazetteer: every spelling finds its county, and no row claims more than is known."""

from __future__ import annotations

import csv
import io

import pytest
from click.testing import CliRunner

from landshift.batch.site_list import read_site_list
from landshift.cli import main
from landshift.errors import SiteError
from landshift.gazetteer import COUNTY_CENTRE, NO_COORDINATES, TOWN, find_counties, read_counties

SPELLINGS = {
    "kyongsong-2024": "Kyongsong Kyŏngsŏng Gyeongseong KYONGSONG 경성 경성군 Kyŏngsŏng-ŭp Shuotsu",
    "songchon-2024": "Songchon Seongcheon Sŏngch’ŏn 성천",
    "unpha-2024": "Unpha Eunpa Ŭnp'a",
    "kumya-2024": "Kumya Geumya Kŭmya",
    "tongsin-2024": "Tongsin Dongshin Dongsin",
    "usi-2024": "Usi Ushi",
    "orang-2024": "Orang Eorang Ŏrang",
    "phyongwon-2026": "Phyongwon Pyeongwon P'yŏngwŏn",
    "phyonggang-2026": "Phyonggang Pyeonggang",
    "unnyul-2026": "Unnyul Eunyul Ŭllyul 은률",
    "ragwon-2026": "Ragwon Nakwon 락원",
    "taean-2026": "Taean Daean 대안구역",
    "phanmun-2026": "Phanmun Panmun",
    "musan-2026": "Musan Mushin 무산",
    "sonchon-2026": "Sonchon Seoncheon",
    "sinuiju-2026": "Sinuiju Sinŭiju 신의주 新義州市 Синыйджу",
    "riwon-2026": "Riwon Iwon",
}


@pytest.mark.parametrize("county", SPELLINGS)
def test_every_spelling_finds_its_county(county):
    for spelling in SPELLINGS[county].split():
        assert [found.id for found in find_counties([spelling])] == [county], spelling


def test_every_row_is_found_by_its_own_names():
    for county in read_counties():
        for spelling in (county.name, *county.spellings):
            assert county in find_counties([spelling]), spelling


def test_homonyms_are_all_found_and_say_so():
    found = find_counties(["Unsan"])
    assert [county.province for county in found] == ["North Pyongan", "South Pyongan"]
    assert all("homonym" in county.doubt for county in found)
    assert len(find_counties(["운산"])) == 1


def test_an_unknown_name_gets_a_hint():
    with pytest.raises(SiteError, match="alike are Kyongsong"):
        find_counties(["Kyungsong"])
    with pytest.raises(SiteError, match="no announced county"):
        find_counties(["Paris"])


def test_the_table_is_what_was_announced():
    counties = read_counties()
    assert [sum(c.year == year for c in counties) for year in (2024, 2026)] == [21, 21]
    assert len({county.id for county in counties}) == 42
    kinds = [county.kind for county in counties]
    assert kinds.count(TOWN) == 15
    assert kinds.count(NO_COORDINATES) == 1
    for county in counties:
        assert county.source or county.kind == NO_COORDINATES
        assert "CC-BY-4.0" in county.source or county.kind == NO_COORDINATES
        assert county.doubt or county.kind == TOWN
    for name in ("Jangphung", "Kumya", "Tongsin"):
        assert "look again" in find_counties([name])[0].doubt


def test_the_printed_list_is_a_list_for_batch(tmp_path):
    done = CliRunner().invoke(main, ["sites", "--year", "2026"])
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 21
    for row in rows:
        reach = {TOWN: "3000", COUNTY_CENTRE: "15000", NO_COORDINATES: ""}[row["point_is"]]
        assert row["radius_m"] == reach
    path = tmp_path / "sites.csv"
    path.write_text(done.stdout.replace(",2026,,,", ",2026,a.tif,b.tif,"), encoding="utf-8")
    sites = read_site_list(path).sites
    assert [site.problem for site in sites] == [""] * 21
    assert sites[0].site.aoi is not None
    assert sites[0].extra["point_is"] == TOWN


def test_the_command_filters_writes_and_draws(tmp_path):
    runner = CliRunner()
    out = tmp_path / "list.csv"
    asked = ["sites", "경성", "--radius-m", "1500", "--out", str(out)]
    assert runner.invoke(main, asked).exit_code == 0
    assert "kyongsong-2024" in out.read_text()
    assert ",1500," in out.read_text()
    refused = runner.invoke(main, asked)
    assert (refused.exit_code, "--overwrite replaces it" in refused.output) == (1, True)
    drawn = ["sites", "--province", "Jagang", "--table"]
    table = runner.invoke(main, drawn, env={"COLUMNS": "200"})
    assert "county centre only" in table.output
    assert "CC BY 4.0" in table.output
    assert runner.invoke(main, ["sites", "Paris"]).exit_code == 1
