"""Write realistic CSV files of five kinds, as departments hand them in.

Everything in them is fictitious: put together at random, belonging to nobody. Division codes exist
(GB/T 2260), check characters are right, dates fit together and no certificate has expired on the
day that ``--today`` names. The same seed and day give the same bytes, row by row, so that any
number of rows can be streamed.

    python samples/make_samples.py build/samples
    python samples/make_samples.py build/samples --kind resident-id --rows 100000
"""

import argparse
import csv
import datetime as dt
import random
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ecert.identifiers import (
    credit_code_check_character,
    division_name,
    resident_id_check_character,
)
from ecert.kinds import Catalogue
from ecert.kinds.validity import CHINA_TIME

ROWS = {
    "resident-id": 80,
    "no-criminal-record": 30,
    "drivers-licence": 50,
    "student-record": 50,
    "business-licence": 30,
}
DEFAULT_SEED = 36904

WORDS = tomllib.loads((Path(__file__).parent / "words.toml").read_text("utf-8"))
SURNAMES = [*WORDS["surnames"], *WORDS["surnames_of_two"]]


@dataclass(frozen=True)
class Person:
    """Somebody who does not exist."""

    name: str
    sex: str
    birth: dt.date
    division: str
    id_number: str

    def aged(self, years: int) -> dt.date:
        """The birthday on which the person is that old."""
        return same_day(self.birth, years)


def make_person(key: str, youngest: dt.date, oldest: dt.date) -> Person:
    """Make up a person born between two days, always the same one for the same key."""
    rng = random.Random(f"person:{key}")
    birth = oldest + dt.timedelta(days=rng.randrange((youngest - oldest).days + 1))
    division = rng.choice(WORDS["divisions"])
    sequence = rng.randrange(1, 1000)
    sex = "男" if sequence % 2 else "女"
    given = WORDS["given_male"] if sex == "男" else WORDS["given_female"]
    name = rng.choice(SURNAMES) + "".join(rng.sample(given, rng.choice((1, 2, 2, 2))))
    body = f"{division}{birth:%Y%m%d}{sequence:03d}"
    return Person(name, sex, birth, division, body + resident_id_check_character(body))


class Samples:
    """Rows of each kind, each row a function of seed, day and position alone."""

    def __init__(self, seed: int, today: dt.date) -> None:
        self.seed = seed
        self.today = today
        self.kinds: dict[str, Callable[[int], dict[str, str]]] = {
            "resident-id": self.resident_id,
            "no-criminal-record": self.no_criminal_record,
            "drivers-licence": self.drivers_licence,
            "student-record": self.student_record,
            "business-licence": self.business_licence,
        }

    def rows(self, kind: str, count: int) -> Iterator[dict[str, str]]:
        """Yield rows of a kind, claim by claim."""
        return (self.kinds[kind](position) for position in range(count))

    def citizen(self, position: int) -> Person:
        """The person in a row of resident-id.csv; every eighth is not of age."""
        key = f"{self.seed}:citizen:{position}"
        if position % 8 == 7:
            return make_person(key, self.back(years=6), self.back(years=17))
        return make_person(key, self.back(years=19), self.back(years=80))

    def adult(self, position: int) -> Person:
        """The adults among the citizens, in their order."""
        return self.citizen(position + position // 7)

    def resident_id(self, position: int) -> dict[str, str]:
        """One resident ID, issued within four years: even those of children last five."""
        rng = self.rng("resident-id", position)
        person = self.citizen(position)
        return {
            "name": person.name,
            "sex": person.sex,
            "ethnicity": rng.choice(WORDS["minorities"]) if rng.random() < 0.1 else "汉",
            "birth_date": person.birth.isoformat(),
            "address": self.address(person),
            "id_number": person.id_number,
            "issuing_authority": f"{short_name(person.division)}公安局（样例）",
            "issue_date": self.recent(rng, 30, 4 * 365),
        }

    def no_criminal_record(self, position: int) -> dict[str, str]:
        """One no-criminal-record certificate, issued in the last month."""
        rng = self.rng("no-criminal-record", position)
        person = self.adult(position)
        issued = dt.date.fromisoformat(self.recent(rng, 1, 30))
        return {
            "certificate_number": f"{person.division}{issued:%Y%m%d}{position + 1:06d}",
            "name": person.name,
            "id_number": person.id_number,
            "query_from": person.aged(16).isoformat(),
            "query_until": issued.isoformat(),
            "result": "未发现犯罪记录",
            "purpose": rng.choice(WORDS["purposes"]),
            "issuing_authority": f"{short_name(person.division)}公安局（样例）",
            "issue_date": issued.isoformat(),
        }

    def drivers_licence(self, position: int) -> dict[str, str]:
        """One driver's licence: the first for 6 years, then one for 10, then permanent."""
        rng = self.rng("drivers-licence", position)
        person = self.adult(position)
        earliest = max(person.aged(18), self.back(years=25))
        latest = self.back(days=20)
        first = earliest + dt.timedelta(days=rng.randrange(max(1, (latest - earliest).days)))
        renewals = ((6, "10年"), (16, "长期"))
        if any(0 < (same_day(first, years) - self.today).days <= 30 for years, _ in renewals):
            first += dt.timedelta(days=60)  # nothing expires within a month
        since, term = first, "6年"
        for years, next_term in renewals:
            if same_day(first, years) <= self.today:
                since, term = same_day(first, years), next_term
        return {
            "id_number": person.id_number,
            "name": person.name,
            "sex": person.sex,
            "nationality": "中国",
            "address": self.address(person),
            "birth_date": person.birth.isoformat(),
            "first_issue_date": first.isoformat(),
            "vehicle_class": rng.choice(WORDS["vehicle_classes"]),
            "valid_from": since.isoformat(),
            "validity_term": term,
            "file_number": f"{person.division}{rng.randrange(10**6):06d}",
            "issuing_authority": f"{short_name(person.division)}公安局交通警察支队（样例）",
            "issue_date": since.isoformat(),
        }

    def student_record(self, position: int) -> dict[str, str]:
        """One record of a student who graduates next year or later."""
        rng = self.rng("student-record", position)
        level, years, age = rng.choice(WORDS["levels"])
        entered = self.today.year - rng.randrange(1, years)
        birth_year = entered - age - rng.randrange(2)
        key = f"{self.seed}:student:{position}"
        person = make_person(key, dt.date(birth_year, 8, 31), dt.date(birth_year - 1, 9, 1))
        enrolment = dt.date(entered, 9, 1)
        span = min((self.today - enrolment).days, 300)
        school = f"{short_name(person.division)[:2]}样例{rng.choice(WORDS['schools'])}大学"
        return {
            "name": person.name,
            "sex": person.sex,
            "birth_date": person.birth.isoformat(),
            "id_number": person.id_number,
            "student_number": f"{entered}{rng.randrange(10, 99)}{position + 1:07d}",
            "school": school,
            "education_level": level,
            "major": rng.choice(WORDS["majors"]),
            "study_form": "全日制",
            "length_of_schooling": str(years),
            "class_name": f"{entered % 100}级{rng.randrange(1, 7)}班",
            "enrolment_date": enrolment.isoformat(),
            "enrolment_status": "在籍" if rng.random() < 0.95 else "休学",
            "expected_graduation": dt.date(entered + years, 6, 30).isoformat(),
            "issuing_authority": school,
            "issue_date": self.recent(rng, 0, span),
        }

    def business_licence(self, position: int) -> dict[str, str]:
        """One business licence, permanent or with a term that has years to go."""
        rng = self.rng("business-licence", position)
        key = f"{self.seed}:manager:{position}"
        manager = make_person(key, self.back(years=25), self.back(years=60))
        division = rng.choice(WORDS["divisions"])
        industry = rng.choice(list(WORDS["industries"]))
        since = dt.date.fromisoformat(self.recent(rng, 100, 15 * 365))
        until = same_day(since, rng.choice((20, 30))) - dt.timedelta(days=1)
        short = short_name(division)
        return {
            "credit_code": credit_code(rng, division),
            "name": f"{short}样例{''.join(rng.sample(WORDS['brands'], 2))}{industry}有限公司",
            "enterprise_type": "有限责任公司（自然人投资或控股）",
            "legal_representative": manager.name,
            "address": f"{place(division)}{road(rng)}{rng.randrange(1, 300)}号",
            "registered_capital": f"{rng.choice((10, 50, 100, 500, 1000))}万元人民币",
            "established": since.isoformat(),
            "business_term_from": since.isoformat(),
            "business_term_until": "长期" if rng.random() < 0.5 else until.isoformat(),
            "business_scope": WORDS["scope"].format(industry=WORDS["industries"][industry]),
            "issuing_authority": f"{short}市场监督管理局（样例）",
            "issue_date": since.isoformat(),
        }

    def rng(self, kind: str, position: int) -> random.Random:
        """A generator of a row's own, so that rows do not depend on each other."""
        return random.Random(f"{self.seed}:{kind}:{position}")

    def address(self, person: Person) -> str:
        """Where the person lives, the same in each certificate."""
        rng = random.Random(f"address:{person.id_number}")
        estate = rng.choice(WORDS["estates"]) + rng.choice(WORDS["estate_kinds"])
        line = f"{place(person.division)}{road(rng)}{rng.randrange(1, 500)}号{estate}"
        return f"{line}{rng.randrange(1, 30)}栋{rng.randrange(1, 33)}{rng.randrange(1, 5):02d}室"

    def recent(self, rng: random.Random, least: int, most: int) -> str:
        """A day between so many days ago and so many."""
        return (self.today - dt.timedelta(days=rng.randint(least, most))).isoformat()

    def back(self, *, years: int = 0, days: int = 0) -> dt.date:
        """The day so long ago."""
        return same_day(self.today, -years) - dt.timedelta(days=days)


def same_day(day: dt.date, years: int) -> dt.date:
    """The same day some years on; 28 February for the 29th where there is none."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def short_name(division: str) -> str:
    """The division's name without its province."""
    name = division_name(division) or division
    province = division_name(f"{division[:2]}0000") or ""
    return name.removeprefix(province)


def place(division: str) -> str:
    """Province, city and county, as an address begins."""
    city = division_name(f"{division[:4]}00") or ""
    if city and not city.endswith(("市辖区", "县")):
        return city + short_name(division)
    return division_name(division) or division


def road(rng: random.Random) -> str:
    """A road that may exist anywhere."""
    name: str = rng.choice(WORDS["roads"]) + rng.choice(WORDS["road_kinds"])
    return name


def credit_code(rng: random.Random, division: str) -> str:
    """An enterprise's credit code, its organisation code (GB 11714) with a check character too."""
    organisation = "MA" + "".join(rng.choice("0123456789ABCDEFGHJKLMNPQRTUWXY") for _ in range(6))
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(char, 36) * weight for char, weight in zip(organisation, weights, strict=True))
    body = f"91{division}{organisation}{'0X987654321'[total % 11]}"
    return body + credit_code_check_character(body)


def write(folder: Path, samples: Samples, kind: str, count: int) -> Path:
    """Write one kind's CSV file, with headers in Chinese and the mark that Excel wants."""
    definition = Catalogue.load().kind(kind)
    path = folder / f"{kind}.csv"
    claims = list(samples.kinds[kind](0))
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([definition.label(claim, "zh") for claim in claims])
        writer.writerows(list(row.values()) for row in samples.rows(kind, count))
    return path


def main(arguments: list[str] | None = None) -> int:
    """Write the files."""
    parser = argparse.ArgumentParser(description="Write fictitious sample tables of five kinds.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, help="rows in all (240)")
    parser.add_argument("--kind", choices=list(ROWS), help="this kind only")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--today", type=dt.date.fromisoformat, default=None)
    options = parser.parse_args(arguments)
    today = options.today or dt.datetime.now(CHINA_TIME).date()
    samples = Samples(options.seed, today)
    wanted = {options.kind: ROWS[options.kind]} if options.kind else dict(ROWS)
    if options.rows is not None:
        wanted = shares(wanted, options.rows)
    options.folder.mkdir(parents=True, exist_ok=True)
    for kind, count in wanted.items():
        path = write(options.folder, samples, kind, count)
        print(f"{path}: {count} rows")
    return 0


def shares(wanted: dict[str, int], total: int) -> dict[str, int]:
    """Scale the kinds' rows to a total; what rounding leaves goes to the first."""
    whole = sum(wanted.values())
    scaled = {kind: count * total // whole for kind, count in wanted.items()}
    first = next(iter(scaled))
    scaled[first] += total - sum(scaled.values())
    return scaled


if __name__ == "__main__":
    sys.exit(main())
